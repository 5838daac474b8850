/** Leading directions by iteration against those of whole decompositions. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LanczosSearch, startingVector } from '../../kernels/spectral/lanczos.js';
import { largestEigenpair } from '../../kernels/spectral/tridiagonal.js';
import { createRandom } from '../support/random-models.js';
import { dot, thinSvd } from './thin-svd.js';

const indices = (count: number) => Array.from({ length: count }, (_, i) => i);

describe('the largest eigenpair of a tridiagonal matrix', () => {
  const positive = fc.oneof(fc.double({ min: 0.01, max: 1, noNaN: true }), fc.constantFrom(1, 1e-6, 1e-12));
  /** BᵀB of a bidiagonal B, as what Lanczos makes of τᵀτ, at magnitudes from those of squared changes of 1e-20 on. */
  const matrices = fc
    .record({
      pairs: fc.array(fc.tuple(positive, positive), { minLength: 1, maxLength: 24 }),
      magnitude: fc.constantFrom(1, 1e-40, 1e60),
    })
    .map(({ pairs, magnitude }) => ({
      diagonal: pairs.map(([own], i) => magnitude * (own ** 2 + (i === 0 ? 0 : pairs[i - 1]![1] ** 2))),
      beside: pairs.slice(1).map((_, i) => magnitude * pairs[i]![0] * pairs[i]![1]),
    }));

  it('fulfils its equation, and none is larger', () => {
    fc.assert(
      fc.property(matrices, ({ diagonal, beside }) => {
        const size = diagonal.length;
        const { value, vector } = largestEigenpair({ diagonal, beside })!;
        expect(dot(vector, vector)).toBeCloseTo(1, 12);
        indices(size).forEach((i) => {
          const above = i === 0 ? 0 : beside[i - 1]! * vector[i - 1]!;
          const below = i + 1 === size ? 0 : beside[i]! * vector[i + 1]!;
          const residual = above + diagonal[i]! * vector[i]! + below - value * vector[i]!;
          expect(Math.abs(residual)).toBeLessThan(1e-13 * value);
        });
        const dense = indices(size * size).map((at) => {
          const [i, j] = [Math.floor(at / size), at % size];
          return i === j ? diagonal[i]! : Math.abs(i - j) === 1 ? beside[Math.min(i, j)]! : 0;
        });
        expect(Math.abs(thinSvd(dense, size, size)[0]!.value - value)).toBeLessThan(1e-12 * value);
      }),
      { numRuns: 300 },
    );
  });

  it('is none where nothing is, or not everything is finite', () => {
    expect(largestEigenpair({ diagonal: [0], beside: [] })).toBeUndefined();
    expect(largestEigenpair({ diagonal: [NaN, 1], beside: [1] })).toBeUndefined();
    expect(largestEigenpair({ diagonal: [1, Infinity], beside: [1] })).toBeUndefined();
  });
});

describe('a Lanczos search', () => {
  /** Noise on a matrix of rank two. */
  function matrix(rows: number, columns: number, noise: number): Float64Array {
    const random = createRandom(rows * columns);
    const [left, right] = [rows, columns].map((length) =>
      Float64Array.from({ length: 2 * length }, () => random() - 0.5),
    );
    return Float64Array.from({ length: rows * columns }, (_, i) => {
      const [row, column] = [Math.floor(i / columns), i % columns];
      const low = left![row]! * right![column]! + 0.6 * left![rows + row]! * right![columns + column]!;
      return low + noise * (random() - 0.5);
    });
  }

  function search(values: Float64Array, rows: number, columns: number) {
    const found = new LanczosSearch(startingVector(columns));
    let steps = 0;
    for (let { next } = found; next !== undefined; { next } = found, steps++) {
      const vector = next;
      const along = indices(rows).map((row) => dot(values.subarray(row * columns, (row + 1) * columns), vector));
      const product = indices(columns).map((j) =>
        along.reduce((sum, x, row) => sum + x * values[row * columns + j]!, 0),
      );
      found.step(Float64Array.from(product));
    }
    return { direction: found.direction(), steps };
  }

  for (const [rows, columns] of [
    [60, 40],
    [40, 60],
    [3, 50],
    [5, 2],
    [4, 1],
  ] as const) {
    it(`finds the leading direction of ${rows} × ${columns}`, () => {
      for (const noise of [0, 0.01, 0.2]) {
        const values = matrix(rows, columns, noise);
        const { direction, steps } = search(values, rows, columns);
        const exact = thinSvd(values, rows, columns)[0]!.right;
        const along = dot(direction, exact);
        const beside = Math.hypot(...direction.map((x, i) => x - along * exact[i]!));
        expect(beside).toBeLessThan(3e-6);
        expect(dot(direction, direction)).toBeCloseTo(1, 12);
        expect(steps).toBeLessThanOrEqual(Math.min(20, columns));
      }
    });
  }

  it('ends at once where there is nothing, or something is not finite', () => {
    const zero = search(new Float64Array(12), 4, 3);
    expect(zero).toEqual({ direction: new Float64Array(3), steps: 1 });
    expect(search(new Float64Array(12).fill(NaN, 5, 6), 4, 3).steps).toBe(1);
  });
});
