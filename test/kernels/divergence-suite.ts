/** The divergence of rows against float64, where it is large enough for f32 to tell. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Kernels } from '../../kernels/abi.js';
import { Workspace } from './workspace.js';

const value = fc.double({ min: -3, max: 3, noNaN: true }).map(Math.fround);
const EPSILON = 1e-8;

function probabilities(row: Float32Array): number[] {
  const powers = [...row].map((x) => Math.exp(x));
  const total = powers.reduce((sum, x) => sum + x, 0);
  return powers.map((x) => x / total + EPSILON);
}

export function divergenceSuite(create: () => Kernels) {
  test('softmaxDivergence is the Kullback-Leibler divergence of each row', () => {
    const rows = fc
      .record({ rows: fc.integer({ min: 1, max: 4 }), length: fc.integer({ min: 1, max: 200 }) })
      .chain(({ rows, length }) => {
        const values = fc.array(value, { minLength: rows * length, maxLength: rows * length });
        return fc.record({ rows: fc.constant(rows), length: fc.constant(length), model: values, base: values });
      });
    fc.assert(
      fc.property(rows, ({ rows, length, model, base }) => {
        const space = new Workspace(create());
        const [a, b] = [model, base].map((list) => Float32Array.from(list));
        const [x, y] = [space.put(a!), space.put(b!)];
        const scratch = space.reserve(8 * length);
        const destination = space.reserve(4 * rows);
        space.kernels.softmaxDivergence(x, y, length, rows, scratch, destination);
        space.f32(destination, rows).forEach((found, row) => {
          const [p, q] = [a!, b!].map((list) => probabilities(list.subarray(row * length, (row + 1) * length)));
          const exact = p!.reduce((sum, one, i) => sum + one * Math.log(one / q![i]!), 0);
          expect(Math.abs(found - exact)).toBeLessThan(1e-5);
        });
        expect(space.guardsAreIntact()).toBe(true);
      }),
      { numRuns: 60 },
    );
  });
}
