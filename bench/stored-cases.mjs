/** Merges of stored bf16 in one go, for bench/kernels.mjs: a base and experts that change some of its values. */
import { OPERAND, OPERAND_BYTES } from '../dist/kernels/abi.js';

/** Share of elements that an expert changes. */
const CHANGED = 0.3;
/** Magnitude, as bits, below which an election does not count a change: that of about one step in four. */
const SELECTOR = 0x3980_0000;
const SELECTOR_BIN = 0x3980;

/** Slots of the inputs, taken by `slot`. */
export function storedInputs(slot, count, operands) {
  return {
    base: slot(2 * count),
    experts: Array.from({ length: operands }, () => slot(2 * count)),
    masks: Array.from({ length: operands }, () => slot(count / 8)),
    table: slot(operands * OPERAND_BYTES),
    maskedTable: slot(operands * OPERAND_BYTES),
  };
}

/** Fills the slots with numbers of `draw`, in [0, 1); `drawMask` fills a mask. */
export function fillStored(buffer, at, count, draw, drawMask) {
  const base = new Uint16Array(buffer, at.base, count);
  for (let i = 0; i < count; i++) base[i] = 0x3c00 + Math.floor(512 * draw()) + (draw() < 0.5 ? 0x8000 : 0);
  at.experts.forEach((slot, k) => {
    const expert = new Uint16Array(buffer, slot, count);
    for (let i = 0; i < count; i++) expert[i] = base[i] + (draw() < CHANGED ? 1 + Math.floor(3 * draw()) : 0);
    drawMask(at.masks[k], k);
    for (const [table, selector] of [
      [at.table, SELECTOR],
      [at.maskedTable, at.masks[k]],
    ]) {
      const entry = new DataView(buffer, table + k * OPERAND_BYTES);
      entry.setUint32(OPERAND.slot, slot, true);
      entry.setFloat32(OPERAND.scale, 0.25, true);
      entry.setFloat32(OPERAND.weight, 0.25, true);
      entry.setUint32(OPERAND.selector, selector, true);
    }
  });
}

const value = new Float32Array(1);
const bits = new Uint32Array(value.buffer);

function widened(stored) {
  bits[0] = stored << 16;
  return value[0];
}

function rounded(x) {
  value[0] = x;
  return (bits[0] + 0x7fff + ((bits[0] >>> 16) & 1)) >>> 16;
}

/** The cases by name, as bench/kernels.mjs has them. */
export function storedCases(count, operands) {
  const one = (at) => at.stored.experts[0];
  const around = (k, at, bins) =>
    k.countAroundStored(
      ...[one(at), at.stored.base, count, SELECTOR_BIN, SELECTOR_BIN + bins],
      ...[at.lanes, at.bins, at.inexact],
    );
  return {
    [`sumStoredBf16 of ${operands}`]: {
      run: (k, { stored, out }) => k.sumStoredBf16(stored.table, operands, stored.base, 1, out, count, false),
      plain: ({ stored: { base, experts }, outHalves }) => {
        for (let i = 0; i < count; i++) {
          const origin = widened(base[i]);
          let sum = 0;
          for (const expert of experts) sum = Math.fround(sum + Math.fround(0.25 * (widened(expert[i]) - origin)));
          outHalves[i] = rounded(sum + origin);
        }
      },
    },
    [`sumStoredBf16 of ${operands}, masked`]: {
      run: (k, { stored, out }) => k.sumStoredBf16(stored.maskedTable, operands, stored.base, 1, out, count, true),
    },
    [`electStoredBf16 of ${operands}`]: {
      run: (k, { stored, out }) =>
        k.electStoredBf16(stored.table, operands, stored.base, out, count, 1, true, 1, false, false),
    },
    [`electStoredBf16 of ${operands}, masked`]: {
      run: (k, { stored, out }) =>
        k.electStoredBf16(stored.maskedTable, operands, stored.base, out, count, 1, true, 1, true, false),
    },
    histogramStoredBf16: {
      run: (k, at) => k.histogramStoredBf16(one(at), at.stored.base, count, at.bins, at.inexact),
    },
    'countAroundStored, one value': { run: (k, at) => around(k, at, 0) },
    'countAroundStored, 128 bins': { run: (k, at) => around(k, at, 128) },
    sumMaskedStored: {
      run: (k, at) => k.sumMaskedStored(one(at), at.stored.base, at.stored.masks[0], count, at.lanes, at.lanes + 64),
    },
    sumSquaresStored: {
      run: (k, at) => k.sumSquaresStored(one(at), at.stored.base, at.stored.masks[0], count, at.lanes),
    },
    [`varianceStoredBf16 of ${operands}`]: {
      run: (k, { stored, out }) => k.varianceStoredBf16(stored.table, operands, stored.base, out, count),
    },
    passTies: { run: (k, at) => k.passTies(one(at), at.stored.base, count, SELECTOR, count) },
  };
}
