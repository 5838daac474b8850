/** Products along the first dimension of a matrix against the columns taken one by one. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Kernels } from '../../kernels/abi.js';
import { vectorsOf } from './geometry-vectors.js';
import { Workspace } from './workspace.js';

const pieces = fc
  .record({ columns: fc.integer({ min: 1, max: 40 }), count: fc.nat(150), skipped: fc.nat(200) })
  .chain(({ columns, count, skipped }) =>
    vectorsOf(2, count).map(({ vectors: [a, b] }) => ({ columns, count, column: skipped % columns, a: a!, b: b! })),
  );

export function columnsSuite(create: () => Kernels) {
  test('addColumnProducts adds the products of each column in order', () => {
    fc.assert(
      fc.property(pieces, ({ columns, count, column, a, b }) => {
        const space = new Workspace(create());
        const sums = space.put(new Float64Array(3 * columns).fill(2));
        space.kernels.addColumnProducts(space.put(a), space.put(b), count, column, columns, sums);
        const expected = ([x, y]: readonly [Float32Array, Float32Array]) =>
          Array.from({ length: columns }, (_, own) =>
            [...x.keys()].filter((i) => (column + i) % columns === own).reduce((sum, i) => sum + x[i]! * y[i]!, 2),
          );
        const pairs = [[a, a] as const, [a, b] as const, [b, b] as const];
        expect([...space.f64(sums, 3 * columns)]).toEqual(pairs.flatMap(expected));
        expect(space.guardsAreIntact()).toBe(true);
      }),
      { numRuns: 200 },
    );
  });

  test('combineColumns weighs the elements of each column with its own coefficients', () => {
    fc.assert(
      fc.property(pieces, ({ columns, count, column, a, b }) => {
        const space = new Workspace(create());
        const coefficients = Float64Array.from({ length: 2 * columns }, (_, i) => Math.sin(i + 1));
        const to = space.reserve(4 * count);
        const slots = [space.put(a), space.put(b)] as const;
        space.kernels.combineColumns(...slots, count, column, columns, space.put(coefficients), to);
        const expected = Float32Array.from(a, (x, i) => {
          const own = (column + i) % columns;
          return coefficients[own]! * x + coefficients[columns + own]! * b[i]!;
        });
        expect(space.f32(to, count)).toEqual(expected);
        expect(space.guardsAreIntact()).toBe(true);
      }),
      { numRuns: 200 },
    );
  });
}
