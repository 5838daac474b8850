/** Products of a tile's rows with directions, by the kernels. */
import type { Slot } from '../slot.js';
import type { Tile, UnitContext } from '../unit.js';
import { F64_BYTES, numbersAt } from './numbers.js';

/** Takes memory for a unit and puts the vectors there, one after the other. */
export function placeVectors({ kernels, allocate }: UnitContext, vectors: readonly Float64Array[]): Slot {
  const slot = allocate(vectors.reduce((bytes, { byteLength }) => bytes + byteLength, 0));
  let next = slot;
  for (const vector of vectors) {
    numbersAt(kernels, next, vector.length).set(vector);
    next += vector.byteLength;
  }
  return slot;
}

/** ⟨row, direction k⟩ of an operand's rows, row-major; the memory is used again by the next call. */
export type RowProducts = (tile: Tile, operand: number, first: number, width: number) => Float64Array;

/** Products with `width` of the directions at a slot, from `first` on; at most `most` at once. */
export function rowProducts(context: UnitContext, directions: Slot, most: number): RowProducts {
  const { kernels, merge } = context;
  const columns = merge.shape[1]!;
  const products = context.allocate(F64_BYTES * most * Math.ceil(context.tileCapacity / columns));
  return ({ operands, count }, operand, first, width) => {
    const rows = count / columns;
    kernels.multiplyDirections(
      operands[operand]!,
      rows,
      columns,
      directions + F64_BYTES * first * columns,
      width,
      products,
    );
    return numbersAt(kernels, products, rows * width);
  };
}
