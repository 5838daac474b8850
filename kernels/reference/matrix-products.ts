/** Products of a block of rows of a matrix with a narrow factor, in f64. */
import type { Kernels } from '../abi.js';
import type { ReferenceMemory } from './memory.js';

export function matrixProducts(
  memory: ReferenceMemory,
): Pick<Kernels, 'multiplyRows' | 'addTransposedRows' | 'addInnerProducts'> {
  return {
    multiplyRows(matrix, rows, columns, factor, width, product) {
      const [a, z] = [memory.f32(matrix, rows * columns), memory.f64(factor, columns * width)];
      const y = memory.f64(product, rows * width);
      for (let row = 0; row < rows; row++) {
        for (let w = 0; w < width; w++) {
          let sum = 0;
          for (let column = 0; column < columns; column++) sum += a[row * columns + column]! * z[column * width + w]!;
          y[row * width + w] = sum;
        }
      }
    },
    addTransposedRows(matrix, rows, columns, product, width, factor) {
      const [a, y] = [memory.f32(matrix, rows * columns), memory.f64(product, rows * width)];
      const z = memory.f64(factor, columns * width);
      for (let row = 0; row < rows; row++) {
        for (let column = 0; column < columns; column++) {
          const x = a[row * columns + column]!;
          if (x === 0) continue;
          for (let w = 0; w < width; w++) z[column * width + w]! += x * y[row * width + w]!;
        }
      }
    },
    addInnerProducts(a, b, rows, width, sums) {
      const [x, y] = [memory.f64(a, rows * width), memory.f64(b, rows * width)];
      const to = memory.f64(sums, width * width);
      for (let row = 0; row < rows * width; row += width) {
        for (let i = 0; i < width; i++) {
          for (let j = 0; j < width; j++) to[i * width + j]! += x[row + i]! * y[row + j]!;
        }
      }
    },
  };
}
