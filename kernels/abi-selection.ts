/** The part of the contract of abi.ts that selects: by whole rows of a matrix, and by how much operands differ. */
import type { Slot } from './slot.js';

export interface SelectionKernels {
  /**
   * destination = the population variance of the n operands of a table, element by element: Σ(n·xᵢ − S)²·(1/n³) with
   * S = Σxᵢ, in f64 and in order, rounded to f32. No destination is a source.
   */
  variance(table: Slot, operands: number, destination: Slot, count: number): void;
  /**
   * TALL masks (arXiv 2405.07813): sets an element of `destination` to +0 unless at least `agreement` operands have
   * |xᵢ| > weightᵢ·|S − xᵢ|, S = ((x₀ + x₁) + …), all in f32.
   */
  eraseUnshared(table: Slot, operands: number, destination: Slot, count: number, agreement: number): void;
  /** Sets the bits of elements that are not ±0, as in `drawMask`; those after the last are 0. Not in place. */
  markNonZero(source: Slot, destination: Slot, count: number): void;
  /**
   * `sumSquares` of the elements whose bit of `mask` (see `drawMask`) is set: adds xᵢ² as f64 to `lanes`
   * (REDUCTION_LANES f64), lane i mod 8. Called with multiples of 8 elements (but for a tensor's end), the sums do not
   * depend on cuts.
   */
  sumMaskedSquares(source: Slot, mask: Slot, count: number, lanes: Slot): void;

  /**
   * For each of `rows` rows, Σ pᵢ·ln(pᵢ/qᵢ) in f32, p and q being the softmax of the model's and of the base's row plus
   * 1e-8 (f32), with torch's order of operations; for finite values. `scratch` has room for two rows.
   */
  softmaxDivergence(model: Slot, base: Slot, rowElements: number, rows: number, scratch: Slot, destination: Slot): void;

  /**
   * The importance of each change of `rows` rows: f32(|x| · factor), with a factor (f32) for each row. `above` gets
   * those above zero, `below` the others without their sign; what is not its own is +0 in both.
   */
  importances(source: Slot, factors: Slot, rowElements: number, rows: number, above: Slot, below: Slot): void;
  /** Keeps the elements whose importance is not less than `limit` (f32); dropped ones, and NaN, become +0. */
  keepImportant(source: Slot, factors: Slot, rowElements: number, rows: number, limit: number, destination: Slot): void;

  /**
   * Draws DELLA's mask (arXiv 2406.11617) of `rows` rows: sets the bit of an element ≠ 0 with the probability
   * lowest + (highest − lowest)·rank / (rowElements − 1), rank being its place from 0 among the magnitudes of its row in
   * ascending order, the mean of their places for equal ones (in a row of one: the mean of both probabilities). Random
   * numbers are those of `drawMask`; the bits of zeros and those after the last element's are 0. `scratch` has room for
   * a byte an element and 18 bytes for each of a row, and 64 more.
   */
  drawRankedMask(
    source: Slot,
    rows: number,
    rowElements: number,
    lowest: number,
    highest: number,
    keyLow: number,
    keyHigh: number,
    firstIndex: number,
    scratch: Slot,
    destination: Slot,
  ): void;
}
