import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { editDistance, nearestName } from '../../src/recipe/nearest.js';

/** The definition itself, by recursion. */
function distanceByDefinition(from: string, to: string): number {
  if (from === '' || to === '') return from.length + to.length;
  const [shorterFrom, shorterTo] = [from.slice(0, -1), to.slice(0, -1)];
  const swapped = from.length > 1 && to.length > 1 && from.at(-1) === to.at(-2) && from.at(-2) === to.at(-1);
  return Math.min(
    distanceByDefinition(shorterFrom, to) + 1,
    distanceByDefinition(from, shorterTo) + 1,
    distanceByDefinition(shorterFrom, shorterTo) + (from.at(-1) === to.at(-1) ? 0 : 1),
    swapped ? distanceByDefinition(from.slice(0, -2), to.slice(0, -2)) + 1 : Number.POSITIVE_INFINITY,
  );
}

describe('edit distance', () => {
  test.each([
    ['weight', 'weight', 0],
    ['wieght', 'weight', 1],
    ['weigh', 'weight', 1],
    ['densty', 'density', 1],
    ['kitten', 'sitting', 3],
    ['', 'abc', 3],
  ])('%s to %s', (from, to, distance) => {
    expect(editDistance(from, to)).toBe(distance);
  });

  test('agrees with its definition', () => {
    const word = fc.string({ unit: fc.constantFrom('a', 'b', 'c'), maxLength: 5 });
    fc.assert(
      fc.property(word, word, (from, to) => {
        expect(editDistance(from, to)).toBe(distanceByDefinition(from, to));
      }),
      { numRuns: 200 },
    );
  });
});

describe('nearest name', () => {
  const names = ['weight', 'density', 'lambda', 'normalize'];

  test.each([
    ['wieght', 'weight'],
    ['LAMBDA', 'lambda'],
    ['normalise', 'normalize'],
    ['epsilon', undefined],
    ['x', undefined],
    ['', undefined],
    ['weight'.repeat(1000), undefined],
  ])('%s', (name, nearest) => {
    expect(nearestName(name, names)).toBe(nearest);
  });

  test('the first of equally near names', () => {
    expect(nearestName('dare', ['dara', 'dari'])).toBe('dara');
  });
});
