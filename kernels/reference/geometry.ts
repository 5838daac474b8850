/**
 * Geometry of task vectors: which elements changed, by whom, by how much. Counters (u32) and sums (f64) are added to;
 * the caller owns and zeroes them. What several experts changed is in geometry-sums.ts.
 */
import { BASE_MAGNITUDE_BINS, CHANGE_COUNTERS, type Kernels, MAGNITUDE_BINS, ULP_CLASS_COUNT } from '../abi.js';
import { BF16_EXPONENT, bf16ToF32, F32 } from './formats.js';
import type { ReferenceMemory } from './memory.js';

type Masks = 'markChanged' | 'countMasks';
type Changes = 'countSteps' | 'collectChanges' | 'classifyChange';

const { fround } = Math;

/** Bits of the f32 below the exponent and the upper four mantissa bits. */
const BASE_MAGNITUDE_SHIFT = 19;

/** "Changed" by absolute (arXiv 2601.13572) and by relative size (arXiv 2511.08567), as f32. */
const ABSOLUTE_CHANGE = fround(1e-5);
const RELATIVE_CHANGE = fround(1e-3);

/** Exponent that an infinite or NaN base value counts as: one above that of the largest f32. */
const NON_FINITE_EXPONENT = 128;

const wide = new DataView(new ArrayBuffer(8));

/** e with 2^e ≤ |value| < 2^(e+1) of an f32, below every normal f64's for 0. Subnormal f32 are normal f64. */
function exponentOf(value: number): number {
  wide.setFloat64(0, value);
  return Math.min(((wide.getUint32(0) >>> 20) & 0x7ff) - 1023, NON_FINITE_EXPONENT);
}

/** The class of a change of `steps` units in the last place: c up to 2^(c−1); the last one takes the rest and NaN. */
export function ulpClass(steps: number): number {
  let index = 0;
  while (index < ULP_CLASS_COUNT - 1 && !(steps <= 2 ** (index - 1))) index++;
  return index;
}

function masks(memory: ReferenceMemory): Pick<Kernels, Masks> {
  return {
    markChanged(a, b, width, count, mask, bit) {
      const [left, right] = [memory.u8(a, width * count), memory.u8(b, width * count)];
      const marks = memory.u8(mask, count);
      for (let byte = 0; byte < left.length; byte++) {
        if (left[byte] !== right[byte]) marks[Math.floor(byte / width)]! |= bit;
      }
    },
    countMasks(base, mask, operands, count, bins) {
      const [from, marks] = [memory.u32(base, count), memory.u8(mask, count)];
      const counters = memory.u32(bins, BASE_MAGNITUDE_BINS << operands);
      for (let i = 0; i < count; i++) {
        const magnitude = (from[i]! & F32.magnitude) >>> BASE_MAGNITUDE_SHIFT;
        counters[(magnitude << operands) | marks[i]!]! += 1;
      }
    },
  };
}

/**
 * An infinite or NaN base value has the exponent 128; a base of 0 has `minimumExponent` (−1022 or more). A NaN change
 * counts in the last class and in neither of the last two counters.
 */
function changes(memory: ReferenceMemory): Pick<Kernels, Changes> {
  return { ...collected(memory), classifyChange: classifier(memory) };
}

function collected(memory: ReferenceMemory): Pick<Kernels, Exclude<Changes, 'classifyChange'>> {
  return {
    countSteps(base, changed, count, bins, changes, bases, mask, bit) {
      const [before, after] = [memory.u16(base, count), memory.u16(changed, count)];
      const counters = memory.u32(bins, MAGNITUDE_BINS);
      const marks = memory.u8(mask, count);
      const [odd, oddBases] = [memory.f32(changes, count), memory.f32(bases, count)];
      let found = 0;
      for (let i = 0; i < count; i++) {
        const [from, to] = [before[i]!, after[i]!];
        if (from === to) continue;
        marks[i]! |= bit;
        // One sign and one exponent.
        if ((from ^ to) < 0x80) {
          counters[(from & BF16_EXPONENT) | Math.abs(to - from)]! += 1;
          continue;
        }
        odd[found] = bf16ToF32(to) - bf16ToF32(from);
        oddBases[found++] = bf16ToF32(from);
      }
      return found;
    },
    collectChanges(x, base, count, changes, bases) {
      const [values, from] = [memory.f32(x, count), memory.f32(base, count)];
      const [to, toBases] = [memory.f32(changes, count), memory.f32(bases, count)];
      let found = 0;
      for (let i = 0; i < count; i++) {
        if (values[i] === 0) continue;
        to[found] = values[i]!;
        toBases[found++] = from[i]!;
      }
      return found;
    },
  };
}

function classifier(memory: ReferenceMemory): Kernels['classifyChange'] {
  return (x, base, count, mantissaBits, minimumExponent, counters) => {
    const [values, bases] = [memory.f32(x, count), memory.f32(base, count)];
    const to = memory.u32(counters, CHANGE_COUNTERS);
    let largest = 0;
    for (let i = 0; i < count; i++) {
      const [change, before] = [values[i]!, bases[i]!];
      if (change === 0) continue;
      const size = Math.abs(change);
      const unit = 2 ** (Math.max(exponentOf(before), minimumExponent) - mantissaBits);
      to[ulpClass(size / unit)]! += 1;
      const reach = Math.max(Math.abs(before), Math.abs(fround(before + change)));
      if (size > ABSOLUTE_CHANGE) to[ULP_CLASS_COUNT]! += 1;
      if (size > fround(RELATIVE_CHANGE * reach)) to[ULP_CLASS_COUNT + 1]! += 1;
      if (size > largest) largest = size;
    }
    return largest;
  };
}

export function geometry(memory: ReferenceMemory): Pick<Kernels, Masks | Changes> {
  return { ...masks(memory), ...changes(memory) };
}
