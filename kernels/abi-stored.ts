/**
 * The part of the contract of abi.ts that works on stored bf16 and writes down nothing of what lies between. Slots of
 * stored values are multiples of 2. "Difference" is f32(x) − f32(base), rounded to f32; statistics of differences are for
 * a base that is finite.
 */
import type { Slot } from './slot.js';

export interface StoredKernels {
  /**
   * destination = bf16(((scale₀·(x₀ − base) + scale₁·(x₁ − base)) + …) + baseScale·base), all stored bf16, in f32 and in
   * this order; one operand at least. With `masked`, an operand's selector is the slot of the mask (see `drawMask`) of
   * its elements, 0 to keep all; a difference that is dropped is +0. Returns 1 when all that was read and written is
   * finite; otherwise 0, and what `destination` holds means nothing.
   */
  sumStoredBf16(
    table: Slot,
    operands: number,
    base: Slot,
    baseScale: number,
    destination: Slot,
    count: number,
    masked: boolean,
  ): number;
  /**
   * destination = bf16(`electedSum` of the differences + base). Selectors are those of `electedSum`, but no larger than
   * bits(∞); with `masked` slots of masks as above. With `byValues` the sum of the differences themselves, unscaled,
   * elects the sign; that is there only for `masked`, one selector for all, `divide`, and scales above 0. Returns 1, or 0
   * where another way has to be taken and what `destination` holds means nothing: when a sum reaches the largest bf16 or
   * something is not finite, for more than four operands, a `zeroSign` of 0, or weights that are too small to divide by.
   */
  electStoredBf16(
    table: Slot,
    operands: number,
    base: Slot,
    destination: Slot,
    count: number,
    zeroSign: number,
    divide: boolean,
    factor: number,
    masked: boolean,
    byValues: boolean,
  ): number;
  /** NaN and infinities among the values. */
  countNonFiniteBf16(source: Slot, count: number): number;
  /** `histogramMagnitude` of the differences. */
  histogramStoredBf16(source: Slot, base: Slot, count: number, bins: Slot, inexactBins: Slot): void;
  /**
   * Looks at how the differences lie around the bins `lowBin` … `highBin` (finite) of a `histogramMagnitude`, and adds to three u32 at
   * `counts`: those in higher bins; those whose magnitude has the upper bits of `highBin` and no others; the same of `lowBin`.
   * What else lies in the bins between, these included, adds to the histogram. With `lowBin` = `highBin` all that is larger
   * than the one value adds to the first, nothing to the third, and nothing to the histogram.
   */
  countAroundStored(
    source: Slot,
    base: Slot,
    count: number,
    lowBin: number,
    highBin: number,
    counts: Slot,
    bins: Slot,
    inexactBins: Slot,
  ): void;
  /** `sumMasked` of the differences. */
  sumMaskedStored(source: Slot, base: Slot, mask: Slot, count: number, before: Slot, after: Slot): void;
  /** `sumSquares` of the differences, or with a mask, which is not 0, `sumMaskedSquares`. */
  sumSquaresStored(source: Slot, base: Slot, mask: Slot, count: number, lanes: Slot): void;
  /** `variance` of the differences, of two to four operands. */
  varianceStoredBf16(table: Slot, operands: number, base: Slot, destination: Slot, count: number): void;
  /**
   * How many elements have to be passed to see `allowance` differences whose magnitude has the bits `threshold`, or −1
   * minus the number seen when there are fewer.
   */
  passTies(source: Slot, base: Slot, count: number, threshold: number, allowance: number): number;
}
