/** The divergence of rows against float64, where it is large enough for f32 to tell, and bit for bit where it is not. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Kernels } from '../../kernels/abi.js';
import { Workspace } from './workspace.js';

const value = fc.double({ min: -3, max: 3, noNaN: true }).map(Math.fround);
const EPSILON = 1e-8;

/** Elements of a row and what torch 2.13 finds for it (CPU, AVX-512): mostly rounding, so the order of its sums shows. */
const OF_TORCH: readonly (readonly [length: number, divergence: number])[] = [
  [3, 1.65004167e-7],
  [5, 2.54781298e-8],
  [7, 4.22751327e-8],
  [8, -6.61148079e-8],
  [17, -1.61671778e-8],
  [48, 7.11734174e-8],
  [100, 1.01835894e-7],
  [300, -1.89744469e-8],
  [1100, 1.97887289e-8],
  [2500, 3.0269311e-7],
  [9000, -3.3358873e-8],
  [17000, -1.09419133e-7],
];

/** A row of the base, and one of which every third element was changed a little; exact in f32. */
function rowsOf(length: number): [model: Float32Array, base: Float32Array] {
  const base = Float32Array.from({ length }, (_, i) => (((i * 37) % 101) - 50) / 2048);
  return [base.map((x, i) => (i % 3 === 0 ? x + (((i * 53) % 17) - 8) / 8192 : x)), base];
}

function probabilities(row: Float32Array): number[] {
  const powers = [...row].map((x) => Math.exp(x));
  const total = powers.reduce((sum, x) => sum + x, 0);
  return powers.map((x) => x / total + EPSILON);
}

export function divergenceSuite(create: () => Kernels) {
  test.each(OF_TORCH)('softmaxDivergence of a row of %i rounds as torch does', (length, expected) => {
    const space = new Workspace(create());
    const [model, base] = rowsOf(length).map((row) => space.put(row));
    const scratch = space.reserve(8 * length);
    const destination = space.reserve(4);
    space.kernels.softmaxDivergence(model!, base!, length, 1, scratch, destination);
    expect(space.f32(destination, 1)[0]).toBe(Math.fround(expected));
    expect(space.guardsAreIntact()).toBe(true);
  });

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
