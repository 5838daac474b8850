/** Points of the unit cube for sampling settings: independent ones, and Sobol's that fill it evenly. */
import { createHash } from 'node:crypto';

/** Dimensions for which there are direction numbers. */
export const MAX_SOBOL_DIMENSIONS = 12;

/** Bits of a coordinate. */
const BITS = 32;

/**
 * Primitive polynomials and initial direction numbers of dimensions 2…12 (Joe and Kuo, "Constructing Sobol sequences
 * with better two-dimensional projections", 2008, file new-joe-kuo-6): degree s, coefficients a, m₁…m_s.
 */
const DIRECTIONS: readonly (readonly [degree: number, coefficients: number, initial: readonly number[]])[] = [
  [1, 0, [1]],
  [2, 1, [1, 3]],
  [3, 1, [1, 3, 1]],
  [3, 2, [1, 1, 1]],
  [4, 1, [1, 1, 3, 3]],
  [4, 4, [1, 3, 5, 13]],
  [5, 2, [1, 1, 5, 5, 17]],
  [5, 4, [1, 1, 5, 5, 5]],
  [5, 7, [1, 1, 7, 11, 19]],
  [5, 11, [1, 1, 5, 1, 1]],
  [5, 13, [1, 1, 1, 3, 11]],
];

/** A number in [0, 1) that depends on the seed and a label only. */
export function uniform(seed: number, label: string): number {
  return createHash('sha256').update(`${seed} ${label}`).digest().readUInt32LE(0) / 2 ** BITS;
}

/** `count` points with `dimensions` coordinates in [0, 1), each drawn on its own. */
export function randomPoints(count: number, dimensions: number, seed: number): number[][] {
  return indices(count).map((point) => indices(dimensions).map((axis) => uniform(seed, `${point} ${axis}`)));
}

/**
 * The first `count` points of Sobol's sequence, without the zero point, shifted by a random offset that the seed gives
 * (a Cranley-Patterson rotation), so that other seeds give other points. At most MAX_SOBOL_DIMENSIONS dimensions.
 */
export function sobolPoints(count: number, dimensions: number, seed: number): number[][] {
  const axes = indices(dimensions).map((axis) => ({
    directions: directionNumbers(axis),
    offset: uniform(seed, `offset ${axis}`),
  }));
  return indices(count).map((point) =>
    axes.map(({ directions, offset }) => (sobolInteger(point + 1, directions) / 2 ** BITS + offset) % 1),
  );
}

/** The exclusive or of the direction numbers at the set bits of the index's Gray code. */
function sobolInteger(index: number, directions: readonly number[]): number {
  const gray = index ^ (index >>> 1);
  return directions.reduce((sum, direction, bit) => ((gray >>> bit) & 1 ? sum ^ direction : sum), 0) >>> 0;
}

function directionNumbers(axis: number): number[] {
  if (axis === 0) return indices(BITS).map((bit) => (1 << (BITS - 1 - bit)) >>> 0);
  const [degree, coefficients, initial] = DIRECTIONS[axis - 1]!;
  const directions = initial.map((m, i) => (m << (BITS - 1 - i)) >>> 0);
  for (let i = degree; i < BITS; i++) {
    let next = directions[i - degree]! ^ (directions[i - degree]! >>> degree);
    for (let k = 1; k < degree; k++) if ((coefficients >>> (degree - 1 - k)) & 1) next ^= directions[i - k]!;
    directions.push(next >>> 0);
  }
  return directions;
}

const indices = (count: number): number[] => Array.from({ length: count }, (_, i) => i);
