/** What a worker measures of the task vectors of one unit: counts and f64 sums that add up over units. */
import { type Kernels, SHARED_LANES, type Slot, sharedSums } from '../../kernels/abi.js';
import type { SparseCounts } from '../../kernels/statistics/sparse-counts.js';
import type { ChannelSums } from './channels.js';

/** Experts a geometry can hold: masks are bytes, and 2^N combinations are told apart. */
export const MAX_EXPERTS = 8;

/** Sums over what two or more experts changed; arrays by pair are (0,1), (0,2), …, (1,2), …. */
export interface SharedSums {
  /** Σ τⱼτₖ for j < k. */
  readonly products: readonly number[];
  /** Σ (τⱼτₖ)² for j < k. */
  readonly squaredProducts: readonly number[];
  /** Σ τⱼ² over what k changed too, for ordered pairs j ≠ k. */
  readonly overlapSquares: readonly number[];
  /** Σ min(P,N) over elements. */
  readonly conflict: number;
}

/** Plain data that survives structured cloning. Arrays by expert are in recipe order. */
export interface UnitSums extends SharedSums {
  readonly elements: number;
  /** Σ base², and Σ τ² by expert. */
  readonly baseSquares: number;
  readonly squares: readonly number[];
  /** Σ (τⱼ−τₖ)² for j < k. */
  readonly squaredDistances: readonly number[];
  /** Σ (P+N) over elements. */
  readonly mass: number;
  /** Elements that both of a pair changed in opposite directions, by pair; elements with P = N ≠ 0. */
  readonly opposed: readonly number[];
  readonly cancelled: number;
  /** Elements by base magnitude (4,096 bins) and mask of experts that changed them: bin = magnitude << N | mask. */
  readonly masks: SparseCounts;
  /** CHANGE_COUNTERS counters for each expert. */
  readonly changes: readonly (readonly number[])[];
  readonly maximum: readonly number[];
  /** Elements by the upper 16 bits of |τ|, for each expert. */
  readonly magnitudes: readonly SparseCounts[];
  /** For a matrix of an MLP. */
  readonly channels?: ChannelSums | undefined;
  /** When asked for: the projected task vector of each expert. */
  readonly projection?: readonly Float64Array[] | undefined;
}

export const pairCount = (experts: number): number => (experts * (experts - 1)) / 2;

/** Index of the pair j < k. */
export function pairIndex(j: number, k: number, experts: number): number {
  return j * (experts - 1) - (j * (j - 1)) / 2 + (k - j - 1);
}

/** Index of the ordered pair j ≠ k. */
export function orderedPairIndex(j: number, k: number, experts: number): number {
  return j * (experts - 1) + (k > j ? k - 1 : k);
}

/**
 * Σ(τⱼ−τₖ)² by pair: over what both changed, and what either changed alone. Taken for each unit, since a few huge changes
 * that two experts have in common leave nothing of the small ones that they have not. `byMask`: elements by who changed
 * them. Sums over the overlap are added up in one order, sums over the unit in another: nothing is left of their
 * difference where nothing lies beside the overlap, so that equal experts are at 0.
 */
export function squaredDistances(
  squares: readonly number[],
  { products, overlapSquares }: SharedSums,
  byMask: ArrayLike<number>,
): number[] {
  const experts = squares.length;
  const distances = new Array<number>(products.length).fill(0);
  const changedAlone = (j: number, k: number): boolean =>
    Array.prototype.some.call(
      byMask,
      (count: number, mask: number) => count > 0 && (mask >> j) & 1 && !((mask >> k) & 1),
    );
  const beside = (j: number, k: number, overlap: number): number =>
    changedAlone(j, k) ? Math.max(0, squares[j]! - overlap) : 0;
  for (let j = 0; j < experts; j++) {
    for (let k = j + 1; k < experts; k++) {
      const pair = pairIndex(j, k, experts);
      const overlapOfJ = overlapSquares[orderedPairIndex(j, k, experts)]!;
      const overlapOfK = overlapSquares[orderedPairIndex(k, j, experts)]!;
      distances[pair] =
        Math.max(0, overlapOfJ + overlapOfK - 2 * products[pair]!) +
        beside(j, k, overlapOfJ) +
        beside(k, j, overlapOfK);
    }
  }
  return distances;
}

/** The sum of consecutive f64 in kernel memory, first to last. */
export function foldLanes({ memory }: Kernels, slot: Slot, count: number): number {
  return sumOf(new Float64Array(memory.buffer, slot, count), 0, count);
}

function sumOf(values: Float64Array, begin: number, count: number): number {
  let total = 0;
  for (let i = begin; i < begin + count; i++) total += values[i]!;
  return total;
}

/** Adds up what `sumShared` keeps apart for each mask, in ascending order of the masks. */
export function foldShared(lanes: Float64Array, experts: number): SharedSums {
  const pairs = pairCount(experts);
  const products = new Array<number>(pairs).fill(0);
  const squaredProducts = new Array<number>(pairs).fill(0);
  const overlapSquares = new Array<number>(2 * pairs).fill(0);
  let conflict = 0;
  for (let mask = 3; mask < 1 << experts; mask++) {
    const begin = mask * sharedSums(experts);
    const sum = (index: number): number => sumOf(lanes, (begin + index) * SHARED_LANES, SHARED_LANES);
    for (let pair = 0; pair < pairs; pair++) {
      products[pair]! += sum(pair);
      squaredProducts[pair]! += sum(pairs + pair);
    }
    for (let j = 0; j < experts; j++) {
      const squares = sum(2 * pairs + j);
      for (let k = 0; k < experts; k++) {
        if (k !== j && mask & (1 << k)) overlapSquares[orderedPairIndex(j, k, experts)]! += squares;
      }
    }
    conflict += sum(2 * pairs + experts);
  }
  return { products, squaredProducts, overlapSquares, conflict };
}
