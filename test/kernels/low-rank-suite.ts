/** The low-rank product against float64 matrices, and pieces of a matrix against the whole of it. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Kernels } from '../../kernels/abi.js';
import { Workspace } from './workspace.js';

interface Product {
  readonly rows: number;
  readonly columns: number;
  readonly rank: number;
  readonly scale: number;
  readonly values: Float32Array;
  readonly left: Float32Array;
  readonly right: Float32Array;
}

const products: fc.Arbitrary<Product> = fc
  .record({
    rows: fc.integer({ min: 1, max: 13 }),
    columns: fc.oneof(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 10, max: 70 })),
    rank: fc.integer({ min: 1, max: 12 }),
    scale: fc.constantFrom(1, 2, Math.fround(0.3), -1, 0),
    seed: fc.integer({ min: 1, max: 1e6 }),
  })
  .map(({ rows, columns, rank, scale, seed }) => {
    let state = seed;
    const draw = (length: number): Float32Array =>
      Float32Array.from({ length }, () => {
        state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
        return state / 2 ** 31 - 1;
      });
    return {
      rows,
      columns,
      rank,
      scale,
      values: draw(rows * columns),
      left: draw(rows * rank),
      right: draw(rank * columns),
    };
  });

/** What the kernel makes of elements [begin, end) of the matrix. */
function added(kernels: Kernels, product: Product, begin: number, end: number): Float32Array {
  const { columns, rank, scale, values, left, right } = product;
  const space = new Workspace(kernels);
  const slot = space.put(values.slice(begin, end));
  const firstRow = Math.floor(begin / columns);
  const [leftSlot, rightSlot] = [space.put(left.slice(firstRow * rank)), space.put(right)];
  kernels.addLowRank(slot, end - begin, begin % columns, columns, leftSlot, rightSlot, rank, scale);
  expect(space.guardsAreIntact()).toBe(true);
  return space.f32(slot, end - begin);
}

export function lowRankSuite(create: () => Kernels) {
  test('addLowRank is W + scale·L·R', () => {
    fc.assert(
      fc.property(products, (product) => {
        const { rows, columns, rank, scale, values, left, right } = product;
        const result = added(create(), product, 0, rows * columns);
        for (let i = 0; i < rows * columns; i++) {
          let exact = 0;
          let size = 0;
          for (let k = 0; k < rank; k++) {
            const term = left[Math.floor(i / columns) * rank + k]! * right[k * columns + (i % columns)]!;
            exact += term;
            size += Math.abs(term);
          }
          const expected = values[i]! + scale * exact;
          // Each of rank + 2 roundings is at most half a unit of the sum of magnitudes.
          const bound = (rank + 2) * 2 ** -24 * (Math.abs(scale) * size + Math.abs(values[i]!) + 1e-30);
          expect(Math.abs(result[i]! - expected)).toBeLessThanOrEqual(bound);
        }
      }),
      { numRuns: 100 },
    );
  });

  test('addLowRank of a piece gives what the whole gives there', () => {
    fc.assert(
      fc.property(products, fc.nat(1000), fc.nat(1000), (product, from, to) => {
        const elements = product.rows * product.columns;
        const [begin = 0, end = 0] = [from % (elements + 1), to % (elements + 1)].sort((a, b) => a - b);
        const kernels = create();
        const whole = added(kernels, product, 0, elements);
        expect(added(create(), product, begin, end)).toEqual(whole.slice(begin, end));
      }),
      { numRuns: 200 },
    );
  });
}
