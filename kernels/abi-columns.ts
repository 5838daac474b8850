/**
 * The part of the contract of abi.ts that works along the first dimension of a matrix. Elements are row-major and may
 * begin anywhere: `column` is that of the first one, of `columns`.
 */
import type { Slot } from './slot.js';

export interface ColumnKernels {
  /**
   * Adds a², a·b and b² of each element, f32 products as f64, to the sums of its column. `sums` has ⟨a,a⟩ of all columns,
   * then ⟨a,b⟩, then ⟨b,b⟩ (f64); a column's elements are added in order.
   */
  addColumnProducts(a: Slot, b: Slot, count: number, column: number, columns: number, sums: Slot): void;
  /**
   * destination = f32(c·a + d·b), computed in f64, with c and d of each element's column. `coefficients` has c of all
   * columns, then d (f64).
   */
  combineColumns(
    a: Slot,
    b: Slot,
    count: number,
    column: number,
    columns: number,
    coefficients: Slot,
    destination: Slot,
  ): void;
}
