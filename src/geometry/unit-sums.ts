/** What a worker measures of the task vectors of one unit: counts and f64 sums that add up over units. */
import { REDUCTION_LANES } from '../../kernels/abi.js';
import type { SparseCounts } from '../../kernels/statistics/sparse-counts.js';

/** Experts a geometry can hold: masks are bytes, and 2^N combinations are told apart. */
export const MAX_EXPERTS = 8;

/** Plain data that survives structured cloning. Arrays by expert are in recipe order; pairs are (0,1), (0,2), …, (1,2), …. */
export interface UnitSums {
  readonly elements: number;
  /** Σ base². */
  readonly baseSquares: number;
  /** Σ τⱼτₖ for j ≤ k. */
  readonly products: readonly number[];
  /** Σ (τⱼτₖ)² for j < k. */
  readonly squaredProducts: readonly number[];
  /** Σ τⱼ² where τₖ ≠ 0, for ordered pairs j ≠ k. */
  readonly overlapSquares: readonly number[];
  /** Σ min(P,N) and Σ (P+N) over elements, and elements with P = N ≠ 0. */
  readonly conflict: number;
  readonly mass: number;
  readonly cancelled: number;
  /** Elements by base magnitude (4,096 bins) and mask of experts that changed them: bin = magnitude << N | mask. */
  readonly masks: SparseCounts;
  /** Changed elements by mask and signs: bin = mask | signs << N. */
  readonly signs: SparseCounts;
  /** CHANGE_COUNTERS counters for each expert. */
  readonly changes: readonly (readonly number[])[];
  readonly maximum: readonly number[];
  /** Elements by the upper 16 bits of |τ|, for each expert. */
  readonly magnitudes: readonly SparseCounts[];
}

export const pairCount = (experts: number): number => (experts * (experts - 1)) / 2;

/** Number of sums of the three kinds of products, for `sumProducts` and `sumOverlapEnergy`. */
export function productSums(experts: number): { products: number; squared: number; overlap: number } {
  return { products: pairCount(experts) + experts, squared: pairCount(experts), overlap: 2 * pairCount(experts) };
}

/** Στ² by expert, from the products. */
export function squaresOf({ products }: UnitSums, experts: number): number[] {
  return Array.from({ length: experts }, (_, j) => products[j * experts - pairCount(j)]!);
}

/** Adds up the lanes of `sums` consecutive reductions. */
export function foldLanes(lanes: Float64Array, sums: number): number[] {
  return Array.from({ length: sums }, (_, sum) =>
    lanes.subarray(sum * REDUCTION_LANES, (sum + 1) * REDUCTION_LANES).reduce((total, lane) => total + lane, 0),
  );
}
