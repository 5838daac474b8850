/** Products, reductions and rotations of matrices of f64. */
import { type LinearAlgebraKernels, ROTATION_BYTES, TRANSPOSED } from '../abi-linear-algebra.js';
import type { ReferenceMemory } from './memory.js';

/** The inner product of elements from `first` on, in four sums of every fourth. */
export function innerProduct(x: Float64Array, y: Float64Array, first: number): number {
  const sums = new Float64Array(4);
  for (let i = first; i < x.length; i++) sums[(i - first) % 4]! += x[i]! * y[i]!;
  return sums[0]! + sums[2]! + (sums[1]! + sums[3]!);
}

export function linearAlgebra(memory: ReferenceMemory): Omit<LinearAlgebraKernels, 'orthonormalize'> {
  return { multiplyMatrices: matrixProduct(memory), ...rowOperations(memory) };
}

function matrixProduct(memory: ReferenceMemory): LinearAlgebraKernels['multiplyMatrices'] {
  return (a, b, rows, inner, columns, transposed, product) => {
    const [left, right] = [memory.f64(a, rows * inner), memory.f64(b, inner * columns)];
    const to = memory.f64(product, rows * columns);
    for (let i = 0; i < rows; i++) {
      for (let j = 0; j < columns; j++) {
        let sum = 0;
        for (let k = 0; k < inner; k++) {
          const x = left[transposed & TRANSPOSED.first ? k * rows + i : i * inner + k]!;
          sum += x * right[transposed & TRANSPOSED.second ? j * inner + k : k * columns + j]!;
        }
        to[i * columns + j] = sum;
      }
    }
  };
}

function rowOperations(memory: ReferenceMemory): Omit<LinearAlgebraKernels, 'orthonormalize' | 'multiplyMatrices'> {
  const rowOf = (matrix: number, row: number, columns: number): Float64Array =>
    memory.f64(matrix + 8 * row * columns, columns);
  return {
    reduceRows(matrix, size, first, v, w, next, products) {
      const [ofV, ofW, ofNext] = [v, w, next].map((slot) => memory.f64(slot, size)) as [
        Float64Array,
        Float64Array,
        Float64Array,
      ];
      const to = memory.f64(products, size);
      for (let i = first; i < size; i++) {
        const row = rowOf(matrix, i, size);
        for (let k = first; k < size; k++) row[k]! -= ofV[i]! * ofW[k]! + ofW[i]! * ofV[k]!;
        to[i] = innerProduct(row, ofNext, first);
      }
    },
    rotateRows(matrix, columns, rotations, count) {
      for (let rotation = 0; rotation < count; rotation++) {
        const entry = rotations + ROTATION_BYTES * rotation;
        const [upper] = memory.u32(entry, 1);
        const [cosine, sine] = memory.f64(entry + 8, 2);
        const [x, y] = [rowOf(matrix, upper!, columns), rowOf(matrix, upper! + 1, columns)];
        for (let k = 0; k < columns; k++) {
          const [above, below] = [x[k]!, y[k]!];
          x[k] = cosine! * above - sine! * below;
          y[k] = sine! * above + cosine! * below;
        }
      }
    },
    reflectRows(matrix, rows, columns, reflectors, factors) {
      const scales = memory.f64(factors, columns);
      for (let i = 0; i < rows; i++) {
        const x = rowOf(matrix, i, columns);
        for (let j = columns - 1; j >= 0; j--) {
          const v = rowOf(reflectors, j, columns);
          const share = scales[j]! * innerProduct(x, v, j + 1);
          for (let k = j + 1; k < columns; k++) x[k]! -= share * v[k]!;
        }
      }
    },
  };
}
