/** Selection against sorting. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { nthLargest } from '../../src/geometry/nth-largest.js';

const numbers = fc.array(fc.oneof(fc.double({ noNaN: true, min: Number.MIN_VALUE }), fc.nat(4)), { maxLength: 60 });

it('is what stands there once the numbers are sorted, and 0 where there are too few', () => {
  fc.assert(
    fc.property(numbers, fc.integer({ min: 1, max: 70 }), (values, n) => {
      expect(nthLargest(Float64Array.from(values), n)).toBe(values.toSorted((a, b) => b - a)[n - 1] ?? 0);
    }),
    { numRuns: 2000 },
  );
});

it.each([
  ['ascending', (i: number) => i],
  ['descending', (i: number) => 199_999 - i],
  ['in few steps', (i: number) => Math.floor(i / 50_000) * 50_000],
  ['alike', () => 199_000],
])('finds it among many that are %s', (_, valueAt) => {
  const values = Float64Array.from({ length: 200_000 }, (_, i) => valueAt(i));
  const expected = values.toSorted().at(-1000)!;
  expect(nthLargest(values, 1000)).toBe(expected);
});
