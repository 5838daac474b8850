/** Decompositions by what they must fulfil, and merges of matrices whose singular vectors are known. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Triplet, thinSvd } from '../../kernels/spectral/thin-svd.js';
import { createRandom } from '../support/random-models.js';
import { driveMethod } from './drive-method.js';

const dot = (a: ArrayLike<number>, b: ArrayLike<number>): number =>
  Array.from(a).reduce((sum, value, i) => sum + value * b[i]!, 0);

function outer(triplets: readonly Triplet[], rows: number, columns: number): number[] {
  return Array.from({ length: rows * columns }, (_, i) =>
    triplets.reduce(
      (sum, { value, left, right }) => sum + value * left[Math.floor(i / columns)]! * right[i % columns]!,
      0,
    ),
  );
}

describe('singular value decomposition', () => {
  const matrices = fc
    .record({ rows: fc.integer({ min: 1, max: 9 }), columns: fc.integer({ min: 1, max: 9 }) })
    .chain(({ rows, columns }) =>
      fc.record({
        rows: fc.constant(rows),
        columns: fc.constant(columns),
        // Small whole numbers make dependent rows and equal singular values likely.
        values: fc.array(fc.oneof(fc.integer({ min: -2, max: 2 }), fc.double({ min: -1, max: 1, noNaN: true })), {
          minLength: rows * columns,
          maxLength: rows * columns,
        }),
      }),
    );

  it('gives the matrix back from orthonormal vectors, largest first', () => {
    fc.assert(
      fc.property(matrices, ({ rows, columns, values }) => {
        const triplets = thinSvd(values, rows, columns);
        expect(triplets.length).toBeLessThanOrEqual(Math.min(rows, columns));
        const scale = Math.max(1, ...values.map(Math.abs));
        outer(triplets, rows, columns).forEach((value, i) => {
          expect(Math.abs(value - values[i]!)).toBeLessThan(1e-8 * scale);
        });
        triplets.forEach((a, i) => {
          triplets.forEach((b, j) => {
            expect(Math.abs(dot(a.left, b.left) - (i === j ? 1 : 0))).toBeLessThan(1e-6);
            expect(Math.abs(dot(a.right, b.right) - (i === j ? 1 : 0))).toBeLessThan(1e-6);
          });
          if (i > 0) expect(a.value).toBeLessThanOrEqual(triplets[i - 1]!.value);
        });
      }),
      { numRuns: 200 },
    );
  });
});

const matrix = (rows: number, columns: number, seed: number): number[] => {
  const random = createRandom(seed);
  return Array.from({ length: rows * columns }, () => Math.fround(random() - 0.5));
};

describe('tsv', () => {
  const drive = (models: readonly number[][], shape: readonly number[]) => {
    const base = models[0]!.map(() => 0);
    const [merged] = driveMethod({ method: 'tsv', tensors: [{ shape, base, models }], models: models.map(() => ({})) });
    return [...merged!];
  };
  const expectNear = (found: readonly number[], expected: readonly number[]) => {
    const scale = Math.max(...expected.map(Math.abs));
    found.forEach((value, i) => {
      expect(Math.abs(value - expected[i]!)).toBeLessThan(2e-6 * scale);
    });
  };

  it('of one expert is the expert', () => {
    for (const [rows, columns] of [
      [7, 4],
      [4, 7],
      [5, 5],
      [1, 6],
    ] as const) {
      const expert = matrix(rows, columns, rows);
      expectNear(drive([expert], [rows, columns]), expert);
    }
  });

  it('of experts in subspaces that do not meet is the sum of their leading parts', () => {
    // Block diagonal: the singular vectors of one are orthogonal to those of the other.
    const [a, b] = [matrix(4, 3, 1), matrix(4, 3, 2)];
    const place = (block: readonly number[], at: number) =>
      Array.from({ length: 48 }, (_, i) => {
        const [row, column] = [Math.floor(i / 6) - 4 * at, (i % 6) - 3 * at];
        return row >= 0 && row < 4 && column >= 0 && column < 3 ? block[3 * row + column]! : 0;
      });
    const sum = place(a, 0).map((value, i) => value + place(b, 1)[i]!);
    expectNear(drive([place(a, 0), place(b, 1)], [8, 6]), sum);
  });

  it('of equal experts counts what they share once', () => {
    const expert = matrix(6, 6, 3);
    const leading = outer(thinSvd(expert, 6, 6).slice(0, 3), 6, 6);
    // Two equal vectors side by side have 1/√2 of each in the nearest orthonormal system: twice ½ of the product.
    expectNear(drive([expert, expert], [6, 6]), leading);
  });

  it('of vectors is their mean, and of nothing changed nothing', () => {
    expectNear(
      drive(
        [
          [1, 2, 3],
          [3, 2, 5],
        ],
        [3],
      ),
      [2, 2, 4],
    );
    expect(drive([Array(12).fill(0), Array(12).fill(0)], [3, 4]).every((value) => value === 0)).toBe(true);
  });

  it('agrees with the formula in float64, over shapes and numbers of experts', () => {
    for (const [rows, columns, experts] of [
      [9, 5, 2],
      [5, 9, 3],
      [8, 8, 4],
      [7, 3, 5],
    ] as const) {
      const models = Array.from({ length: experts }, (_, k) => matrix(rows, columns, 10 * experts + k));
      const share = Math.floor(Math.min(rows, columns) / experts);
      const triplets = models.flatMap((model) => thinSvd(model, rows, columns).slice(0, share));
      const whitened = {
        left: whiten(triplets.map(({ left }) => left)),
        right: whiten(triplets.map(({ right }) => right)),
      };
      const merged = triplets.map(({ value }, k) => ({ value, left: whitened.left[k]!, right: whitened.right[k]! }));
      const expected = outer(merged, rows, columns);
      if (share === 0) expect(drive(models, [rows, columns]).every((value) => value === 0)).toBe(true);
      else expectNear(drive(models, [rows, columns]), expected);
    }
  });
});

/** X (XᵀX)^(−1/2) by Newton's iteration Y ← (Y + Y⁻ᵀ)/2 written for few vectors: Y ← Y (3 − YᵀY)/2 after scaling. */
function whiten(vectors: readonly Float64Array[]): Float64Array[] {
  const scale = 1 / Math.sqrt(vectors.length || 1);
  let current = vectors.map((vector) => vector.map((x) => x * scale));
  for (let step = 0; step < 200; step++) {
    const gram = current.map((a) => current.map((b) => dot(a, b)));
    current = current.map((own, k) =>
      own.map((x, i) => 1.5 * x - 0.5 * gram[k]!.reduce((sum, product, j) => sum + product * current[j]![i]!, 0)),
    );
  }
  return current;
}
