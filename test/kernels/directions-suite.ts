/** Products with few directions against sums over indices, in order and in any. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Kernels } from '../../kernels/abi.js';
import { vectorsOf } from './geometry-vectors.js';
import { Workspace } from './workspace.js';

const indices = (count: number) => Array.from({ length: count }, (_, i) => i);
const fractions = (count: number) => Float64Array.from({ length: count }, (_, i) => Math.sin(3 * i + 1));

const shapes = fc.record({
  rows: fc.nat(11),
  columns: fc.integer({ min: 1, max: 21 }),
  width: fc.integer({ min: 1, max: 9 }),
});
const scenes = shapes.chain(({ rows, columns, width }) =>
  vectorsOf(1, rows * columns).map(({ vectors: [matrix] }) => ({ rows, columns, width, matrix: matrix! })),
);

/** Σ row·direction in four sums that take turns. */
function product(matrix: Float32Array, row: number, columns: number, direction: Float64Array): number {
  const [a, b, c, d] = [0, 1, 2, 3].map((lane) =>
    indices(columns)
      .filter((j) => j % 4 === lane)
      .reduce((sum, j) => sum + matrix[row * columns + j]! * direction[j]!, 0),
  );
  return a! + c! + (b! + d!);
}

export function directionsSuite(create: () => Kernels) {
  test('multiplyDirections multiplies each row with each direction', () => {
    fc.assert(
      fc.property(scenes, ({ rows, columns, width, matrix }) => {
        const space = new Workspace(create());
        const directions = fractions(width * columns);
        const [a, v, y] = [space.put(matrix), space.put(directions), space.reserve(8 * rows * width)];
        space.kernels.multiplyDirections(a, rows, columns, v, width, y);
        const expected = indices(rows).flatMap((row) =>
          indices(width).map((k) => product(matrix, row, columns, directions.subarray(k * columns, (k + 1) * columns))),
        );
        expect([...space.f64(y, rows * width)]).toEqual(expected);
        expect(space.guardsAreIntact()).toBe(true);
      }),
      { numRuns: 300 },
    );
  });

  test('multiplyGram adds each row times its product, row after row', () => {
    fc.assert(
      fc.property(scenes, ({ rows, columns, matrix }) => {
        const space = new Workspace(create());
        const direction = fractions(columns);
        const [a, v, sums] = [space.put(matrix), space.put(direction), space.put(new Float64Array(columns).fill(2))];
        space.kernels.multiplyGram(a, rows, columns, v, sums);
        const products = indices(rows).map((row) => product(matrix, row, columns, direction));
        const expected = indices(columns).map((j) =>
          products.reduce((sum, length, row) => (length === 0 ? sum : sum + length * matrix[row * columns + j]!), 2),
        );
        expect([...space.f64(sums, columns)]).toEqual(expected);
        expect(space.guardsAreIntact()).toBe(true);
      }),
      { numRuns: 300 },
    );
  });

  test('multiplyGram is the product with matrixᵀ · matrix, in any pieces of rows', () => {
    const [rows, columns] = [13, 10];
    const matrix = Float32Array.from({ length: rows * columns }, (_, i) => (i % 3 === 0 ? Math.cos(i) : 0));
    const direction = fractions(columns);
    const gram = indices(columns).map((i) =>
      indices(columns).map((j) =>
        indices(rows).reduce((sum, row) => sum + matrix[row * columns + i]! * matrix[row * columns + j]!, 0),
      ),
    );
    const whole = [rows];
    const [found, ...others] = [whole, [1, 2, 3, 7], [6, 7], indices(rows).map(() => 1)].map((pieces) => {
      const space = new Workspace(create());
      const [a, v, sums] = [space.put(matrix), space.put(direction), space.put(new Float64Array(columns))];
      let first = 0;
      for (const taken of pieces) {
        space.kernels.multiplyGram(a + 4 * first * columns, taken, columns, v, sums);
        first += taken;
      }
      return space.f64(sums, columns);
    });
    for (const other of others) expect(other).toEqual(found);
    gram.forEach((row, i) => {
      const exact = row.reduce((sum, value, j) => sum + value * direction[j]!, 0);
      expect(found![i]).toBeCloseTo(exact, 12);
    });
  });

  test('addDirections adds all directions before it rounds', () => {
    fc.assert(
      fc.property(scenes, ({ rows, columns, width, matrix }) => {
        const space = new Workspace(create());
        const [directions, shares] = [fractions(width * columns), fractions(rows * width).map((x) => x / 7)];
        const [to, s, v] = [space.put(matrix), space.put(shares), space.put(directions)];
        space.kernels.addDirections(to, rows, columns, s, v, width);
        const expected = Float32Array.from(matrix, (value, i) => {
          const [row, j] = [Math.floor(i / columns), i % columns];
          return indices(width).reduce(
            (sum, k) => sum + shares[row * width + k]! * directions[k * columns + j]!,
            value,
          );
        });
        expect(space.f32(to, rows * columns)).toEqual(expected);
        expect(space.guardsAreIntact()).toBe(true);
      }),
      { numRuns: 300 },
    );
  });
}
