/** Kernels on stored bf16: the same as of f32, after widening and before rounding. */
import { type Kernels, MAGNITUDE_BINS, OPERAND, OPERAND_BYTES, REDUCTION_LANES, type Slot } from '../abi.js';
import { electedMean, type OperandView, SMALLEST_DIVISOR, scaledSum } from './arithmetic.js';
import { BF16, bf16ToF32, bitsOfF32, F32 } from './formats.js';
import type { ReferenceMemory } from './memory.js';
import { nearestBf16 } from './narrow.js';
import { isSet } from './sparsify.js';
import { addRuns, countMagnitudes } from './statistics.js';

type Stored = 'sumStoredBf16' | 'electStoredBf16' | 'histogramStoredBf16' | 'sumMaskedStored' | 'passTies';

/** What an operand's differences are kept by: all, the bits of masks, or least magnitudes. */
type Selection = 'all' | 'masks' | 'magnitudes';

const { fround } = Math;

/** The most operands that `electStoredBf16` takes. */
const MOST_ELECTED = 4;

const magnitudeBits = (value: number): number => bitsOfF32(value) & F32.magnitude;
/** Whether a value is neither close to the end of the format nor beyond it. */
const fits = (value: number): boolean => magnitudeBits(value) < BF16.overflow;

function differences(memory: ReferenceMemory, source: Slot, base: Slot, count: number): Float32Array {
  const [values, origins] = [memory.u16(source, count), memory.u16(base, count)];
  return Float32Array.from(values, (value, i) => bf16ToF32(value) - bf16ToF32(origins[i]!));
}

interface StoredOperand extends OperandView {
  /** Before anything was dropped. */
  readonly all: Float32Array;
  readonly selector: number;
}

function operandsOf(
  memory: ReferenceMemory,
  table: Slot,
  operands: number,
  base: Slot,
  count: number,
  selection: Selection,
): StoredOperand[] {
  const entries = new DataView(memory.buffer, table, operands * OPERAND_BYTES);
  return Array.from({ length: operands }, (_, operand) => {
    const at = operand * OPERAND_BYTES;
    const all = differences(memory, entries.getUint32(at + OPERAND.slot, true), base, count);
    const selector = selection === 'all' ? 0 : entries.getUint32(at + OPERAND.selector, true);
    const mask = selection === 'masks' && selector !== 0 ? memory.u8(selector, Math.ceil(count / 8)) : undefined;
    const keeps = (value: number, i: number): boolean =>
      selection === 'masks' ? mask === undefined || isSet(mask, i) : magnitudeBits(value) >= selector;
    return {
      all,
      selector,
      values: all.map((value, i) => (keeps(value, i) ? value : 0)),
      scale: entries.getFloat32(at + OPERAND.scale, true),
      weight: entries.getFloat32(at + OPERAND.weight, true),
    };
  });
}

export function stored(memory: ReferenceMemory): Pick<Kernels, Stored> {
  return {
    sumStoredBf16(table, operands, base, baseScale, destination, count, masked) {
      const views = operandsOf(memory, table, operands, base, count, masked ? 'masks' : 'all');
      const [origins, to] = [memory.u16(base, count), memory.u16(destination, count)];
      let isDone = views.every(({ all }) => all.every(Number.isFinite));
      for (let i = 0; i < count; i++) {
        const sum = fround(scaledSum(views, i) + fround(bf16ToF32(origins[i]!) * fround(baseScale)));
        to[i] = nearestBf16(bitsOfF32(sum));
        isDone &&= fits(sum);
      }
      return isDone ? 1 : 0;
    },
    electStoredBf16(table, operands, base, destination, count, zeroSign, divide, factor, masked) {
      const views = operandsOf(memory, table, operands, base, count, masked ? 'masks' : 'magnitudes');
      if (operands < 1 || operands > MOST_ELECTED || zeroSign === 0) return 0;
      if (divide && views.some(({ weight }) => !(weight >= SMALLEST_DIVISOR))) return 0;
      if (!masked && views.some(({ selector }) => selector > F32.infinity)) return 0;
      const [origins, to] = [memory.u16(base, count), memory.u16(destination, count)];
      let isDone = !masked || views.every(({ all }) => all.every(fits));
      for (let i = 0; i < count; i++) {
        const sum = scaledSum(views, i);
        const merged = fround(electedMean(views, i, sum, { zeroSign, divide, factor }) + bf16ToF32(origins[i]!));
        to[i] = nearestBf16(bitsOfF32(merged));
        isDone &&= fits(sum) && fits(merged);
      }
      return isDone ? 1 : 0;
    },
    histogramStoredBf16(source, base, count, bins, inexactBins) {
      countMagnitudes(
        new Uint32Array(differences(memory, source, base, count).buffer),
        memory.u32(bins, MAGNITUDE_BINS),
        memory.u32(inexactBins, MAGNITUDE_BINS),
      );
    },
    sumMaskedStored(source, base, mask, count, before, after) {
      const values = differences(memory, source, base, count);
      const bits = memory.u8(mask, Math.ceil(count / 8));
      addRuns(values, memory.f64(before, REDUCTION_LANES), () => true);
      addRuns(values, memory.f64(after, REDUCTION_LANES), (i) => isSet(bits, i));
    },
    passTies(source, base, count, threshold, allowance) {
      let ties = 0;
      if (allowance <= 0) return 0;
      for (const [i, value] of differences(memory, source, base, count).entries()) {
        if (magnitudeBits(value) === threshold && ++ties === allowance) return i + 1;
      }
      return ~ties;
    },
  };
}
