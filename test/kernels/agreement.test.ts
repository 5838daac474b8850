/**
 * SIMD against reference, bit for bit: both run the same call on the same memory, and everything from the first slot
 * to the last guard byte is compared, as are the returned counts.
 *
 * One exception: where a call computes f32, any NaN equals any other. WebAssembly leaves the sign and payload of a
 * computed NaN open; they are settled when a result is narrowed, and there the comparison is exact.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Kernels, MAGNITUDE_BINS, REDUCTION_LANES } from '../../kernels/abi.js';
import { createReferenceKernels } from '../../kernels/reference/index.js';
import { anyBits, SPECIAL_BITS } from './bits.js';
import { createSimdKernels } from './simd-kernels.js';
import { Workspace } from './workspace.js';

/** Elements of a source; longer than any group a kernel draws or unrolls. */
const CAPACITY = 300;
/** Longer than two of the blocks (1,024 elements) that some kernels work in, with a tail. */
const LONG = 2 * 1024 + 551;

interface Scene {
  readonly bits: readonly number[];
  readonly count: number;
  readonly operands: number;
  readonly scales: readonly number[];
  readonly inPlace: boolean;
  readonly threshold: number;
  readonly allowance: number;
  readonly densityByte: number;
  readonly densityRest: number;
  readonly key: readonly [number, number];
  readonly firstIndex: number;
  readonly zeroSign: number;
  readonly divide: boolean;
  readonly factor: number;
}

interface Slots {
  readonly a: number;
  readonly b: number;
  /** The source `a` when working in place. */
  readonly out: number;
  /** Never a source, for results of another width. */
  readonly apart: number;
  readonly table: number;
  readonly counters: number;
  readonly otherCounters: number;
}

interface Call {
  readonly name: string;
  /** What a call that computes floats writes; the others move bits. */
  readonly computes?: 'f32' | 'f64';
  /** Entries of its two arrays of counters (u32), or of u32 halves of its sums. */
  readonly counters?: number;
  readonly run: (k: Kernels, at: Slots, scene: Scene) => unknown;
}

/** What is in the destination of a merge of stored values that could not be done means nothing. */
function onlyIfDone(done: number, { memory }: Kernels, { apart }: Slots, { count }: Scene): number {
  if (done === 0) new Uint16Array(memory.buffer, apart, count).fill(0);
  return done;
}

/** All stage functions but `filledBins`, which may write what it likes into the spare entry after its result. */
const CALLS: readonly Call[] = [
  { name: 'widenBf16', run: (k, at, s) => k.widenBf16(at.a, at.apart, s.count) },
  { name: 'widenF16', run: (k, at, s) => k.widenF16(at.a, at.apart, s.count) },
  { name: 'widenF32', run: (k, at, s) => k.widenF32(at.a, at.out, s.count) },
  { name: 'widenF64', run: (k, at, s) => k.widenF64(at.a, at.apart, Math.floor(s.count / 2)) },
  { name: 'widenF8E4M3', run: (k, at, s) => k.widenF8E4M3(at.a, at.apart, s.count) },
  { name: 'widenF8E5M2', run: (k, at, s) => k.widenF8E5M2(at.a, at.apart, s.count) },
  { name: 'narrowBf16', run: (k, at, s) => k.narrowBf16(at.a, at.apart, s.count) },
  { name: 'narrowF16', run: (k, at, s) => k.narrowF16(at.a, at.apart, s.count) },
  { name: 'narrowF32', run: (k, at, s) => k.narrowF32(at.a, at.out, s.count) },
  {
    name: 'narrowBf16Stochastic',
    run: (k, at, s) => k.narrowBf16Stochastic(at.a, at.apart, s.count, ...s.key, s.firstIndex),
  },
  {
    name: 'narrowF16Stochastic',
    run: (k, at, s) => k.narrowF16Stochastic(at.a, at.apart, s.count, ...s.key, s.firstIndex),
  },
  { name: 'subtract', computes: 'f32', run: (k, at, s) => k.subtract(at.out, at.a, at.b, s.count) },
  { name: 'add', computes: 'f32', run: (k, at, s) => k.add(at.out, at.b, at.a, s.count) },
  { name: 'differBf16', computes: 'f32', run: (k, at, s) => k.differBf16(at.a, at.b, at.apart, s.count) },
  { name: 'weightedSum', computes: 'f32', run: (k, at, s) => k.weightedSum(at.table, s.operands, at.out, s.count) },
  {
    name: 'weightedSum, narrowed',
    run: (k, at, s) => {
      k.weightedSum(at.table, s.operands, at.out, s.count);
      return k.narrowF32(at.out, at.out, s.count);
    },
  },
  {
    name: 'electedSum',
    computes: 'f32',
    run: (k, at, s) => k.electedSum(at.table, s.operands, at.out, s.count, s.zeroSign, s.divide, s.factor),
  },
  {
    name: 'sumStoredBf16',
    run: (k, at, s) =>
      s.operands > 0 &&
      onlyIfDone(k.sumStoredBf16(at.table, s.operands, at.a, s.factor, at.apart, s.count, false), k, at, s),
  },
  {
    name: 'electStoredBf16',
    run: (k, at, s) =>
      onlyIfDone(
        k.electStoredBf16(at.table, s.operands, at.b, at.apart, s.count, s.zeroSign, s.divide, s.factor, false),
        k,
        at,
        s,
      ),
  },
  { name: 'passTies', run: (k, at, s) => k.passTies(at.a, at.b, s.count, s.threshold, s.allowance) },
  { name: 'overlapMean', computes: 'f32', run: (k, at, s) => k.overlapMean(at.table, s.operands, at.out, s.count) },
  {
    name: 'countOverlap',
    counters: 16,
    run: (k, at, s) => k.countOverlap(at.table, s.operands, s.count, at.counters),
  },
  { name: 'keepAgreeing', run: (k, at, s) => k.keepAgreeing(at.a, at.b, at.out, s.count) },
  {
    name: 'clampMagnitude',
    computes: 'f32',
    run: (k, at, s) => k.clampMagnitude(at.a, Math.abs(s.factor), at.out, s.count),
  },
  {
    name: 'addLowRank',
    computes: 'f32',
    run: (k, at, s) => {
      const columns = 16 + (s.firstIndex % 22);
      k.addLowRank(at.apart, s.count, s.key[0] % columns, columns, at.a, at.b, s.operands, s.factor);
    },
  },
  {
    name: 'electedSum of what is selected',
    computes: 'f32',
    run: (k, at, s) => k.electedSum(at.table, s.operands, at.out, s.count, s.zeroSign, s.divide, s.factor, true),
  },
  { name: 'variance', computes: 'f32', run: (k, at, s) => k.variance(at.table, s.operands, at.apart, s.count) },
  {
    name: 'eraseUnshared',
    computes: 'f32',
    run: (k, at, s) => k.eraseUnshared(at.table, s.operands, at.apart, s.count, s.allowance % 4),
  },
  { name: 'keepSelected', run: (k, at, s) => k.keepSelected(at.a, at.b, at.out, s.count) },
  {
    name: 'drawRankedMask',
    counters: 1000,
    run: drawRanked,
  },
  {
    // As differences of stored bf16 are: zeros, and few bits where they are used at all.
    name: 'drawRankedMask among few magnitudes',
    counters: 1000,
    run: (k, at, s) => {
      const words = new Uint32Array(k.memory.buffer, at.a, CAPACITY);
      words.forEach((bits, i) => {
        words[i] = bits & 0x10_0000 ? bits & 0x8000_0000 : (bits & 0x81f0_0000) | 0x3a00_0000;
      });
      drawRanked(k, at, s);
    },
  },
  {
    name: 'softmaxDivergence',
    computes: 'f32',
    run: (k, at, s) =>
      k.softmaxDivergence(at.a, at.b, Math.max(1, s.operands * 5), Math.floor(s.count / 45), at.counters, at.apart),
    counters: 80,
  },
  { name: 'signBalance', run: (k, at, s) => k.signBalance(at.table, s.operands, s.count) },
  { name: 'keepLargest', run: (k, at, s) => k.keepLargest(at.a, at.out, s.count, s.threshold, s.allowance) },
  { name: 'keepMasked', run: (k, at, s) => k.keepMasked(at.a, at.b, at.out, s.count) },
  {
    name: 'drawMask',
    run: (k, at, s) => k.drawMask(at.apart, s.count, s.densityByte, s.densityRest, ...s.key, s.firstIndex),
  },
  {
    name: 'drawMask from a multiple of eight',
    run: (k, at, s) =>
      k.drawMask(at.apart, s.count, s.densityByte, s.densityRest, ...s.key, 8 * Math.floor(s.firstIndex / 8)),
  },
  {
    name: 'histogramMagnitude',
    counters: MAGNITUDE_BINS,
    run: (k, at, s) => k.histogramMagnitude(at.a, s.count, at.counters, at.otherCounters),
  },
  {
    name: 'histogramLowBits',
    counters: 65_536,
    run: (k, at, s) => k.histogramLowBits(at.a, s.count, s.threshold >>> 16, at.counters),
  },
  {
    name: 'sumMagnitude',
    computes: 'f64',
    counters: 2 * REDUCTION_LANES,
    run: (k, at, s) => k.sumMagnitude(at.a, s.count, at.counters),
  },
  {
    name: 'sumMasked',
    computes: 'f64',
    counters: 2 * REDUCTION_LANES,
    run: (k, at, s) => k.sumMasked(at.a, at.b, s.count, at.counters, at.otherCounters),
  },
];

function drawRanked(k: Kernels, at: Slots, s: Scene): void {
  const rowElements = Math.max(1, s.operands * 7);
  const rows = Math.floor(Math.min(s.count, CAPACITY) / rowElements);
  k.drawRankedMask(at.a, rows, rowElements, 0.2, 0.7, ...s.key, s.firstIndex, at.otherCounters, at.apart);
  // What is left in the scratch is nobody's.
  new Uint8Array(k.memory.buffer, at.otherCounters, 4000).fill(0);
}

const word = fc.integer({ min: 0, max: 0xffff_ffff });
const sceneAt = (counts: fc.Arbitrary<number>): fc.Arbitrary<Scene> =>
  fc.record({
    bits: fc.array(anyBits, { minLength: CAPACITY, maxLength: CAPACITY }),
    count: counts,
    operands: fc.nat(8),
    scales: fc.array(fc.constantFrom(1, -1, 0.3, 0, 1e30, 1e-40), { minLength: 16, maxLength: 16 }),
    inPlace: fc.boolean(),
    threshold: fc.constantFrom(...SPECIAL_BITS).map((bits) => bits % 2 ** 31),
    allowance: fc.nat(CAPACITY),
    densityByte: fc.nat(255),
    densityRest: word,
    key: fc.tuple(word, word),
    firstIndex: fc.oneof(fc.nat(200), fc.integer({ min: 0, max: 2 ** 53 - CAPACITY })),
    zeroSign: fc.constantFrom(1, -1, 0),
    divide: fc.boolean(),
    factor: fc.constantFrom(1, 0.7, -1e20),
  });

/** Fills the memory for a scene; both kernels get the same slots, since the higher heap start counts for both. */
function prepare(kernels: Kernels, start: number, scene: Scene, entriesOfCounters: number): [Workspace, Slots] {
  const { bits, operands, scales, inPlace } = scene;
  const space = new Workspace(kernels);
  space.reserve(start - kernels.heapStart);
  const capacity = Math.max(scene.count, CAPACITY);
  const source = Uint32Array.from({ length: capacity }, (_, i) => bits[i % CAPACITY]!);
  const a = space.put(source);
  const b = space.put(source.toReversed());
  const apart = space.reserve(4 * capacity);
  const entries = Array.from({ length: operands }, (_, i) => ({
    slot: i % 2 === 0 ? a : b,
    scale: scales[i]!,
    weight: scales[i + 8]!,
    selector: i % 3 === 0 ? 0 : scene.threshold,
  }));
  const table = space.putOperands(entries);
  const [counters, otherCounters] = [3, 0].map((first) => space.put(new Uint32Array(entriesOfCounters).fill(first)));
  return [space, { a, b, out: inPlace ? a : apart, apart, table, counters: counters!, otherCounters: otherCounters! }];
}

/** The bits with every NaN of the computed type made the same. */
function withoutPayloads(bits: Uint32Array, computes: Call['computes']): Uint32Array {
  if (computes === 'f32') return bits.map((one) => ((one & 0x7fff_ffff) > 0x7f80_0000 ? 0x7fc0_0000 : one));
  if (computes === undefined) return bits;
  return new Uint32Array(new Float64Array(bits.buffer).map((value) => (Number.isNaN(value) ? 0 : value)).buffer);
}

function expectAgreement({ computes, counters = 0, run }: Call, scene: Scene) {
  const both = [createSimdKernels(), createReferenceKernels()];
  const start = Math.max(...both.map(({ heapStart }) => heapStart));
  const [simd, reference] = both.map((kernels) => {
    const [space, slots] = prepare(kernels, start, scene, counters);
    const returned = run(kernels, slots, scene);
    expect(space.guardsAreIntact()).toBe(true);
    const memory = space.u32(start, (slots.otherCounters - start) / 4 + counters);
    return { returned, memory: withoutPayloads(memory, computes) };
  });
  expect(simd!.returned).toBe(reference!.returned);
  expect(simd!.memory.findIndex((bits, i) => bits !== reference!.memory[i])).toBe(-1);
}

describe('SIMD agrees with the reference', () => {
  test.each(CALLS)('$name', (call) => {
    fc.assert(
      fc.property(sceneAt(fc.nat(CAPACITY)), (scene) => expectAgreement(call, scene)),
      { numRuns: 60 },
    );
  });

  test.each(CALLS)('$name at every count from 0 to 70', (call) => {
    const [scene] = fc.sample(sceneAt(fc.constant(0)), { numRuns: 1, seed: 7 });
    for (let count = 0; count <= 70; count++) {
      const operands = count % 9;
      expectAgreement(call, { ...scene!, count, operands, allowance: count % 5, firstIndex: 2 ** 33 + 3 * count });
    }
  });

  test.each(CALLS)('$name over several blocks', (call) => {
    const scenes = fc.sample(sceneAt(fc.constant(LONG)), { numRuns: 5, seed: 11 });
    for (const [i, scene] of scenes.entries()) expectAgreement(call, { ...scene, operands: i + 1 });
  });
});
