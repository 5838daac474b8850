/** The part of the contract of abi.ts that works on matrices of f64, which are row-major. Slots are multiples of 8. */
import type { Slot } from './slot.js';

/** Bytes of a rotation: the upper of its two rows (u32, then 4 bytes of nothing), cosine and sine (f64). */
export const ROTATION_BYTES = 24;

/** Bits of `transposed`: which factor of `multiplyMatrices` is stored by columns. */
export const TRANSPOSED = { neither: 0, first: 1, second: 2 } as const;

export interface LinearAlgebraKernels {
  /**
   * Makes `count` vectors of `length` f64, one behind the other, orthonormal in their order (Gram–Schmidt, inner products
   * as in `reduceRows`): from each its shares along the earlier ones are taken away, and once more where less than √½ of
   * it was left. What is no longer than 1e-12 of what it was becomes 0.
   */
  orthonormalize(vectors: Slot, count: number, length: number): void;
  /**
   * product = A·B, `rows` × `inner` times `inner` × `columns`; each element is summed in order of the inner index. With
   * TRANSPOSED.first in `transposed`, A is stored as `inner` × `rows`, with TRANSPOSED.second B as `columns` × `inner`.
   */
  multiplyMatrices(
    a: Slot,
    b: Slot,
    rows: number,
    inner: number,
    columns: number,
    transposed: number,
    product: Slot,
  ): void;
  /**
   * A step of the reduction of a symmetric matrix of `size` rows, on rows and columns from `first` on:
   * rowᵢ −= vᵢ·w + wᵢ·v, and then productsᵢ = rowᵢ · next. The vectors have `size` elements. An inner product is four
   * sums, of every fourth element, (s₀ + s₂) + (s₁ + s₃).
   */
  reduceRows(matrix: Slot, size: number, first: number, v: Slot, w: Slot, next: Slot, products: Slot): void;
  /**
   * Rotates rows of a matrix with their lower neighbours, one rotation after the other:
   * (x, y) becomes (c·x − s·y, s·x + c·y).
   */
  rotateRows(matrix: Slot, columns: number, rotations: Slot, count: number): void;
  /**
   * Reflects each row x of a matrix as often as `reflectors`, a square matrix, says, from its last row to its first:
   * x −= (factorⱼ·(x · vⱼ))·vⱼ, vⱼ being row j from element j + 1 on. Inner products are those of `reduceRows`.
   */
  reflectRows(matrix: Slot, rows: number, columns: number, reflectors: Slot, factors: Slot): void;
}
