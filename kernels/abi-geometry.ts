/**
 * The part of the contract of abi.ts that measures task vectors. x are f32 operands of a table whose scales and weights
 * are ignored; at most 8, for `sumProducts` at most 10.
 */
import type { Slot } from './slot.js';

export interface GeometryKernels {
  /**
   * Sets `bit` (a power of two below 256) in mask[i] (u8) where the stored elements a[i] and b[i] of `width` bytes
   * (1, 2, 4 or 8) differ in any bit; leaves the other bits alone.
   */
  markChanged(a: Slot, b: Slot, width: number, count: number, mask: Slot, bit: number): void;
  /**
   * Adds 1 to bins[(m << operands) | mask[i]] (u32, BASE_MAGNITUDE_BINS << operands of them) for each element, m being
   * bits(|base[i]|) >>> 19.
   */
  countMasks(base: Slot, mask: Slot, operands: number, count: number, bins: Slot): void;
  /**
   * Looks at the elements of which the stored bf16 base[i] and changed[i] differ. Where both have one sign and one
   * exponent (that of infinity and NaN included), adds 1 to bins[bits(base) & 0x7f80 | steps] (u32, MAGNITUDE_BINS of
   * them), `steps` being the difference of their mantissas, 1…127. The others are written to `changes` (changed − base, f32) and
   * `bases` (f32) in order; returns how many. Both have room for `count` elements. All that differ are marked as by
   * `markChanged`.
   */
  countSteps(
    base: Slot,
    changed: Slot,
    count: number,
    bins: Slot,
    changes: Slot,
    bases: Slot,
    mask: Slot,
    bit: number,
  ): number;
  /**
   * Writes the x ≠ 0 and their base values to `changes` and `bases` (f32, not in place) in order; returns how many. Both
   * have room for `count` elements and three more, which may be overwritten.
   */
  collectChanges(x: Slot, base: Slot, count: number, changes: Slot, bases: Slot): number;
  /**
   * Adds f64 products (of operands widened to f64) to REDUCTION_LANES lanes each, lane i mod 8: first x_j·x_k for all
   * j ≤ k (order (0,0), (0,1), …, (1,1), …), then (x_j·x_k)² for all j < k in the same order.
   * `lanes` has REDUCTION_LANES · (operands·(operands+1)/2 + operands·(operands−1)/2) f64. Called with multiples of 8
   * elements (but for a tensor's end), the sums do not depend on cuts.
   */
  sumProducts(table: Slot, operands: number, count: number, lanes: Slot): void;
  /**
   * Adds xᵢ² as f64 to `lanes` (REDUCTION_LANES f64), lane i mod 8. Called with multiples of 8 elements (but for a
   * tensor's end), the sums do not depend on cuts.
   */
  sumSquares(source: Slot, count: number, lanes: Slot): void;
  /**
   * f64 sums over the elements that two or more operands changed, apart for each mask of those who did. `lanes` has
   * sharedSums(operands) sums for each of the 1 << operands masks, of SHARED_LANES f64 each: x_j·x_k of all pairs j < k
   * (order (0,1), (0,2), …, (1,2), …), (x_j·x_k)² of the same, x_j² of all operands, and min(P,N), P and N being the sums
   * over the mask's operands of max(x,0) and max(−x,0). Sums of operands that are not in the mask are left alone. The
   * r-th element of a mask adds to lane r mod SHARED_LANES; `ranks` (u8 for each mask) keeps r mod SHARED_LANES, so that
   * sums do not depend on how a range was cut. `counters` (u32, +1 each): elements with x_j·x_k < 0 for all pairs, then
   * elements with P = N.
   */
  sumShared(table: Slot, operands: number, mask: Slot, count: number, ranks: Slot, lanes: Slot, counters: Slot): void;
  /**
   * How a merged change d and the change w that was written (f32 both) lie to the operands. `lanes` has SHARED_LANES f64
   * for each of d², w², then d·x_k for all operands, then w·x_k. Products and the sums of a lane (i mod SHARED_LANES)
   * over ALIGNMENT_RUN elements are f32, in order; those are added as f64. Called with multiples of ALIGNMENT_RUN
   * elements (but for a tensor's end), the sums do not depend on how the range was cut. `counters` (2 u32): elements
   * with d = 0, and others with w = 0.
   */
  sumAlignment(
    table: Slot,
    operands: number,
    delta: Slot,
    written: Slot,
    count: number,
    lanes: Slot,
    counters: Slot,
  ): void;
  /**
   * What of the operands a merged change d goes along with. For each operand, SHARED_LANES f64 each: Σx², Σx² where
   * x·d < 0 (f32), and Σx² where d = 0; terms, runs and calls as for `sumAlignment`. Elements with bits(|x|) below the
   * operand's selector count as 0; selector 0 keeps everything, 0x80000000 nothing.
   */
  sumSurvival(table: Slot, operands: number, delta: Slot, count: number, lanes: Slot): void;
  /**
   * Adds the energies of the rows of a matrix to `rows` (f64, one for each row touched): elements are row-major from
   * column `column` of the first row on, `columns` to a row. A row's x² (f32) adds to lane (its column mod 8) of `lanes` (8
   * f32), in order; where the row ends, ((0+4)+(2+6))+((1+5)+(3+7)) of them (f32) is added and they become 0. Sums do not
   * depend on how a range was cut, if the next call is given the same lanes and the row it begins in.
   */
  addRowSquares(source: Slot, count: number, column: number, columns: number, lanes: Slot, rows: Slot): void;
  /** Adds x² (f32) to the sums (f32) of the columns of a matrix, row after row; the range as in `addRowSquares`. */
  addColumnSquares(source: Slot, count: number, column: number, columns: number, sums: Slot): void;
  /**
   * product = matrix · factor in f64: `rows` rows of `columns` f32 by a factor of columns × `width` f64 (row-major), sums
   * over the columns in order.
   */
  multiplyRows(matrix: Slot, rows: number, columns: number, factor: Slot, width: number, product: Slot): void;
  /** factor += matrixᵀ · product, of the shapes of `multiplyRows`, row after row; elements that are 0 add nothing. */
  addTransposedRows(matrix: Slot, rows: number, columns: number, product: Slot, width: number, factor: Slot): void;
  /** sums += aᵀ·b in f64, row after row: a and b have `rows` rows of `width` f64, sums `width` rows of as many. */
  addInnerProducts(a: Slot, b: Slot, rows: number, width: number, sums: Slot): void;
  /**
   * Classifies the elements with x ≠ 0 into CHANGE_COUNTERS u32 counters. The unit in the last place of a base value w
   * with `mantissaBits` explicit mantissa bits is 2^(max(e, minimumExponent) − mantissaBits), 2^e ≤ |w| < 2^(e+1).
   * Returns the largest |x| (0 if none; NaN ignored).
   */
  classifyChange(
    x: Slot,
    base: Slot,
    count: number,
    mantissaBits: number,
    minimumExponent: number,
    counters: Slot,
  ): number;
}
