/** Inner products of operands against lists of terms, each dealt out to eight lanes. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Kernels, REDUCTION_LANES } from '../../kernels/abi.js';
import { anyVectors, putVectors, vectorsOf } from './geometry-vectors.js';
import { Workspace } from './workspace.js';

/** What lanes hold before a call: sums are added to it. */
const LANES_BEFORE = [0, 1, 2 ** 60, 0.1, 0, 0, 0, 1e-30];
const COUNTS = Array.from({ length: 71 }, (_, count) => count);
const MOST = 10;

/** Eight sums, of every eighth term from 0, 1, … on, each added to what was there. */
const inLanes = (terms: readonly number[]) =>
  LANES_BEFORE.map((before, lane) =>
    terms.filter((_, i) => i % REDUCTION_LANES === lane).reduce((sum, term) => sum + term, before),
  );

/** The terms that each set of eight lanes sums, in the order of the sets. */
function termsOf(vectors: readonly Float32Array[]): number[][] {
  const pairs = vectors.flatMap((a, j) => vectors.slice(j).map((b, step) => ({ a, b, isSelf: step === 0 })));
  const products = pairs.map(({ a, b }) => [...a].map((x, i) => x * b[i]!));
  return [...products, ...products.filter((_, pair) => !pairs[pair]!.isSelf).map((list) => list.map((p) => p * p))];
}

/** Runs `sumProducts` over consecutive parts of the vectors; returns its lanes. */
function summed(kernels: Kernels, vectors: readonly Float32Array[], parts: readonly number[]) {
  const sets = termsOf(vectors).length;
  const space = new Workspace(kernels);
  const lanes = space.put(Float64Array.from({ length: sets * REDUCTION_LANES }, (_, i) => LANES_BEFORE[i % 8]!));
  let begin = 0;
  for (const count of parts) {
    const table = putVectors(
      space,
      vectors.map((values) => values.slice(begin, begin + count)),
    );
    begin += count;
    kernels.sumProducts(table, vectors.length, count, lanes);
  }
  expect(space.guardsAreIntact()).toBe(true);
  return [...space.f64(lanes, sets * REDUCTION_LANES)];
}

export function productsSuite(create: () => Kernels) {
  test('sumProducts adds to eight f64 lanes in order', () => {
    fc.assert(
      fc.property(anyVectors(fc.integer({ min: 1, max: MOST })), ({ count, vectors }) => {
        expect(summed(create(), vectors, [count])).toEqual(termsOf(vectors).flatMap(inLanes));
      }),
      { numRuns: 150 },
    );
  });

  test('sumProducts at every count and number of operands', () => {
    const kernels = create();
    for (const count of COUNTS) {
      const [scene] = fc.sample(vectorsOf(1 + (count % MOST), count), { numRuns: 1, seed: count });
      expect(summed(kernels, scene!.vectors, [count])).toEqual(termsOf(scene!.vectors).flatMap(inLanes));
    }
  });

  test('sumProducts does not depend on cuts at multiples of eight', () => {
    const count = 700;
    const vectors = Array.from({ length: MOST - 1 }, (_, k) =>
      Float32Array.from({ length: count }, (_, i) => (i % (k + 2) === 0 ? 0 : Math.sin(i * (k + 1)) * 10 ** (i % 9))),
    );
    const [whole, ...cut] = [[count], [8, 692], [256, 24, 416, 4], [512, 0, 188]].map((parts) =>
      summed(create(), vectors, parts),
    );
    for (const lanes of cut) expect(lanes).toEqual(whole);
    expect(whole).toEqual(termsOf(vectors).flatMap(inLanes));
  });
}
