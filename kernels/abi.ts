/**
 * The contract between the engine and its arithmetic: stage functions over one linear memory.
 *
 * Two implementations exist with the same results bit for bit: `simd` (AssemblyScript, WebAssembly SIMD) and
 * `reference` (plain TypeScript over typed arrays, which defines the result). kernels/README.md has the table.
 *
 * Conventions
 * - A `Slot` is a byte offset into `memory`, a multiple of 16. Slots of f32 hold consecutive little-endian f32; for
 *   `sumProducts`, `sumSquares`, `softmaxDivergence` and `weightedSum` they may be multiples of 4, so that they can work on
 *   one row of a tile.
 * - `count` is in elements, 0 allowed, any length (no lane multiple required).
 * - `destination` may equal a source slot of the same element width (in place); otherwise ranges do not overlap.
 * - f32 arithmetic rounds after every operation (no fused multiply-add), in the order written here.
 * - `firstIndex` is the flat index (row-major, 0-based, < 2^53) of the slot's first element in its tensor, so that
 *   random decisions depend on the element and never on how a tensor was cut.
 */

import type { ColumnKernels } from './abi-columns.js';
import type { DirectionKernels } from './abi-directions.js';
import type { GeometryKernels } from './abi-geometry.js';
import type { LinearAlgebraKernels } from './abi-linear-algebra.js';
import type { SelectionKernels } from './abi-selection.js';
import type { StoredKernels } from './abi-stored.js';
import type { Slot } from './slot.js';

export type { Slot } from './slot.js';

/** Bytes of one entry of an operand table (see `OPERAND`). */
export const OPERAND_BYTES = 16;

/** Byte offsets inside an operand table entry: u32 slot of an f32 vector, f32 scale, f32 weight, u32 selector. */
export const OPERAND = { slot: 0, scale: 4, weight: 8, selector: 12 } as const;

/** Number of f64 partial sums an accumulating reduction keeps; element i adds to lane i mod 8. */
export const REDUCTION_LANES = 8;

/** Number of bins of a magnitude histogram: the upper 16 bits of |x| as f32, whose sign bit is 0. */
export const MAGNITUDE_BINS = 32_768;

/** Bins of a base value's magnitude in `countMasks`: exponent and upper four mantissa bits of the f32. */
export const BASE_MAGNITUDE_BINS = 4096;

/**
 * Counters of `classifyChange`: ULP_CLASS_COUNT classes by |x| in units in the last place of the base value (class 0:
 * up to ½, then 1, 2, 3–4, 5–8, … doubling; the last class takes the rest), then elements with |x| > 1e-5 (f32), then
 * those with |x| > 1e-3·max(|base|, |base + x|) (f32, in this order of operations).
 */
export const ULP_CLASS_COUNT = 15;
export const CHANGE_COUNTERS = ULP_CLASS_COUNT + 2;

/** Largest rank of `addLowRank`. Adapters have 4 to 256, rarely 1,024. */
export const LARGEST_RANK = 2048;

/** Number of f64 partial sums of `sumShared` and `sumAlignment`. */
export const SHARED_LANES = 4;

/** Elements whose products `sumAlignment` adds up in f32 before they are added as f64: the error stays below 1e-7. */
export const ALIGNMENT_RUN = 64;

/** Number of sums that `sumShared` keeps for each mask. */
export const sharedSums = (operands: number): number => operands * (operands - 1) + operands + 1;

export interface Kernels
  extends ColumnKernels,
    DirectionKernels,
    GeometryKernels,
    LinearAlgebraKernels,
    SelectionKernels,
    StoredKernels {
  readonly name: 'simd' | 'reference';
  /** Owned by the kernels; `buffer` changes identity when `grow` is called, so take views after growing. */
  readonly memory: { readonly buffer: ArrayBuffer };
  /** First byte the caller may use; below it the implementation keeps its own data. */
  readonly heapStart: Slot;
  /** Makes `memory` at least `bytes` long. New bytes are zero. */
  grow(bytes: number): void;

  // ---- stored values to f32. Each returns how many of the `count` source values are NaN or infinite.
  widenBf16(source: Slot, destination: Slot, count: number): number;
  widenF16(source: Slot, destination: Slot, count: number): number;
  /** A copy that counts. */
  widenF32(source: Slot, destination: Slot, count: number): number;
  /** Rounds to nearest even; a finite f64 beyond the f32 range becomes infinite and is not counted. */
  widenF64(source: Slot, destination: Slot, count: number): number;
  /** OCP FP8 E4M3 ("FN": no infinities, S.1111.111 is NaN). */
  widenF8E4M3(source: Slot, destination: Slot, count: number): number;
  /** OCP FP8 E5M2 (IEEE-like, with infinities). */
  widenF8E5M2(source: Slot, destination: Slot, count: number): number;

  // ---- f32 to stored values, round to nearest even. NaN is written as the positive quiet NaN
  // (bf16 0x7FC0, f16 0x7E00, f32 0x7FC00000). Each returns how many written values are NaN or infinite.
  narrowBf16(source: Slot, destination: Slot, count: number): number;
  narrowF16(source: Slot, destination: Slot, count: number): number;
  narrowF32(source: Slot, destination: Slot, count: number): number;
  /**
   * Stochastic rounding: x becomes its upper neighbour with probability (x − lower) / (upper − lower), decided by 16
   * random bits for bf16 and 32 for f16 (see `reference/random.ts`); exact values never move. Values that round to
   * infinity to nearest do so here too; others never become infinite.
   */
  narrowBf16Stochastic(
    source: Slot,
    destination: Slot,
    count: number,
    keyLow: number,
    keyHigh: number,
    firstIndex: number,
  ): number;
  narrowF16Stochastic(
    source: Slot,
    destination: Slot,
    count: number,
    keyLow: number,
    keyHigh: number,
    firstIndex: number,
  ): number;

  // ---- element-wise f32
  /** destination = a − b. */
  subtract(destination: Slot, a: Slot, b: Slot, count: number): void;
  /** destination = a + b. */
  add(destination: Slot, a: Slot, b: Slot, count: number): void;

  /** destination = f32(source) − base for a bf16 source: widenBf16 and subtract in one pass, counting as the former. */
  differBf16(source: Slot, base: Slot, destination: Slot, count: number): number;

  // ---- across operands: `table` is the slot of `operands` entries of OPERAND_BYTES.
  /** destination = ((scale₀·x₀ + scale₁·x₁) + scale₂·x₂) + …; no operands gives +0. */
  weightedSum(table: Slot, operands: number, destination: Slot, count: number): void;
  /**
   * TIES election and disjoint merge (arXiv 2306.01708, section 3). Per element, with pᵢ = scaleᵢ·xᵢ in f32:
   * S = ((p₀ + p₁) + …); s = sign of S, where S = ±0 (or NaN) counts as `zeroSign` (+1, −1, or 0: nobody is elected);
   * i agrees when pᵢ ≠ 0 and sign(pᵢ) = s. N = sum of agreeing pᵢ in order (from +0), W = sum of agreeing weightᵢ
   * in order (from +0). destination = factor·(divide ? N / (|W| < 1e-8 ? 1 : W) : N), a zero being +0.
   * With `selects`, elements with bits(|xᵢ|) below the operand's selector count as +0; selector 0 keeps everything.
   */
  electedSum(
    table: Slot,
    operands: number,
    destination: Slot,
    count: number,
    zeroSign: number,
    divide: boolean,
    factor: number,
    selects?: boolean,
  ): void;
  /**
   * The mean of the operands that are not 0 (RAM, arXiv 2601.13572): with c of them, in f32 and in order from +0,
   * Σ scaleᵢ·xᵢ where c = 1, else (Σ xᵢ) / max(c, 1). NaN is not 0.
   */
  overlapMean(table: Slot, operands: number, destination: Slot, count: number): void;
  /**
   * Adds to two u32 counters for each operand, in order: the elements that it alone has not 0, and those that another
   * has not 0 either.
   */
  countOverlap(table: Slot, operands: number, count: number, counters: Slot): void;
  /** (number of elements with S > 0) − (number with S < 0), S as in `electedSum`. */
  signBalance(table: Slot, operands: number, count: number): number;

  // ---- adapters
  /**
   * Adds a low-rank product (LoRA, arXiv 2106.09685, section 4.1) to a piece of a row-major matrix of `columns` columns:
   * `count` elements from column `firstColumn` of the piece's first row. Per element, value + scale·((0 + l₀·r₀) + l₁·r₁ + …)
   * with lₖ = left[row, k], rₖ = right[k, column]. `left` is f32 [rows of the piece, rank], `right` is f32 [rank,
   * columns], both row-major; `rank` is at most LARGEST_RANK.
   * `values` need only be a multiple of 4.
   */
  addLowRank(
    values: Slot,
    count: number,
    firstColumn: number,
    columns: number,
    left: Slot,
    right: Slot,
    rank: number,
    scale: number,
  ): void;

  // ---- sparsifiers: f32 source to destination, dropped elements become +0, kept ones are copied bit for bit.
  /**
   * Keeps x where bits(|x|) > threshold, and the first `allowance` (in index order) of those equal to it.
   * Returns how many elements equal the threshold, kept or not. `threshold` is a u32 < 2^31.
   */
  keepLargest(source: Slot, destination: Slot, count: number, threshold: number, allowance: number): number;
  /** Keeps x where low ≤ bits(|x|) < high, both u32 up to 2^31. */
  keepBetween(source: Slot, low: number, high: number, destination: Slot, count: number): void;
  /** Keeps the elements whose bit of `mask` (see `drawMask`) is set. */
  keepMasked(source: Slot, mask: Slot, destination: Slot, count: number): void;

  /** Keeps the elements whose sign is that of `direction` (f32), where ±0 and NaN count as +. */
  keepAgreeing(source: Slot, direction: Slot, destination: Slot, count: number): void;
  /** destination = source, but no further from 0 than `limit` (≥ 0, rounded to f32). */
  clampMagnitude(source: Slot, limit: number, destination: Slot, count: number): void;

  // ---- masks: one bit for each element, bit i & 7 of byte i >> 3. A mask's slot need only be a multiple of 8.
  /**
   * Draws DARE's mask (arXiv 2311.03099): sets bit i when the uniform number of element `firstIndex` + i is below the
   * density, given as the base-256 digit `densityByte` (0…255) followed by a 32-bit fraction `densityRest`; the number
   * is drawn as in `reference/random.ts`. Writes ⌈count / 8⌉ bytes; the bits after the last element's are 0.
   */
  drawMask(
    destination: Slot,
    count: number,
    densityByte: number,
    densityRest: number,
    keyLow: number,
    keyHigh: number,
    firstIndex: number,
  ): void;

  // ---- statistics
  /**
   * Adds the elements to two u32 histograms of MAGNITUDE_BINS bins indexed by bits(|x|) >>> 16:
   * `bins` counts all elements, `inexactBins` those whose lower 16 bits are not 0. NaN counts by its bits.
   */
  histogramMagnitude(source: Slot, count: number, bins: Slot, inexactBins: Slot): void;
  /**
   * Writes the indices of the u32 counters that are not 0, ascending, as u32 to `destination`, and returns how many.
   * `destination` has room for `count` indices and one more.
   */
  filledBins(bins: Slot, count: number, destination: Slot): number;
  /** Adds the elements whose bits(|x|) >>> 16 equals `bin` to a u32 histogram of 65,536 bins by their low 16 bits. */
  histogramLowBits(source: Slot, count: number, bin: number, bins: Slot): void;
  /**
   * Adds |xᵢ| to `lanes` (REDUCTION_LANES f64), lane i mod 8: within each run of 64 elements a lane is summed in f32, in
   * order from +0, and that sum is added to the f64. Called with multiples of 64 elements (but for a tensor's end), the
   * sums do not depend on how the range was cut. Their relative error is below 2^-21; f32 overflow gives infinity.
   */
  sumMagnitude(source: Slot, count: number, lanes: Slot): void;
  /** `sumMagnitude` of all elements to `before`, and of those whose bit of `mask` is set to `after`. */
  sumMasked(source: Slot, mask: Slot, count: number, before: Slot, after: Slot): void;
}
