/** Sampling, against what a low-discrepancy sequence promises. */
import { describe, expect, it } from 'vitest';
import { MAX_SOBOL_DIMENSIONS, randomPoints, sobolPoints, uniform } from '../../src/sweep/sample.js';

/** Takes the seed's shift away and puts the zero point back, which leaves Sobol's own points. */
function unshifted(count: number, dimensions: number, seed: number): number[][] {
  const points = sobolPoints(count - 1, dimensions, seed);
  const plain = points.map((point) => point.map((value, axis) => (value - uniform(seed, `offset ${axis}`) + 1) % 1));
  return [Array.from({ length: dimensions }, () => 0), ...plain];
}

/** The interval of width 1/parts that holds a value, of which all are multiples of 2^-32. */
const part = (value: number, parts: number): number => Math.floor((value + 2 ** -40) * parts);

describe('Sobol points', () => {
  it('put one of the first 2^k into each interval of width 2^-k, in every dimension', () => {
    for (const k of [1, 3, 6, 8]) {
      const count = 2 ** k;
      const points = unshifted(count, MAX_SOBOL_DIMENSIONS, 5);
      for (let axis = 0; axis < MAX_SOBOL_DIMENSIONS; axis++) {
        const parts = points.map((point) => part(point[axis]!, count));
        expect(parts.sort((a, b) => a - b)).toEqual(Array.from({ length: count }, (_, i) => i));
      }
    }
  });

  it('put one of the first 64 into each elementary rectangle of the first two dimensions', () => {
    const points = unshifted(64, 2, 0);
    for (const [columns, rows] of [
      [2, 32],
      [4, 16],
      [8, 8],
      [16, 4],
      [32, 2],
    ] as const) {
      const cells = new Set(points.map(([x, y]) => part(x!, columns) * rows + part(y!, rows)));
      expect(cells.size).toBe(64);
    }
  });

  it('differ by seed and repeat for the same one', () => {
    expect(sobolPoints(4, 2, 1)).toEqual(sobolPoints(4, 2, 1));
    expect(sobolPoints(4, 2, 1)).not.toEqual(sobolPoints(4, 2, 2));
    expect(randomPoints(4, 2, 1)).toEqual(randomPoints(4, 2, 1));
    expect(randomPoints(4, 2, 1)).not.toEqual(randomPoints(4, 2, 2));
  });
});

describe('random points', () => {
  it('fill the cube evenly', () => {
    const points = randomPoints(4000, 3, 7);
    for (let axis = 0; axis < 3; axis++) {
      const below = points.filter((point) => point[axis]! < 0.3).length;
      // Five standard deviations of a binomial count.
      expect(Math.abs(below - 1200)).toBeLessThan(5 * Math.sqrt(4000 * 0.3 * 0.7));
    }
  });
});
