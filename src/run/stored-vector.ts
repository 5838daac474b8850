/** Where a vector of a unit is stored, and what an adapter adds to it. */
import type { MergeableDtype } from '../checkpoint/dtype.js';
import { MEAN_OF_ROWS, type RowRuns, runsWithin } from '../plan/row-maps.js';

/** A matrix of an adapter. */
export interface StoredFactor {
  /** Index into the worker's input files. */
  readonly file: number;
  /** Byte of its first element in the file. */
  readonly begin: number;
  readonly dtype: MergeableDtype;
}

/** scale·L·R for a tensor [rows, columns]: L is [rows, rank], R is [rank, columns]; see `LowRankTerm`. */
export interface StoredLowRank {
  readonly left: StoredFactor;
  readonly right: StoredFactor;
  readonly rows: number;
  readonly columns: number;
  readonly rank: number;
  /** Both are stored as their transposes. */
  readonly transposed: boolean;
  readonly scale: number;
  /** [rows] */
  readonly magnitudes?: StoredFactor;
}

export interface StoredVector {
  /** Index into the worker's input files. */
  readonly file: number;
  /** Byte of the tensor's first element in the file. */
  readonly begin: number;
  readonly dtype: MergeableDtype;
  /** What an adapter adds to the stored values. */
  readonly lowRank?: StoredLowRank;
  /** Where its rows come from, if not one after the other from the place above. */
  readonly rows?: StoredRows;
  /**
   * Where this unit of it is to be read while it is spooled; `file` and `begin` stay its identity. The begin is that of
   * the tensor's first element as if all of it were there, so it may be negative.
   */
  readonly spooled?: { readonly file: number; readonly begin: number };
}

/** A matrix put together from rows of others. */
export interface StoredRows {
  /** The same text for the same rows. */
  readonly name: string;
  readonly columns: number;
  /** What the runs take rows of. */
  readonly parts: readonly StoredVector[];
  /** Those that a unit covers (all of them outside of tasks), in order. */
  readonly runs: RowRuns;
  /** Elements of a row that holds the mean; undefined while that is being found, when such rows are zeros. */
  readonly mean: Float32Array | undefined;
  readonly held: MergeableDtype;
}

/** A vector whose rows come from several places. */
export type GatheredVector = StoredVector & { readonly rows: StoredRows };

export function isGathered(vector: StoredVector): vector is GatheredVector {
  return vector.rows !== undefined;
}

/** The dtype of gathered rows before they are widened: as stored where all are taken over as they are. */
export function gatheredDtype(parts: readonly StoredVector[], hasMeans: boolean): MergeableDtype {
  const [first] = parts;
  const isAlike = parts.every((part) => part.dtype === first!.dtype && !isAdapted(part));
  return first !== undefined && !hasMeans && isAlike ? first.dtype : 'F32';
}

/** The vector with the runs alone that elements [firstIndex, firstIndex + count) lie in. */
export function unitOf(vector: StoredVector, firstIndex: number, count: number): StoredVector {
  if (!isGathered(vector)) return vector;
  const { columns, runs, mean } = vector.rows;
  const own = runsWithin(runs, Math.floor(firstIndex / columns), Math.floor((firstIndex + count - 1) / columns));
  const isNeeded = own.terms.includes(MEAN_OF_ROWS);
  return { ...vector, rows: { ...vector.rows, runs: own, mean: isNeeded ? mean : undefined } };
}

/** A vector that an adapter adds something to. */
export type AdaptedVector = StoredVector & { readonly lowRank: StoredLowRank };

export function isAdapted(vector: StoredVector): vector is AdaptedVector {
  return vector.lowRank !== undefined;
}

/** The dtype in which a worker holds a vector before it is widened: with an adapter's term it is f32 already. */
export function heldDtype({ dtype, lowRank, rows }: StoredVector): MergeableDtype {
  if (rows !== undefined) return rows.held;
  return lowRank === undefined ? dtype : 'F32';
}

/** The same text for vectors that hold the same values. */
export function placeOf({ file, begin, dtype, lowRank, rows }: StoredVector): string {
  if (rows !== undefined) return `${rows.name} of ${rows.parts.map(placeOf).join(' and ')}`;
  const adapted = lowRank === undefined ? '' : ` ${JSON.stringify(lowRank)}`;
  return `${file} ${begin} ${dtype}${adapted}`;
}
