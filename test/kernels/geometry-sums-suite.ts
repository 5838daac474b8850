/** f64 sums of geometry against lists of terms, each dealt out to its lanes. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  ALIGNMENT_RUN,
  type Kernels,
  OPERAND,
  OPERAND_BYTES,
  REDUCTION_LANES,
  SHARED_LANES,
  sharedSums,
} from '../../kernels/abi.js';
import { anyVectors, putVectors, type Vectors, vectorsOf } from './geometry-vectors.js';
import { Workspace } from './workspace.js';

/** What lanes hold before a call: sums are added to it. */
const BEFORE = [0, 1, 2 ** 60, 0.1, 0, 0, 0, 1e-30];
const COUNTS = Array.from({ length: 71 }, (_, count) => count);
const { fround } = Math;

const operandCounts = fc.integer({ min: 1, max: 8 });

/** `lanes` sums of which lane l takes every lanes-th term from term (l − first) on. */
function dealt(terms: readonly number[], lanes: number, first = 0): number[] {
  return Array.from({ length: lanes }, (_, lane) =>
    terms.filter((_, r) => (r + first) % lanes === lane).reduce((sum, term) => sum + term, BEFORE[lane % 8]!),
  );
}

const initial = (sets: number, lanes: number) =>
  Float64Array.from({ length: sets * lanes }, (_, i) => BEFORE[(i % lanes) % 8]!);

const pairsOf = (operands: number) =>
  Array.from({ length: operands }, (_, j) => Array.from({ length: operands - j - 1 }, (_, d) => [j, j + 1 + d])).flat();

/** The whole outcome of `sumShared`, mask by mask and sum by sum. `first` is the rank that each mask begins with. */
function expectedShared({ vectors, masks }: Vectors, first: number) {
  const operands = vectors.length;
  const pairs = pairsOf(operands);
  const opposed = pairs.map(() => 0);
  let cancelled = 0;
  const lanes: number[] = [];
  for (let mask = 0; mask < 2 ** operands; mask++) {
    const isIn = (k: number) => Math.floor(mask / 2 ** k) % 2 === 1;
    const members = vectors.filter((_, k) => isIn(k));
    const elements = [...masks].flatMap((mark, i) => (mark === mask && members.length > 1 ? [i] : []));
    const add = (isMember: boolean, term: (i: number) => number): void => {
      lanes.push(...dealt(isMember ? elements.map(term) : [], SHARED_LANES, first));
    };
    const product = (j: number, k: number) => (i: number) => vectors[j]![i]! * vectors[k]![i]!;
    for (const [j, k] of pairs) add(isIn(j!) && isIn(k!), product(j!, k!));
    for (const [j, k] of pairs) add(isIn(j!) && isIn(k!), (i) => product(j!, k!)(i) ** 2);
    for (let k = 0; k < operands; k++) add(isIn(k), product(k, k));
    const side = (sign: number, i: number) => members.reduce((sum, x) => sum + Math.max(sign * x[i]!, 0), 0);
    add(true, (i) => Math.min(side(1, i), side(-1, i)));
    pairs.forEach(([j, k], pair) => {
      if (isIn(j!) && isIn(k!)) opposed[pair]! += elements.filter((i) => product(j!, k!)(i) < 0).length;
    });
    cancelled += elements.filter((i) => side(1, i) - side(-1, i) === 0).length;
  }
  return { lanes, counters: [...opposed, cancelled] };
}

/** Runs `sumShared` over consecutive parts of the vectors. */
function shared(kernels: Kernels, { vectors, masks }: Vectors, parts: readonly number[], first: number) {
  const operands = vectors.length;
  const space = new Workspace(kernels);
  const sets = sharedSums(operands) * 2 ** operands;
  const lanes = space.put(initial(sets, SHARED_LANES));
  const ranks = space.put(new Uint8Array(2 ** operands).fill(first));
  const counters = space.put(new Uint32Array(pairsOf(operands).length + 1));
  let begin = 0;
  for (const count of parts) {
    const table = putVectors(
      space,
      vectors.map((values) => values.slice(begin, begin + count)),
    );
    const mask = space.put(masks.slice(begin, begin + count));
    kernels.sumShared(table, operands, mask, count, ranks, lanes, counters);
    begin += count;
  }
  expect(space.guardsAreIntact()).toBe(true);
  const counted = [...space.u32(counters, pairsOf(operands).length + 1)];
  return { lanes: [...space.f64(lanes, sets * SHARED_LANES)], counters: counted };
}

function sharedSuite(create: () => Kernels) {
  test('sumShared sums what two or more changed, apart for each mask', () => {
    fc.assert(
      fc.property(anyVectors(fc.integer({ min: 1, max: 5 })), fc.nat(3), (scene, first) => {
        expect(shared(create(), scene, [scene.count], first)).toEqual(expectedShared(scene, first));
      }),
      { numRuns: 150 },
    );
  });

  test('sumShared at every count, and of eight operands', () => {
    const kernels = create();
    for (const count of COUNTS) {
      const operands = count === 70 ? 8 : 1 + (count % 4);
      const [scene] = fc.sample(vectorsOf(operands, count), { numRuns: 1, seed: count });
      expect(shared(kernels, scene!, [count], 0)).toEqual(expectedShared(scene!, 0));
    }
  });

  test.each([2900, 34_000])(
    'sumShared does not depend on cuts of %i, even where one mask has many elements',
    (count) => {
      const vectors = Array.from({ length: 3 }, (_, k) =>
        Float32Array.from({ length: count }, (_, i) => Math.sin(i * (k + 1)) * 10 ** (i % 9)),
      );
      const scene = { count, vectors, masks: Uint8Array.from({ length: count }, (_, i) => (i % 11 > 2 ? 3 : i % 8)) };
      const expected = expectedShared(scene, 0);
      for (const parts of [[count], [1, 7, 1000, count - 1008], [64, 0, 2112, count - 2176]]) {
        expect(shared(create(), scene, parts, 0)).toEqual(expected);
      }
    },
  );

  test('sumShared by hand: 3 − 1 has 1 against it, 2 − 2 cancels, agreement has nothing', () => {
    const vectors = [Float32Array.of(3, 2, -4, 5), Float32Array.of(-1, -2, -4, 0)];
    const scene = { count: 4, vectors, masks: Uint8Array.of(3, 3, 3, 1) };
    const { lanes, counters } = shared(create(), scene, [4], 0);
    const sum = (set: number) =>
      lanes.slice((3 * 5 + set) * 4, (3 * 5 + set + 1) * 4).map((lane, i) => lane - BEFORE[i]!);
    expect(sum(0).slice(0, 2)).toEqual([-3, -4]);
    expect(sum(2).slice(0, 2)).toEqual([9, 4]);
    expect(sum(3).slice(0, 2)).toEqual([1, 4]);
    expect(sum(4).slice(0, 2)).toEqual([1, 2]);
    expect(counters).toEqual([2, 1]);
  });
}

/** Lanes of sums over runs: each lane's products of a run are added up in f32, and those sums in f64. */
function expectedRuns(left: Float32Array, right: Float32Array): number[] {
  const runs = Math.ceil(left.length / ALIGNMENT_RUN);
  return Array.from({ length: SHARED_LANES }, (_, lane) =>
    Array.from({ length: runs }, (_, run) => {
      const indices = [...left.keys()].slice(run * ALIGNMENT_RUN, (run + 1) * ALIGNMENT_RUN);
      const terms = indices.filter((i) => i % SHARED_LANES === lane).map((i) => fround(left[i]! * right[i]!));
      return terms.reduce((sum, term) => fround(sum + term), 0);
    }).reduce((sum, partial) => sum + partial, BEFORE[lane]!),
  );
}

function aligned(kernels: Kernels, vectors: readonly Float32Array[], parts: readonly number[]) {
  const operands = vectors.length - 2;
  const space = new Workspace(kernels);
  const sets = 2 * (1 + operands);
  const lanes = space.put(initial(sets, SHARED_LANES));
  const counters = space.put(Uint32Array.of(5, 7));
  let begin = 0;
  for (const count of parts) {
    const [delta, written, ...rest] = vectors.map((values) => values.slice(begin, begin + count));
    const [d, w] = [space.put(delta!), space.put(written!)];
    kernels.sumAlignment(putVectors(space, rest), operands, d, w, count, lanes, counters);
    begin += count;
  }
  expect(space.guardsAreIntact()).toBe(true);
  return { lanes: [...space.f64(lanes, sets * SHARED_LANES)], counters: [...space.u32(counters, 2)] };
}

function alignmentSuite(create: () => Kernels) {
  const expectedOf = ([d, w, ...x]: readonly Float32Array[]) => ({
    lanes: [[d, d], [w, w], ...x.map((one) => [d, one]), ...x.map((one) => [w, one])].flatMap(([a, b]) =>
      expectedRuns(a!, b!),
    ),
    counters: [
      5 + d!.filter((value) => value === 0).length,
      7 + w!.filter((value, i) => value === 0 && d![i] !== 0).length,
    ],
  });

  test('sumAlignment sums products in short runs and counts zeros', () => {
    const scenes = fc.tuple(operandCounts, fc.nat(200)).chain(([k, count]) => vectorsOf(k === 8 ? 8 : k + 2, count));
    fc.assert(
      fc.property(scenes, ({ count, vectors }) => {
        expect(aligned(create(), vectors, [count])).toEqual(expectedOf(vectors));
      }),
      { numRuns: 100 },
    );
  });

  test('sumAlignment does not depend on cuts at whole runs', () => {
    const vectors = Array.from({ length: 5 }, (_, k) =>
      Float32Array.from({ length: 701 }, (_, i) => (i % (k + 2) === 0 ? 0 : Math.sin(i * (k + 1)) * 10 ** (i % 9))),
    );
    for (const parts of [[701], [64, 637], [256, 320, 0, 125]]) {
      expect(aligned(create(), vectors, parts)).toEqual(expectedOf(vectors));
    }
  });
}

/** Everything, magnitudes from 1 on, nothing. */
const selectorOf = (k: number) => [0, 0x3f80_0000, 0x8000_0000][k % 3]!;

function survivalSuite(create: () => Kernels) {
  const survived = (kernels: Kernels, [d, ...x]: readonly Float32Array[], parts: readonly number[]) => {
    const space = new Workspace(kernels);
    const lanes = space.put(initial(3 * x.length, SHARED_LANES));
    let begin = 0;
    for (const count of parts) {
      const cut = (values: Float32Array) => values.slice(begin, begin + count);
      const table = putVectors(space, x.map(cut));
      const entries = new DataView(kernels.memory.buffer, table);
      x.forEach((_, k) => {
        entries.setUint32(k * OPERAND_BYTES + OPERAND.selector, selectorOf(k), true);
      });
      kernels.sumSurvival(table, x.length, space.put(cut(d!)), count, lanes);
      begin += count;
    }
    expect(space.guardsAreIntact()).toBe(true);
    return [...space.f64(lanes, 3 * x.length * SHARED_LANES)];
  };
  const expectedOf = ([d, ...x]: readonly Float32Array[]) =>
    x.flatMap((values, k) => {
      const bits = [...new Uint32Array(values.slice().buffer)];
      const isKept = (i: number) => bits[i]! % 2 ** 31 >= selectorOf(k);
      const only = (holds: (i: number) => boolean) => values.map((value, i) => (isKept(i) && holds(i) ? value : 0));
      const all = only(() => true);
      const against = only((i) => fround(values[i]! * d![i]!) < 0);
      const nowhere = only((i) => d![i] === 0);
      return [all, against, nowhere].flatMap((one) => expectedRuns(one, one));
    });

  test('sumSurvival sums squares of all, of what d opposes, and of where d is 0', () => {
    fc.assert(
      fc.property(
        fc.tuple(fc.integer({ min: 2, max: 6 }), fc.nat(200)).chain(([k, count]) => vectorsOf(k, count)),
        ({ count, vectors }) => {
          // A NaN is no opposition, but makes the sum of all NaN.
          expect(survived(create(), vectors, [count])).toEqual(expectedOf(vectors));
        },
      ),
      { numRuns: 100 },
    );
  });

  test('sumSurvival does not depend on cuts at whole runs', () => {
    const vectors = Array.from({ length: 4 }, (_, k) =>
      Float32Array.from({ length: 701 }, (_, i) => (i % (k + 2) === 0 ? 0 : Math.sin(i * (k + 1)) * 10 ** (i % 9))),
    );
    for (const parts of [[701], [64, 637], [256, 320, 0, 125]]) {
      expect(survived(create(), vectors, parts)).toEqual(expectedOf(vectors));
    }
  });
}

export function geometrySumsSuite(create: () => Kernels) {
  test('sumSquares adds to eight f64 lanes in order', () => {
    const kernels = create();
    for (const count of COUNTS) {
      const [{ vectors } = { vectors: [] }] = fc.sample(vectorsOf(1, count), { numRuns: 1, seed: count });
      const space = new Workspace(kernels);
      const [source, lanes] = [space.put(vectors[0]!), space.put(initial(1, REDUCTION_LANES))];
      kernels.sumSquares(source, count, lanes);
      const squares = [...vectors[0]!].map((x) => x ** 2);
      expect([...space.f64(lanes, REDUCTION_LANES)]).toEqual(dealt(squares, REDUCTION_LANES));
      expect(space.guardsAreIntact()).toBe(true);
    }
  });
  sharedSuite(create);
  alignmentSuite(create);
  survivalSuite(create);
}
