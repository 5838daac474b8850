/** Products with a narrow factor against sums over indices. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Kernels } from '../../kernels/abi.js';
import { vectorsOf } from './geometry-vectors.js';
import { Workspace } from './workspace.js';

const shapes = fc.record({
  rows: fc.nat(7),
  columns: fc.integer({ min: 1, max: 9 }),
  width: fc.integer({ min: 1, max: 19 }),
});
const scenes = shapes.chain(({ rows, columns, width }) =>
  fc.record({
    rows: fc.constant(rows),
    columns: fc.constant(columns),
    width: fc.constant(width),
    matrix: vectorsOf(1, rows * columns).map(({ vectors }) => vectors[0]!),
    factor: vectorsOf(1, columns * width).map(({ vectors }) => Float64Array.from(vectors[0]!)),
    product: vectorsOf(1, rows * width).map(({ vectors }) => Float64Array.from(vectors[0]!)),
  }),
);
const indices = (count: number) => Array.from({ length: count }, (_, i) => i);

export function matrixSuite(create: () => Kernels) {
  test('multiplyRows sums over the columns in order', () => {
    fc.assert(
      fc.property(scenes, ({ rows, columns, width, matrix, factor }) => {
        const space = new Workspace(create());
        const [a, z, y] = [space.put(matrix), space.put(factor), space.reserve(8 * rows * width)];
        space.kernels.multiplyRows(a, rows, columns, z, width, y);
        const expected = indices(rows).flatMap((row) =>
          indices(width).map((w) =>
            indices(columns).reduce((sum, c) => sum + matrix[row * columns + c]! * factor[c * width + w]!, 0),
          ),
        );
        expect([...space.f64(y, rows * width)]).toEqual(expected);
        expect(space.guardsAreIntact()).toBe(true);
      }),
      { numRuns: 200 },
    );
  });

  test('addInnerProducts adds row after row', () => {
    fc.assert(
      fc.property(scenes, ({ columns: rows, width, factor: a }) => {
        const b = a.map((value, i) => value * (1 + (i % 5)));
        const start = Float64Array.from({ length: width ** 2 }, (_, i) => i / 7);
        const space = new Workspace(create());
        const [left, right, sums] = [space.put(a), space.put(b), space.put(start)];
        space.kernels.addInnerProducts(left, right, rows, width, sums);
        const expected = indices(width).flatMap((i) =>
          indices(width).map((j) =>
            indices(rows).reduce((sum, row) => sum + a[row * width + i]! * b[row * width + j]!, start[i * width + j]!),
          ),
        );
        expect([...space.f64(sums, width ** 2)]).toEqual(expected);
        expect(space.guardsAreIntact()).toBe(true);
      }),
      { numRuns: 200 },
    );
  });

  test('addTransposedRows adds row after row and leaves zeros out', () => {
    fc.assert(
      fc.property(scenes, ({ rows, columns, width, matrix, factor, product }) => {
        const space = new Workspace(create());
        const [a, y, z] = [space.put(matrix), space.put(product), space.put(factor)];
        space.kernels.addTransposedRows(a, rows, columns, y, width, z);
        const expected = indices(columns).flatMap((c) =>
          indices(width).map((w) =>
            indices(rows)
              .filter((row) => matrix[row * columns + c] !== 0)
              .reduce(
                (sum, row) => sum + matrix[row * columns + c]! * product[row * width + w]!,
                factor[c * width + w]!,
              ),
          ),
        );
        expect([...space.f64(z, columns * width)]).toEqual(expected);
        expect(space.guardsAreIntact()).toBe(true);
      }),
      { numRuns: 200 },
    );
  });
}
