/** Energies of the rows and columns of a matrix against lists of squares, each added to its row or column. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Kernels, REDUCTION_LANES } from '../../kernels/abi.js';
import { vectorsOf } from './geometry-vectors.js';
import { Workspace } from './workspace.js';

const { fround } = Math;

export function channelsSuite(create: () => Kernels) {
  const matrices = fc
    .record({ columns: fc.integer({ min: 1, max: 40 }), count: fc.nat(150), skipped: fc.nat(200) })
    .chain(({ columns, count, skipped }) =>
      vectorsOf(1, count).map(({ vectors: [values] }) => ({ columns, count, column: skipped % columns, x: values! })),
    );
  /** Squares of the elements of each row or column, in order; `of` says where an element belongs. */
  const grouped = (x: Float32Array, of: (i: number) => number) => {
    const groups = new Map<number, number[]>();
    x.forEach((value, i) => {
      groups.set(of(i), [...(groups.get(of(i)) ?? []), fround(value * value)]);
    });
    return groups;
  };

  test('addColumnSquares adds the squares of each column in order', () => {
    fc.assert(
      fc.property(matrices, ({ columns, count, column, x }) => {
        const space = new Workspace(create());
        const sums = space.put(new Float32Array(columns).fill(2));
        space.kernels.addColumnSquares(space.put(x), count, column, columns, sums);
        const groups = grouped(x, (i) => (column + i) % columns);
        const expected = Array.from({ length: columns }, (_, c) =>
          (groups.get(c) ?? []).reduce((sum, square) => fround(sum + square), 2),
        );
        expect([...space.f32(sums, columns)]).toEqual(expected);
        expect(space.guardsAreIntact()).toBe(true);
      }),
      { numRuns: 200 },
    );
  });

  test('addRowSquares adds the squares of finished rows and keeps the rest, whatever the cuts', () => {
    fc.assert(
      fc.property(matrices, fc.nat(149), ({ columns, count, column, x }, cut) => {
        const first = Math.min(cut, count);
        const rows = Math.ceil((column + count) / columns);
        const outcome = (parts: readonly number[]) => {
          const space = new Workspace(create());
          const lanes = space.put(new Float32Array(REDUCTION_LANES));
          const energies = space.put(new Float64Array(rows).fill(2));
          let begin = 0;
          for (const part of parts) {
            const at = column + begin;
            const source = space.put(x.slice(begin, begin + part));
            const row = energies + 8 * Math.floor(at / columns);
            space.kernels.addRowSquares(source, part, at % columns, columns, lanes, row);
            begin += part;
          }
          expect(space.guardsAreIntact()).toBe(true);
          return { energies: [...space.f64(energies, rows)], lanes: [...space.f32(lanes, REDUCTION_LANES)] };
        };
        const whole = outcome([count]);
        expect(outcome([first, count - first])).toEqual(whole);
        const groups = grouped(x, (i) => Math.floor((column + i) / columns));
        const last = (column + count) % columns === 0 ? undefined : rows - 1;
        whole.energies.forEach((energy, row) => {
          const squares = row === last ? [] : (groups.get(row) ?? []);
          const sum = squares.reduce((total, square) => total + square, 2);
          if (Number.isFinite(sum)) expect(Math.abs(energy - sum)).toBeLessThanOrEqual(1e-5 * sum);
          else expect(Number.isFinite(energy)).toBe(false);
        });
      }),
      { numRuns: 200 },
    );
  });
}
