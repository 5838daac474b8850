/**
 * The part of the contract of abi.ts that works with few directions in the space of a matrix's rows. Matrices are
 * row-major f32, rows × columns, and begin with a row; directions are f64 vectors of the length of a row, one after the
 * other. The rows may be handed over in any pieces: results are the same.
 */
import type { Slot } from './slot.js';

export interface DirectionKernels {
  /**
   * products[row · width + k] = ⟨row, direction k⟩ for `width` directions, f64: element j's product is added to lane j mod 4,
   * in order from +0, and the lanes as (0 + 2) + (1 + 3).
   */
  multiplyDirections(
    matrix: Slot,
    rows: number,
    columns: number,
    directions: Slot,
    width: number,
    products: Slot,
  ): void;
  /**
   * sums += matrixᵀ · (matrix · direction), f64: row after row, ⟨row, direction⟩ as `multiplyDirections` has it times the
   * row. Rows whose product is 0 add nothing. `sums` holds no −0 at first.
   */
  multiplyGram(matrix: Slot, rows: number, columns: number, direction: Slot, sums: Slot): void;
  /**
   * destination[row, j] = f32(((destination[row, j] + shares[row, 0] · direction 0[j]) + shares[row, 1] · direction 1[j]) + …),
   * in f64 before it is rounded; `shares` is f64, row-major, rows × width.
   */
  addDirections(destination: Slot, rows: number, columns: number, shares: Slot, directions: Slot, width: number): void;
}
