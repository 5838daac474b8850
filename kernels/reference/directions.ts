/** Few directions in the space of a matrix's rows. */
import type { DirectionKernels } from '../abi-directions.js';
import type { ReferenceMemory } from './memory.js';

export function directions(memory: ReferenceMemory): DirectionKernels {
  const vectors = (slot: number, columns: number, width: number): Float64Array[] =>
    Array.from({ length: width }, (_, k) => memory.f64(slot + 8 * k * columns, columns));
  const rowsOf = (slot: number, columns: number, rows: number): Float32Array[] =>
    Array.from({ length: rows }, (_, row) => memory.f32(slot + 4 * row * columns, columns));
  return {
    multiplyDirections(matrix, rows, columns, directions, width, products) {
      const [along, to] = [vectors(directions, columns, width), memory.f64(products, rows * width)];
      rowsOf(matrix, columns, rows).forEach((values, row) => {
        along.forEach((direction, k) => {
          to[row * width + k] = product(values, direction);
        });
      });
    },
    multiplyGram(matrix, rows, columns, direction, sums) {
      const [vector, to] = [memory.f64(direction, columns), memory.f64(sums, columns)];
      for (const values of rowsOf(matrix, columns, rows)) {
        const length = product(values, vector);
        if (length === 0) continue;
        for (let j = 0; j < columns; j++) to[j]! += length * values[j]!;
      }
    },
    addDirections(destination, rows, columns, shares, directions, width) {
      const [along, factors] = [vectors(directions, columns, width), memory.f64(shares, rows * width)];
      rowsOf(destination, columns, rows).forEach((to, row) => {
        for (let j = 0; j < columns; j++) {
          let sum = to[j]!;
          for (let k = 0; k < width; k++) sum += factors[row * width + k]! * along[k]![j]!;
          to[j] = sum;
        }
      });
    },
  };
}

function product(values: Float32Array, direction: Float64Array): number {
  const lanes = [0, 0, 0, 0];
  for (let j = 0; j < values.length; j++) lanes[j & 3]! += values[j]! * direction[j]!;
  return lanes[0]! + lanes[2]! + (lanes[1]! + lanes[3]!);
}
