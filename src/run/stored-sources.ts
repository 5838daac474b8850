/** Where workers find the sources of a plan. */
import type { FactorLocation, LowRankTerm } from '../checkpoint/checkpoint.js';
import type { MergeJob, Plan, Source } from '../plan/plan.js';
import type { RowRuns } from '../plan/row-maps.js';
import { readsRowsAnew } from '../plan/sources.js';
import { gatheredDtype, type StoredFactor, type StoredLowRank, type StoredVector } from './stored-vector.js';

/** By file and byte of a tensor: where it is to be read instead. */
export type HeldPlaces = ReadonlyMap<string, { readonly file: number; readonly begin: number }>;

export interface SourceFinder {
  readonly plan: Plan;
  /** See `PreparedMerge.rowRuns`. */
  readonly rowRuns: readonly RowRuns[];
  /** Finds the worker's file index of a plan's source. */
  readonly fileIndex: (source: Pick<Source, 'input' | 'file'>) => number;
  /** Means of rows, by the source that has rows of no token. */
  readonly meanRows?: ReadonlyMap<Source, Float32Array>;
  /** Matrices whose rows are read in another order, where they are not in their files. */
  readonly held?: HeldPlaces;
}

type Shaped = Pick<MergeJob, 'shape'>;

/** A job's source as its workers read it. */
export function storedVector(finder: SourceFinder, job: Shaped, source: Source): StoredVector {
  const { lowRank, rows } = source;
  const vector = factor(finder, source, source);
  if (rows !== undefined) {
    const { hasMeans, digest } = finder.plan.rowMaps![rows.map]!;
    const runs = finder.rowRuns[rows.map]!;
    const [, columns = 1] = job.shape;
    const parts = rows.parts.map((part) => held(finder, storedVector(finder, job, part)));
    const mean = finder.meanRows?.get(source);
    return { ...vector, rows: { name: digest, columns, parts, runs, mean, held: gatheredDtype(parts, hasMeans) } };
  }
  if (lowRank === undefined) return vector;
  const adapted = { ...vector, lowRank: storedLowRank(finder, job, source, lowRank) };
  return readsRowsAnew(adapted) ? held(finder, adapted) : adapted;
}

function held({ held: places }: SourceFinder, vector: StoredVector): StoredVector {
  const place = places?.get(`${vector.file} ${vector.begin}`);
  return place === undefined ? vector : { ...vector, ...place };
}

function storedLowRank(
  finder: SourceFinder,
  { shape }: Shaped,
  source: Source,
  { left, right, magnitudes, ...term }: LowRankTerm,
): StoredLowRank {
  const [, columns = 0] = shape;
  const [leftFactor, rightFactor] = [factor(finder, source, left), factor(finder, source, right)];
  const product = { ...term, columns, left: leftFactor, right: rightFactor };
  return magnitudes === undefined ? product : { ...product, magnitudes: factor(finder, source, magnitudes) };
}

function factor(
  { fileIndex }: SourceFinder,
  { input }: Pick<Source, 'input'>,
  { file, begin, dtype }: FactorLocation,
): StoredFactor {
  return { file: fileIndex({ input, file }), begin, dtype };
}
