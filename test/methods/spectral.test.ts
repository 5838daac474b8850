/** Decompositions by what they must fulfil, and merges of matrices whose singular vectors are known. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Settings } from '../../kernels/parameters.js';
import { createRandom } from '../support/random-models.js';
import { driveMethod } from './drive-method.js';
import { dot, type Triplet, thinSvd } from './thin-svd.js';

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
        // The squares of numbers this small or large are no doubles.
        magnitude: fc.constantFrom(1, 1e-300, 1e-160, 1e160, 1e300),
      }),
    )
    .map(({ values, magnitude, ...shape }) => ({ ...shape, values: values.map((value) => value * magnitude) }));

  it('gives the matrix back from orthonormal vectors, largest first', () => {
    fc.assert(
      fc.property(matrices, ({ rows, columns, values }) => {
        const triplets = thinSvd(values, rows, columns);
        expect(triplets.length).toBeLessThanOrEqual(Math.min(rows, columns));
        const scale = Math.max(...values.map(Math.abs));
        outer(triplets, rows, columns).forEach((value, i) => {
          expect(Math.abs(value - values[i]!)).toBeLessThanOrEqual(1e-8 * scale);
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
  const drive = (models: readonly number[][], shape: readonly number[], settings: Settings = {}) => {
    const base = models[0]!.map(() => 0);
    const own = { models: models.map(() => ({})), merge: settings };
    const [merged] = driveMethod({ method: 'tsv', tensors: [{ shape, base, models }], ...own });
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

  it('of what is not to be decomposed, and of stacked matrices, is the mean', () => {
    const models = [matrix(6, 4, 1), matrix(6, 4, 2)];
    const mean = models[0]!.map((value, i) => (value + models[1]![i]!) / 2);
    expectNear(drive(models, [6, 4], { decompose: false }), mean);
    expectNear(drive(models, [2, 3, 4]), mean);
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
      // More than kernels take at once.
      [40, 300, 3],
      [270, 33, 2],
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

describe('resmerge', () => {
  const shape = [9, 6] as const;
  /** The authors' procedure over whole matrices. */
  function expected(models: readonly number[][], rho: number, betaMin: number, betaMax: number): number[] {
    const heads = models.map((model) => outer(thinSvd(model, ...shape).slice(0, 1), ...shape));
    const tails = models.map((model, k) => model.map((value, i) => value - heads[k]![i]!));
    const norm = (vector: readonly number[]) => Math.sqrt(dot(vector, vector));
    const cosine = (a: readonly number[], b: readonly number[]) => dot(a, b) / (norm(a) * norm(b) || 1);
    const average = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
    const pairs = (vectors: readonly number[][]) =>
      vectors.flatMap((a, i) => vectors.slice(i + 1).map((b) => cosine(a, b)));
    const mean = (vectors: readonly number[][]) =>
      vectors[0]!.map((_, i) => average(vectors.map((vector) => vector[i]!)));
    const units = tails.map((tail) => tail.map((value) => value / norm(tail)));
    const direction = mean(units);
    const coherence = average(units.map((unit) => cosine(unit, direction)));
    const score = ((average(pairs(tails)) + 1) / 2 + (coherence + 1) / 2) / 2;
    const length = coherence ** (betaMax - (betaMax - betaMin) * score) * average(tails.map(norm));
    const isScattered = coherence <= 1 / Math.sqrt(models.length);
    const tail = isScattered ? mean(tails) : direction.map((value) => (value * length) / norm(direction));
    const budget = rho * average(pairs(heads).map((value) => Math.max(0, value)));
    const head = mean(heads);
    return tail.map((value, i) => value + (budget * norm(tail) * head[i]!) / norm(head));
  }
  const drive = (models: readonly number[][], merge = {}, dimensions: readonly number[] = shape) => {
    const base = models[0]!.map(() => 0);
    const own = models.map(() => ({}));
    const [merged] = driveMethod({
      method: 'resmerge',
      tensors: [{ shape: dimensions, base, models }],
      models: own,
      merge,
    });
    return [...merged!];
  };
  const experts = (count: number, shared: number) => {
    const common = matrix(...shape, 99);
    return Array.from({ length: count }, (_, k) =>
      matrix(...shape, 200 + k).map((value, i) => Math.fround(value + shared * common[i]!)),
    );
  };

  for (const shared of [0, 0.5, 2]) {
    it(`agrees with whole matrices in float64, shared part ${shared}`, () => {
      for (const count of [2, 3, 5]) {
        const models = experts(count, shared);
        const exact = expected(models, 0.2, 0.7, 1);
        const scale = Math.max(...exact.map(Math.abs));
        drive(models).forEach((value, i) => {
          expect(Math.abs(value - exact[i]!)).toBeLessThan(1e-5 * scale);
        });
      }
    });
  }

  it('takes the mean of vectors, and of matrices that it is told not to take apart', () => {
    expect(
      drive(
        [
          [1, 2],
          [3, 6],
        ],
        {},
        [2],
      ),
    ).toEqual([2, 4]);
    const models = experts(2, 1);
    const mean = models[0]!.map((value, i) => (value + models[1]![i]!) / 2);
    drive(models, { decompose: false }).forEach((value, i) => {
      expect(value).toBeCloseTo(mean[i]!, 6);
    });
  });

  it('of one expert, of nothing changed, and of one that left the matrix alone is finite', () => {
    const [model] = experts(1, 0);
    const none = model!.map(() => 0);
    expect(drive([none, none]).every((value) => value === 0)).toBe(true);
    for (const models of [[model!], [model!, none], [model!, model!.map((value) => -value)]]) {
      expect(drive(models).every(Number.isFinite)).toBe(true);
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
