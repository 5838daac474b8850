/**
 * Times the kernels on one tile in cache: SIMD, the TypeScript reference, and the loop one would write first.
 * All must give the same bytes, or the bench fails.
 *
 *   node bench/kernels.mjs [--only NAME] [--record FILE]     after `npm run build`
 */
import { readFileSync } from 'node:fs';
import { performance } from 'node:perf_hooks';
import { MAGNITUDE_BINS, OPERAND, OPERAND_BYTES } from '../dist/kernels/abi.js';
import { instantiateSimdKernels } from '../dist/kernels/load.js';
import { createReferenceKernels } from '../dist/kernels/reference/index.js';
import { directionCases, directionInputs, fillDirections } from './direction-cases.mjs';
import { formatCases, toBf16 } from './format-cases.mjs';
import { fillGeometry, geometryCases, geometryInputs } from './geometry-cases.mjs';
import { fillMatrices, matrixCases, matrixInputs } from './matrix-cases.mjs';
import { median } from './measure.mjs';
import { readOptions, writeRecord } from './options.mjs';
import { fillSelection, selectionCases, selectionInputs } from './selection-cases.mjs';
import { fillStored, storedCases, storedInputs } from './stored-cases.mjs';

const COUNT = 16_384;
const OPERANDS = 4;
const ROUNDS = 11;
/** Milliseconds of one measurement: long against the clock's resolution, short against a scheduler's time slice. */
const ROUND_MS = 6;
/** Milliseconds of calls before the first measurement: until then V8 may run what its baseline compiler made. */
const WARM_UP_MS = 150;
const KEY = [0x1234_5678, 0x9abc_def0];
const LOW_BITS_BIN = 0x3a00;

const bitsOf = (value) => new Uint32Array(Float32Array.of(value).buffer)[0];
const roundedToBf16 = (value) => new Float32Array(Uint32Array.of(toBf16(bitsOf(value)) << 16).buffer)[0];

/** A fixed sequence in [0, 1). */
function sequence() {
  let state = 1;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

/** Like differences of bf16 checkpoints: 70 % zero, the rest up to 2^-10, one in 256 of them not exact in bf16. */
function delta(draw) {
  if (draw() < 0.7) return 0;
  const value = (draw() - 0.5) * 2 ** -9;
  return draw() < 1 / 256 ? value : roundedToBf16(value);
}

/** The same inputs for one implementation: `at` are slots, `v` views of them. */
function prepare(kernels) {
  let next = kernels.heapStart;
  const slot = (bytes) => {
    const taken = next;
    next += Math.ceil(bytes / 64) * 64;
    return taken;
  };
  const at = {
    operands: Array.from({ length: OPERANDS }, () => slot(4 * COUNT)),
    table: slot(OPERANDS * OPERAND_BYTES),
    weights: slot(4 * COUNT),
    halves: slot(2 * COUNT),
    doubles: slot(8 * COUNT),
    mask: slot(COUNT / 8),
    geometry: geometryInputs(slot, COUNT, OPERANDS),
    stored: storedInputs(slot, COUNT, OPERANDS),
    selection: selectionInputs(slot, COUNT),
    directions: directionInputs(slot, COUNT),
    matrices: matrixInputs(slot),
    out: slot(4 * COUNT),
    bins: slot(4 * 65_536),
    inexact: slot(4 * MAGNITUDE_BINS),
    lanes: slot(128),
  };
  kernels.grow(next);
  const { buffer } = kernels.memory;
  const v = {
    operands: at.operands.map((operand) => new Float32Array(buffer, operand, COUNT)),
    bits: new Uint32Array(buffer, at.operands[0], COUNT),
    weights: new Float32Array(buffer, at.weights, COUNT),
    weightBits: new Uint32Array(buffer, at.weights, COUNT),
    halves: new Uint16Array(buffer, at.halves, COUNT),
    doubles: new Float64Array(buffer, at.doubles, COUNT),
    out: new Float32Array(buffer, at.out, COUNT),
    outBits: new Uint32Array(buffer, at.out, COUNT),
    outHalves: new Uint16Array(buffer, at.out, COUNT),
    bins: new Uint32Array(buffer, at.bins, 65_536),
    inexact: new Uint32Array(buffer, at.inexact, MAGNITUDE_BINS),
    lanes: new Float64Array(buffer, at.lanes, 8),
    factors: new Float32Array(buffer, at.selection.factors, at.selection.rows),
    stored: {
      base: new Uint16Array(buffer, at.stored.base, COUNT),
      experts: at.stored.experts.map((slot) => new Uint16Array(buffer, slot, COUNT)),
    },
  };
  const draw = sequence();
  for (const operand of v.operands) for (let i = 0; i < COUNT; i++) operand[i] = delta(draw);
  for (let i = 0; i < COUNT; i++) {
    v.doubles[i] = draw() - 0.5;
    v.weights[i] = v.doubles[i];
    v.halves[i] = toBf16(v.weightBits[i]);
  }
  fillSelection(buffer, at.selection, draw);
  fillDirections(buffer, at.directions, draw);
  fillMatrices(buffer, at.matrices, draw);
  fillGeometry(buffer, at.geometry, COUNT, draw);
  fillStored(buffer, at.stored, COUNT, draw, (slot, key) => kernels.drawMask(slot, COUNT, 51, 0, key, 0, 0));
  kernels.drawMask(at.mask, COUNT, 51, 0x3333_3333, ...KEY, 0);
  const table = new DataView(buffer, at.table);
  at.operands.forEach((operand, i) => {
    table.setUint32(i * OPERAND_BYTES + OPERAND.slot, operand, true);
    table.setFloat32(i * OPERAND_BYTES + OPERAND.scale, 0.25 * (i + 1), true);
    table.setFloat32(i * OPERAND_BYTES + OPERAND.weight, 1, true);
  });
  const results = new Uint8Array(buffer, at.out, next - at.out);
  return { at, v, results };
}

function histogram(bits, bins, inexact) {
  for (let i = 0; i < COUNT; i++) {
    const magnitude = bits[i] & 0x7fff_ffff;
    bins[magnitude >>> 16]++;
    if ((magnitude & 0xffff) !== 0) inexact[magnitude >>> 16]++;
  }
}

function elected({ operands, out }) {
  for (let i = 0; i < COUNT; i++) {
    const products = operands.map((x, k) => Math.fround(0.25 * (k + 1) * x[i]));
    const sign = products.reduce((sum, p) => Math.fround(sum + p), 0) < 0 ? -1 : 1;
    const agreeing = products.filter((p) => p * sign > 0);
    out[i] = agreeing.reduce((sum, p) => Math.fround(sum + p), 0) / Math.max(agreeing.length, 1);
  }
}

function meanOfTouching({ operands, out }) {
  for (let i = 0; i < COUNT; i++) {
    const touching = operands.flatMap((x, k) => (x[i] === 0 ? [] : [k]));
    const sum = touching.reduce((total, k) => Math.fround(total + operands[k][i]), 0);
    const alone = touching.length === 1 ? Math.fround(0.25 * (touching[0] + 1) * sum) : undefined;
    out[i] = alone ?? sum / Math.max(touching.length, 1);
  }
}

/** Each kernel with the obvious loop of the same result, where there is one. */
const CASES = {
  ...formatCases(COUNT, KEY),
  subtract: {
    run: (k, at) => k.subtract(at.out, at.weights, at.operands[0], COUNT),
    plain: ({ out, weights, operands: [x] }) => {
      for (let i = 0; i < COUNT; i++) out[i] = weights[i] - x[i];
    },
  },
  add: {
    run: (k, at) => k.add(at.out, at.weights, at.operands[0], COUNT),
    plain: ({ out, weights, operands: [x] }) => {
      for (let i = 0; i < COUNT; i++) out[i] = weights[i] + x[i];
    },
  },
  differBf16: { run: (k, at) => k.differBf16(at.halves, at.operands[0], at.out, COUNT) },
  'weightedSum of 4': {
    run: (k, at) => k.weightedSum(at.table, OPERANDS, at.out, COUNT),
    plain: ({ operands, out }) => {
      for (let i = 0; i < COUNT; i++) out[i] = 0.25 * operands[0][i];
      for (let k = 1; k < OPERANDS; k++) {
        for (let i = 0; i < COUNT; i++) out[i] += Math.fround(0.25 * (k + 1) * operands[k][i]);
      }
    },
  },
  // 32 rows of 512 columns.
  'addLowRank, rank 32': {
    run: (k, at) => k.addLowRank(at.out, COUNT, 0, 512, at.weights, at.operands[0], 32, 2),
    plain: ({ weights: left, operands: [right], out }) => {
      for (let i = 0; i < COUNT; i++) {
        let sum = 0;
        for (let k = 0; k < 32; k++)
          sum = Math.fround(sum + Math.fround(left[(i >> 9) * 32 + k] * right[k * 512 + (i & 511)]));
        out[i] += Math.fround(2 * sum);
      }
    },
  },
  'electedSum of 4': {
    run: (k, at) => k.electedSum(at.table, OPERANDS, at.out, COUNT, 1, true, 1),
    plain: elected,
  },
  'overlapMean of 4': {
    run: (k, at) => k.overlapMean(at.table, OPERANDS, at.out, COUNT),
    plain: meanOfTouching,
  },
  'countOverlap of 4': { run: (k, at) => k.countOverlap(at.table, OPERANDS, COUNT, at.lanes) },
  'signBalance of 4': { run: (k, at) => k.signBalance(at.table, OPERANDS, COUNT) },
  'histogramMagnitude, bf16 deltas': {
    run: (k, at) => k.histogramMagnitude(at.operands[0], COUNT, at.bins, at.inexact),
    plain: ({ bits, bins, inexact }) => histogram(bits, bins, inexact),
  },
  'histogramMagnitude, any f32': {
    run: (k, at) => k.histogramMagnitude(at.weights, COUNT, at.bins, at.inexact),
    plain: ({ weightBits, bins, inexact }) => histogram(weightBits, bins, inexact),
  },
  histogramLowBits: { run: (k, at) => k.histogramLowBits(at.operands[0], COUNT, LOW_BITS_BIN, at.bins) },
  sumMagnitude: {
    run: (k, at) => k.sumMagnitude(at.operands[0], COUNT, at.lanes),
    plain: ({ operands: [x], lanes }) => {
      for (let run = 0; run < COUNT; run += 64) {
        const sums = new Float32Array(8);
        for (let i = run; i < run + 64; i++) sums[i & 7] += Math.abs(x[i]);
        for (let lane = 0; lane < 8; lane++) lanes[lane] += sums[lane];
      }
    },
  },
  sumMasked: { run: (k, at) => k.sumMasked(at.operands[0], at.mask, COUNT, at.lanes, at.lanes + 64) },
  ...selectionCases(COUNT, OPERANDS, KEY),
  ...storedCases(COUNT, OPERANDS),
  ...geometryCases(COUNT, OPERANDS),
  ...directionCases(COUNT),
  ...matrixCases(COUNT),
};

/** What one call on zeroed results returns and writes. */
function answer({ call, results }) {
  results.fill(0);
  const returned = call();
  return { returned, bytes: results.slice() };
}

function checkAnswers(name, engines) {
  const [first, ...others] = engines.map(answer);
  for (const other of others) {
    const sameReturn = other.returned === undefined || other.returned === first.returned;
    if (!sameReturn || Buffer.compare(first.bytes, other.bytes) !== 0) throw new Error(`${name}: answers differ`);
  }
}

/** Calls for `milliseconds`; returns million elements per second. */
function speed(call, elements, milliseconds) {
  const started = performance.now();
  let calls = 0;
  let elapsed = 0;
  for (; elapsed < milliseconds; elapsed = performance.now() - started) {
    for (let i = 0; i < 4; i++) call();
    calls += 4;
  }
  return (calls * elements) / elapsed / 1000;
}

/** Median speeds of the engines, taken in turns so that a slow moment of the machine meets all of them. */
function compare(name, { run, plain, elements = COUNT }, simd, reference) {
  const engines = [simd, reference].map(({ kernels, at, results }) => ({ call: () => run(kernels, at), results }));
  if (plain !== undefined) engines.push({ call: () => plain(reference.v), results: reference.results });
  checkAnswers(name, engines);
  for (const { call } of engines) speed(call, elements, WARM_UP_MS);
  const speeds = engines.map(() => []);
  for (let round = 0; round < ROUNDS; round++) {
    for (const [i, { call }] of engines.entries()) speeds[i].push(speed(call, elements, ROUND_MS));
  }
  checkAnswers(name, engines);
  const [fast, slow, loop] = speeds.map((list) => Math.round(median(list)));
  return { kernel: name, simd: fast, reference: slow, plain: loop };
}

function printRow({ kernel, simd, reference, plain }) {
  const ratio = (other) => (other === undefined ? '' : `${(simd / other).toFixed(1)}x`);
  const cells = [simd, reference, plain ?? '', ratio(reference), ratio(plain)];
  console.log(`${kernel.padEnd(34)}${cells.map((cell) => String(cell).padStart(11)).join('')}`);
}

const { only, record } = readOptions({ only: '' });
const module = readFileSync(new URL('../dist/kernels/kernels.wasm', import.meta.url));
const [simd, reference] = [instantiateSimdKernels(module), createReferenceKernels()].map((kernels) => ({
  kernels,
  ...prepare(kernels),
}));
console.log(`M elements/s, ${COUNT} elements, median of ${ROUNDS}`);
console.log(`${'kernel'.padEnd(34)}       simd  reference plain loop   over ref. over plain`);
const rows = [];
for (const [name, example] of Object.entries(CASES)) {
  if (!name.startsWith(only)) continue;
  rows.push(compare(name, example, simd, reference));
  printRow(rows.at(-1));
}
writeRecord(record, 'kernels', { elements: COUNT, unit: 'million elements per second', kernels: rows });
