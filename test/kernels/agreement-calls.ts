/** Every stage function as a call on the memory of a random scene, for kernels whose results are compared. */
import { type Kernels, MAGNITUDE_BINS, REDUCTION_LANES } from '../../kernels/abi.js';

/** Elements of a source; longer than any group a kernel draws or unrolls. */
export const CAPACITY = 300;

/** Upper half of the largest finite f32. */
const LAST_FINITE_BIN = 0x7f7f;

/** What ranking needs beside its operands, u32. */
const RANKING_COUNTERS = 1000;

export interface Scene {
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

export interface Slots {
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

export interface Call {
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
export const CALLS: readonly Call[] = [
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
        k.electStoredBf16(at.table, s.operands, at.b, at.apart, s.count, s.zeroSign, s.divide, s.factor, false, false),
        k,
        at,
        s,
      ),
  },
  {
    name: 'countAroundStored',
    counters: MAGNITUDE_BINS,
    run(k, at, s) {
      // Of finite values: the payload of a NaN is nobody's business.
      const low = Math.min(s.threshold >>> 16, LAST_FINITE_BIN);
      const high = Math.min(low + (s.allowance >> 2), LAST_FINITE_BIN);
      k.countAroundStored(at.a, at.b, s.count, low, high, at.otherCounters, at.counters, at.counters);
    },
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
    name: 'varianceStoredBf16',
    computes: 'f32',
    run: (k, at, s) =>
      s.operands >= 2 && k.varianceStoredBf16(at.table, Math.min(4, s.operands), at.b, at.apart, s.count),
  },
  {
    name: 'sumSquaresStored',
    computes: 'f64',
    counters: 2 * REDUCTION_LANES,
    run: (k, at, s) => k.sumSquaresStored(at.a, at.b, s.divide ? at.a : 0, s.count, at.counters),
  },
  {
    name: 'eraseUnshared',
    computes: 'f32',
    run: (k, at, s) => k.eraseUnshared(at.table, s.operands, at.apart, s.count, s.allowance % 4),
  },
  { name: 'markNonZero', run: (k, at, s) => k.markNonZero(at.a, at.apart, s.count) },
  {
    name: 'drawRankedMask',
    counters: RANKING_COUNTERS,
    run: drawRanked,
  },
  {
    // More different magnitudes than are counted, and in the row after that a few.
    name: 'drawRankedMask in long rows',
    counters: RANKING_COUNTERS,
    run: (k, at, s) => {
      const rowElements = 140 + (s.operands % 10);
      const words = new Uint32Array(k.memory.buffer, at.a, CAPACITY);
      words.forEach((bits, i) => {
        const size = i < rowElements ? 1 + ((i * 7919) % 1009) : 1 + (i % 3);
        words[i] = (bits & 0x8000_0000) | (0x3f00_0000 + 37 * size);
      });
      drawRanked(k, at, s, rowElements);
    },
  },
  {
    // As differences of stored bf16 are: zeros, and few bits where they are used at all.
    name: 'drawRankedMask among few magnitudes',
    counters: RANKING_COUNTERS,
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
  {
    name: 'importances',
    computes: 'f32',
    run: (k, at, s) => {
      const { rowElements, rows, above, below } = placeRows(at, s);
      k.importances(at.a, at.b, rowElements, rows, above, below);
    },
  },
  {
    name: 'keepImportant',
    run: (k, at, s) => {
      const { rowElements, rows, above } = placeRows(at, s);
      k.keepImportant(at.a, at.b, rowElements, rows, s.scales[0]!, above);
    },
  },
  { name: 'signBalance', run: (k, at, s) => k.signBalance(at.table, s.operands, s.count) },
  { name: 'keepLargest', run: (k, at, s) => k.keepLargest(at.a, at.out, s.count, s.threshold, s.allowance) },
  { name: 'keepBetween', run: (k, at, s) => k.keepBetween(at.a, s.threshold, 2 ** 31 - s.threshold, at.out, s.count) },
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
    name: 'sumMaskedSquares',
    computes: 'f64',
    counters: 2 * REDUCTION_LANES,
    run: (k, at, s) => k.sumMaskedSquares(at.a, at.b, s.count, at.counters),
  },
  {
    name: 'sumMasked',
    computes: 'f64',
    counters: 2 * REDUCTION_LANES,
    run: (k, at, s) => k.sumMasked(at.a, at.b, s.count, at.counters, at.otherCounters),
  },
];

/** Rows of half of the elements, so that there is room for two results. */
function placeRows(at: Slots, s: Scene) {
  const rowElements = Math.max(1, s.operands * 3);
  const rows = Math.floor(s.count / 2 / rowElements);
  return { rowElements, rows, above: at.apart, below: at.apart + 4 * rows * rowElements };
}

function drawRanked(k: Kernels, at: Slots, s: Scene, rowElements = Math.max(1, s.operands * 7)): void {
  const rows = Math.floor(Math.min(s.count, CAPACITY) / rowElements);
  k.drawRankedMask(at.a, rows, rowElements, 0.2, 0.7, ...s.key, s.firstIndex, at.otherCounters, at.apart);
  // What is left in the scratch is nobody's.
  new Uint32Array(k.memory.buffer, at.otherCounters, RANKING_COUNTERS).fill(0);
}
