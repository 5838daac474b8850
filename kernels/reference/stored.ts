/** Kernels on stored bf16: the same as of f32, after widening and before rounding. */
import { type Kernels, MAGNITUDE_BINS, OPERAND, OPERAND_BYTES, REDUCTION_LANES, type Slot } from '../abi.js';
import { electedMean, type OperandView, SMALLEST_DIVISOR, scaledSum } from './arithmetic.js';
import { BF16, F32 } from './formats.js';
import type { ReferenceMemory } from './memory.js';
import { nearestBf16 } from './narrow.js';
import { isSet } from './sparsify.js';
import { addRuns, countMagnitudes } from './statistics.js';
import { varianceOf } from './variance.js';

/** Bits of magnitudes that lie in one bin of a histogram by upper halves. */
const VALUES_OF_BIN = 65_536;

type Stored =
  | 'sumStoredBf16'
  | 'electStoredBf16'
  | 'countNonFiniteBf16'
  | 'histogramStoredBf16'
  | 'countAroundStored'
  | 'sumMaskedStored'
  | 'sumSquaresStored'
  | 'varianceStoredBf16'
  | 'passTies';

/** What an operand's differences are kept by: all, the bits of masks, or least magnitudes. */
type Selection = 'all' | 'masks' | 'magnitudes';

const { fround } = Math;

/** The most operands that `electStoredBf16` takes. */
const MOST_ELECTED = 4;

/** Stored values as f32. */
function widened(memory: ReferenceMemory, slot: Slot, count: number): Float32Array {
  const stored = memory.u16(slot, count);
  const bits = new Uint32Array(count);
  for (let i = 0; i < count; i++) bits[i] = stored[i]! << 16;
  return new Float32Array(bits.buffer);
}

function differences(memory: ReferenceMemory, source: Slot, base: Slot, count: number): Float32Array {
  const [values, origins] = [widened(memory, source, count), widened(memory, base, count)];
  for (let i = 0; i < count; i++) values[i]! -= origins[i]!;
  return values;
}

const bitsOf = (values: Float32Array): Uint32Array => new Uint32Array(values.buffer);

/** Whether all magnitudes lie below `limit`, as bits. */
function allBelow(values: Float32Array, limit: number): boolean {
  for (const bits of bitsOf(values)) if ((bits & F32.magnitude) >= limit) return false;
  return true;
}

/** Rounds the values to where they are stored. */
function round(values: Float32Array, to: Uint16Array): void {
  const bits = bitsOf(values);
  for (let i = 0; i < to.length; i++) to[i] = nearestBf16(bits[i]!);
}

interface StoredOperand extends OperandView {
  /** Whether all that is stored is finite, what is dropped too. */
  readonly hasOnlyFinite: boolean;
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
    const slot = entries.getUint32(at + OPERAND.slot, true);
    const all = differences(memory, slot, base, count);
    const selector = selection === 'all' ? 0 : entries.getUint32(at + OPERAND.selector, true);
    return {
      hasOnlyFinite: allBelow(widened(memory, slot, count), F32.infinity),
      selector,
      values: selection === 'masks' ? masked(memory, all, selector) : atLeast(all, selector),
      scale: entries.getFloat32(at + OPERAND.scale, true),
      weight: entries.getFloat32(at + OPERAND.weight, true),
    };
  });
}

/** A copy with +0 where the mask drops; slot 0 is no mask. */
function masked(memory: ReferenceMemory, values: Float32Array, slot: Slot): Float32Array {
  if (slot === 0) return values;
  const mask = memory.u8(slot, Math.ceil(values.length / 8));
  const kept = values.slice();
  for (let i = 0; i < kept.length; i++) if (!isSet(mask, i)) kept[i] = 0;
  return kept;
}

/** A copy with +0 where magnitudes are below the selector. */
function atLeast(values: Float32Array, selector: number): Float32Array {
  const kept = values.slice();
  const bits = bitsOf(kept);
  for (let i = 0; i < bits.length; i++) if ((bits[i]! & F32.magnitude) < selector) bits[i] = 0;
  return kept;
}

export function stored(memory: ReferenceMemory): Pick<Kernels, Stored> {
  return { ...storedMerges(memory), ...storedStatistics(memory) };
}

type StoredMerges = 'sumStoredBf16' | 'electStoredBf16';

function storedMerges(memory: ReferenceMemory): Pick<Kernels, StoredMerges> {
  return {
    sumStoredBf16(table, operands, base, baseScale, destination, count, hasMasks) {
      const views = operandsOf(memory, table, operands, base, count, hasMasks ? 'masks' : 'all');
      const origins = widened(memory, base, count);
      const [sums, scale] = [new Float32Array(count), fround(baseScale)];
      for (let i = 0; i < count; i++) sums[i] = scaledSum(views, i) + fround(origins[i]! * scale);
      round(sums, memory.u16(destination, count));
      const allFinite = views.every(({ hasOnlyFinite }) => hasOnlyFinite);
      return allFinite && allBelow(sums, BF16.overflow) ? 1 : 0;
    },
    electStoredBf16(table, operands, base, destination, count, zeroSign, divide, factor, hasMasks, byValues) {
      const views = operandsOf(memory, table, operands, base, count, hasMasks ? 'masks' : 'magnitudes');
      if (operands < 1 || operands > MOST_ELECTED || zeroSign === 0) return 0;
      if (divide && views.some(({ weight }) => !(weight >= SMALLEST_DIVISOR))) return 0;
      if (!hasMasks && views.some(({ selector }) => selector > F32.infinity)) return 0;
      if (byValues && !(hasMasks && divide && views.every(({ selector }) => selector === views[0]!.selector))) return 0;
      const votes = byValues ? views.map((view) => ({ ...view, scale: 1 })) : views;
      const merged = widened(memory, base, count);
      const [sums, rule] = [new Float32Array(count), { zeroSign, divide, factor }];
      for (let i = 0; i < count; i++) {
        sums[i] = scaledSum(votes, i);
        merged[i]! += electedMean(views, i, sums[i]!, rule);
      }
      round(merged, memory.u16(destination, count));
      if (hasMasks && !views.every(({ hasOnlyFinite }) => hasOnlyFinite)) return 0;
      return [sums, merged].every((values) => allBelow(values, BF16.overflow)) ? 1 : 0;
    },
  };
}

function storedStatistics(memory: ReferenceMemory): Pick<Kernels, Exclude<Stored, StoredMerges>> {
  return {
    ...countAround(memory),
    countNonFiniteBf16: (source, count) =>
      widened(memory, source, count).filter((value) => !Number.isFinite(value)).length,
    histogramStoredBf16(source, base, count, bins, inexactBins) {
      countMagnitudes(
        bitsOf(differences(memory, source, base, count)),
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
    sumSquaresStored(source, base, mask, count, lanes) {
      const sums = memory.f64(lanes, REDUCTION_LANES);
      differences(memory, source, base, count).forEach((x, i) => {
        if (mask === 0 || isSet(memory.u8(mask, Math.ceil(count / 8)), i)) sums[i % REDUCTION_LANES]! += x * x;
      });
    },
    varianceStoredBf16(table, operands, base, destination, count) {
      const views = operandsOf(memory, table, operands, base, count, 'all');
      const to = memory.f32(destination, count);
      for (let i = 0; i < count; i++) to[i] = varianceOf(views.map(({ values }) => values[i]!));
    },
    passTies(source, base, count, threshold, allowance) {
      let ties = 0;
      if (allowance <= 0) return 0;
      for (const [i, bits] of bitsOf(differences(memory, source, base, count)).entries()) {
        if ((bits & F32.magnitude) === threshold && ++ties === allowance) return i + 1;
      }
      return ~ties;
    },
  };
}

function countAround(memory: ReferenceMemory): Pick<Kernels, 'countAroundStored'> {
  return {
    countAroundStored(source, base, count, lowBin, highBin, counts, bins, inexactBins) {
      const sums = memory.u32(counts, 3);
      const inside: number[] = [];
      for (const bits of bitsOf(differences(memory, source, base, count))) {
        const magnitude = bits & F32.magnitude;
        const bin = magnitude >>> 16;
        if (magnitude === highBin * VALUES_OF_BIN) sums[1]! += 1;
        else if (bin > highBin || (bin === highBin && lowBin === highBin)) sums[0]! += 1;
        else if (magnitude === lowBin * VALUES_OF_BIN) sums[2]! += 1;
        else if (bin >= lowBin) inside.push(magnitude);
      }
      countMagnitudes(
        Uint32Array.from(inside),
        memory.u32(bins, MAGNITUDE_BINS),
        memory.u32(inexactBins, MAGNITUDE_BINS),
      );
    },
  };
}
