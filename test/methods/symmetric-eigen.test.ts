/** Decompositions of symmetric matrices by what they must fulfil, with both kernels bit for bit the same. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Kernels } from '../../kernels/abi.js';
import { createReferenceKernels } from '../../kernels/reference/index.js';
import { SymmetricEigen } from '../../kernels/spectral/symmetric-eigen.js';
import { createSimdKernels } from '../kernels/simd-kernels.js';
import { Workspace } from '../kernels/workspace.js';
import { createRandom } from '../support/random-models.js';

interface Decomposition {
  readonly values: Float64Array;
  /** Eigenvectors, one to a row. */
  readonly vectors: Float64Array;
}

function decompose(kernels: Kernels, matrix: ArrayLike<number>, size: number): Decomposition {
  const space = new Workspace(kernels);
  // Room for more than is decomposed.
  const eigen = new SymmetricEigen(kernels, (bytes) => space.reserve(bytes), size + 2);
  new Float64Array(kernels.memory.buffer, eigen.matrix, size * size).set(matrix);
  const values = eigen.decompose(size);
  eigen.vectors([...values.keys()], eigen.rows);
  expect(space.guardsAreIntact()).toBe(true);
  return { values, vectors: space.f64(eigen.rows, size * size) };
}

/** The largest entries of A·x − λ·x over all pairs, and of the products of all vectors less the unit matrix. */
function faultsOf(matrix: ArrayLike<number>, size: number, { values, vectors }: Decomposition) {
  const row = (i: number): Float64Array => vectors.subarray(i * size, (i + 1) * size);
  let [residual, angle] = [0, 0];
  for (let i = 0; i < size; i++) {
    for (let j = 0; j < size; j++) {
      let [applied, product] = [0, 0];
      for (let k = 0; k < size; k++) {
        applied += matrix[j * size + k]! * row(i)[k]!;
        product += row(i)[k]! * row(j)[k]!;
      }
      residual = Math.max(residual, Math.abs(applied - values[i]! * row(i)[j]!));
      angle = Math.max(angle, Math.abs(product - (i === j ? 1 : 0)));
    }
  }
  return { residual, angle };
}

function expectDecomposed(matrix: ArrayLike<number>, size: number): Decomposition {
  const found = decompose(createSimdKernels(), matrix, size);
  const scale = Array.from(matrix).reduce((most, x) => Math.max(most, Math.abs(x)), 0);
  const { residual, angle } = faultsOf(matrix, size, found);
  expect(residual).toBeLessThanOrEqual(1e-14 * size * scale);
  expect(angle).toBeLessThanOrEqual(1e-14 * (size + 10));
  const reference = decompose(createReferenceKernels(), matrix, size);
  expect(reference.values).toEqual(found.values);
  expect(reference.vectors).toEqual(found.vectors);
  return found;
}

describe('eigenvalues and eigenvectors', () => {
  it('fulfil their equation, and the vectors are orthonormal', () => {
    const matrices = fc.integer({ min: 1, max: 12 }).chain((size) =>
      fc.record({
        size: fc.constant(size),
        // Small whole numbers make equal and vanishing eigenvalues likely.
        values: fc.array(
          fc.oneof(
            fc.integer({ min: -2, max: 2 }),
            fc.integer({ min: -(2 ** 20), max: 2 ** 20 }).map((x) => x / 2 ** 20),
          ),
          {
            minLength: size * size,
            maxLength: size * size,
          },
        ),
        // Of inner products of the smallest and of the largest f32.
        magnitude: fc.constantFrom(1, 1e-80, 1e77),
      }),
    );
    fc.assert(
      fc.property(matrices, ({ size, values, magnitude }) => {
        const symmetric = values.map((_, at) => {
          const [i, j] = [Math.floor(at / size), at % size];
          return magnitude * values[Math.min(i, j) * size + Math.max(i, j)]!;
        });
        expectDecomposed(symmetric, size);
      }),
      { numRuns: 150 },
    );
  });

  it('are those of a matrix that is made of them', () => {
    const size = 90;
    const random = createRandom(5);
    // Reflected diagonals: eigenvalues that are equal, close, far apart, and none.
    const wanted = Array.from({ length: size }, (_, i) => (i < 30 ? 0 : i < 40 ? 1 : i < 60 ? 2 + i * 1e-9 : i ** 3));
    const direction = Array.from({ length: size }, () => random() - 0.5);
    const squares = direction.reduce((sum, x) => sum + x * x, 0);
    const reflected = Array.from({ length: size * size }, (_, at) => {
      const [i, j] = [Math.floor(at / size), at % size];
      return wanted.reduce((sum, value, k) => {
        const entry = (row: number) => (row === k ? 1 : 0) - (2 * direction[row]! * direction[k]!) / squares;
        return sum + value * entry(i) * entry(j);
      }, 0);
    });
    const { values } = expectDecomposed(reflected, size);
    [...values]
      .sort((a, b) => a - b)
      .forEach((value, i) => {
        expect(Math.abs(value - wanted[i]!)).toBeLessThanOrEqual(1e-15 * size * wanted.at(-1)!);
      });
  });

  it('of numbers that are not finite come to an end', () => {
    for (const wrong of [Number.NaN, Number.POSITIVE_INFINITY]) {
      const { values } = decompose(createSimdKernels(), [1, wrong, 0, wrong, 2, 3, 0, 3, 4], 3);
      expect(values.some((value) => !Number.isFinite(value))).toBe(true);
    }
  });

  it('take more rotations than are gathered at once', () => {
    const size = 300;
    const random = createRandom(9);
    const half = Float64Array.from({ length: size * size }, () => random() - 0.5);
    const symmetric = half.map((x, at) => x + half[(at % size) * size + Math.floor(at / size)]!);
    const found = decompose(createSimdKernels(), symmetric, size);
    const { residual, angle } = faultsOf(symmetric, size, found);
    expect(residual).toBeLessThanOrEqual(1e-12);
    expect(angle).toBeLessThanOrEqual(1e-12);
  });
});
