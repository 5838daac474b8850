/** What is told of the share that trimming removed: rounding is none of it. */
import { expect, it } from 'vitest';
import { removedShares } from '../../src/geometry/accounting.js';

/** The share of an expert of energy 4, of which so much was summed up after trimming. */
function trimmedOf(survived: number): number | null {
  const nothing = { elements: 0, unchanged: 0, lost: 0, deltaSquares: 0, writtenSquares: 0, dots: [], writtenDots: [] };
  const removals = { survived: [survived], outvoted: [0], cancelled: [0] };
  return removedShares([{ account: nothing, squares: [4], removals }], ['a']).a!.trimmed;
}

it('is 0 where two ways of summing differ in their last digits only', () => {
  for (const survived of [4, 4 * (1 - 1e-7), 4 * (1 + 1e-7)]) expect(trimmedOf(survived)).toBe(0);
});

it('is what is missing where more is', () => {
  expect(trimmedOf(4 * (1 - 1e-5))).toBeCloseTo(1e-5, 12);
  expect(trimmedOf(3)).toBe(0.25);
  expect(trimmedOf(0)).toBe(1);
});
