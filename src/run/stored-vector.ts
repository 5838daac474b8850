/** Where a vector of a unit is stored, and what an adapter adds to it. */
import type { MergeableDtype } from '../checkpoint/dtype.js';

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
}

export interface StoredVector {
  /** Index into the worker's input files. */
  readonly file: number;
  /** Byte of the tensor's first element in the file. */
  readonly begin: number;
  readonly dtype: MergeableDtype;
  /** What an adapter adds to the stored values. */
  readonly lowRank?: StoredLowRank;
  /**
   * Where this unit of it is to be read while it is spooled; `file` and `begin` stay its identity. The begin is that of
   * the tensor's first element as if all of it were there, so it may be negative.
   */
  readonly spooled?: { readonly file: number; readonly begin: number };
}

/** A vector that an adapter adds something to. */
export type AdaptedVector = StoredVector & { readonly lowRank: StoredLowRank };

export function isAdapted(vector: StoredVector): vector is AdaptedVector {
  return vector.lowRank !== undefined;
}

/** The dtype in which a worker holds a vector before it is widened: with an adapter's term it is f32 already. */
export function heldDtype({ dtype, lowRank }: StoredVector): MergeableDtype {
  return lowRank === undefined ? dtype : 'F32';
}

/** The same text for vectors that hold the same values. */
export function placeOf({ file, begin, dtype, lowRank }: StoredVector): string {
  const adapted = lowRank === undefined ? '' : ` ${JSON.stringify(lowRank)}`;
  return `${file} ${begin} ${dtype}${adapted}`;
}
