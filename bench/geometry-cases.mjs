/** The geometry of task vectors, for bench/kernels.mjs: inputs like four RL checkpoints in bf16 around a base. */
import { OPERAND, OPERAND_BYTES, SHARED_LANES, sharedSums } from '../dist/kernels/abi.js';

/** Share of elements that an expert changes; with four independent ones about half of all stay as they are. */
const CHANGED = 0.16;
/** Share of counters that a histogram of one tensor fills. */
const FILLED = 0.05;
/** Share of the elements an expert changed that leave their binade. */
const ODD = 0.03;
/** bf16: explicit mantissa bits, and exponent of the smallest normal value. */
const BF16 = [7, -126];

/** Slots of the inputs, taken by `slot`. */
export function geometryInputs(slot, count, operands) {
  return {
    base: slot(4 * count),
    changes: Array.from({ length: operands }, () => slot(4 * count)),
    table: slot(operands * OPERAND_BYTES),
    stored: slot(2 * count),
    changedStored: slot(2 * count),
    mask: slot(count),
    counters: slot(4 * count),
    changesTo: slot(4 * count + 16),
    basesTo: slot(4 * count + 16),
    lanes: slot((8 * SHARED_LANES * sharedSums(operands)) << operands),
    ranks: slot(1 << operands),
    marks: slot(count),
    signCounters: slot(4 * operands ** 2),
  };
}

/** Changes of one or two steps of their base value, up or down. */
function fillChange(x, base, draw, mark) {
  for (let i = 0; i < x.length; i++) {
    if (draw() >= CHANGED) continue;
    const step = 2 ** (Math.floor(Math.log2(Math.abs(base[i]) || 2 ** -126)) - 7);
    x[i] = (draw() < 0.5 ? -1 : 1) * (draw() < 0.8 ? 1 : 2) * step;
    mark(i);
  }
}

/** Fills the slots with numbers of `draw`, in [0, 1). */
export function fillGeometry(buffer, at, count, draw) {
  const [base, mask] = [new Float32Array(buffer, at.base, count), new Uint8Array(buffer, at.mask, count)];
  const [baseBits, counters] = [at.base, at.counters].map((slot) => new Uint32Array(buffer, slot, count));
  const [stored, changedStored] = [at.stored, at.changedStored].map((slot) => new Uint16Array(buffer, slot, count));
  for (let i = 0; i < count; i++) {
    base[i] = (draw() + draw() + draw() - 1.5) * 0.05;
    baseBits[i] &= 0xffff_0000;
    stored[i] = baseBits[i] >>> 16;
    changedStored[i] = draw() < CHANGED ? stored[i] ^ (draw() < ODD ? 0x80 : 1) : stored[i];
    counters[i] = draw() < FILLED ? i + 1 : 0;
  }
  at.changes.forEach((slot, k) => {
    new DataView(buffer, at.table).setUint32(k * OPERAND_BYTES + OPERAND.slot, slot, true);
    fillChange(new Float32Array(buffer, slot, count), base, draw, (i) => {
      mask[i] |= 1 << k;
    });
  });
}

/** Cases over `at.geometry`; counters and sums go to `at.bins`. */
export function geometryCases(count, operands) {
  const over = (run) => ({ run: (k, at) => run(k, at.geometry, at.bins) });
  return {
    filledBins: over((k, at, bins) => {
      const filled = k.filledBins(at.counters, count, bins);
      // The entry behind the last may hold anything.
      new Uint32Array(k.memory.buffer, bins + 4 * filled, 1)[0] = 0;
      return filled;
    }),
    markChanged: over((k, at, bins) => k.markChanged(at.stored, at.changedStored, 2, count, bins, 1)),
    [`countMasks of ${operands}`]: over((k, at, bins) => k.countMasks(at.base, at.mask, operands, count, bins)),
    [`sumProducts of ${operands}`]: over((k, at, bins) => k.sumProducts(at.table, operands, count, bins)),
    countSteps: over((k, at, bins) =>
      k.countSteps(at.stored, at.changedStored, count, bins, at.changesTo, at.basesTo, at.marks, 1),
    ),
    collectChanges: over((k, at) => k.collectChanges(at.changes[0], at.base, count, at.changesTo, at.basesTo)),
    sumSquares: over((k, at, bins) => k.sumSquares(at.base, count, bins)),
    [`sumShared of ${operands}`]: over((k, at) =>
      k.sumShared(at.table, operands, at.mask, count, at.ranks, at.lanes, at.signCounters),
    ),
    [`sumAlignment of ${operands}`]: over((k, at, bins) =>
      k.sumAlignment(at.table, operands, at.changes[0], at.changes[1], count, bins, at.signCounters),
    ),
    classifyChange: over((k, at, bins) => k.classifyChange(at.changes[0], at.base, count, ...BF16, bins)),
  };
}
