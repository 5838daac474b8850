/**
 * Geometry of task vectors: which elements changed, by whom, by how much and in which direction. Counters (u32) and
 * sums (f64, REDUCTION_LANES to a quantity) are added to; the caller owns and zeroes them.
 */
import {
  BASE_MAGNITUDE_BINS,
  CHANGE_COUNTERS,
  type Kernels,
  OPERAND,
  OPERAND_BYTES,
  REDUCTION_LANES,
  type Slot,
  ULP_CLASS_COUNT,
} from '../abi.js';
import { F32 } from './formats.js';
import type { ReferenceMemory } from './memory.js';

type Masks = 'markChanged' | 'countMasks' | 'countSigns';
type Sums = 'sumProducts' | 'sumDots' | 'sumOverlapEnergy' | 'sumConflict';

const { fround } = Math;

/** Bits of the f32 below the exponent and the upper four mantissa bits. */
const BASE_MAGNITUDE_SHIFT = 19;

/** "Changed" by absolute (arXiv 2601.13572) and by relative size (arXiv 2511.08567), as f32. */
const ABSOLUTE_CHANGE = fround(1e-5);
const RELATIVE_CHANGE = fround(1e-3);

/** Exponent that an infinite or NaN base value counts as: one above that of the largest f32. */
const NON_FINITE_EXPONENT = 128;

const wide = new DataView(new ArrayBuffer(8));

/** The operands' values, `count` of each. */
function operandValues(memory: ReferenceMemory, table: Slot, operands: number, count: number): Float32Array[] {
  return Array.from({ length: operands }, (_, operand) => {
    const [slot] = memory.u32(table + operand * OPERAND_BYTES + OPERAND.slot, 1);
    return memory.f32(slot!, count);
  });
}

/** Bit k set where x_k < 0, over all operands. */
function negativeBits(operands: readonly Float32Array[], i: number): number {
  return operands.reduce((bits, x, k) => (x[i]! < 0 ? bits | (1 << k) : bits), 0);
}

/** Calls `visit` with (j, k) for 0 ≤ j ≤ k < operands, or j < k, in ascending order of j, then k. */
function forEachPair(operands: number, withSelf: boolean, visit: (j: number, k: number) => void): void {
  for (let j = 0; j < operands; j++) for (let k = withSelf ? j : j + 1; k < operands; k++) visit(j, k);
}

/** e with 2^e ≤ |value| < 2^(e+1) of an f32, below every normal f64's for 0. Subnormal f32 are normal f64. */
function exponentOf(value: number): number {
  wide.setFloat64(0, value);
  return Math.min(((wide.getUint32(0) >>> 20) & 0x7ff) - 1023, NON_FINITE_EXPONENT);
}

/** The class of a change of `steps` units in the last place: c up to 2^(c−1); the last one takes the rest and NaN. */
function ulpClass(steps: number): number {
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
    countSigns(table, operands, mask, count, bins) {
      const values = operandValues(memory, table, operands, count);
      const marks = memory.u8(mask, count);
      const counters = memory.u32(bins, 1 << (2 * operands));
      for (let i = 0; i < count; i++) {
        const mark = marks[i]!;
        if (mark !== 0) counters[mark | ((negativeBits(values, i) & mark) << operands)]! += 1;
      }
    },
  };
}

function sums(memory: ReferenceMemory): Pick<Kernels, Sums> {
  return {
    sumProducts(table, operands, count, lanes) {
      const values = operandValues(memory, table, operands, count);
      let slot = lanes;
      const addPairs = (withSelf: boolean, term: (product: number) => number): void =>
        forEachPair(operands, withSelf, (j, k) => {
          const to = memory.f64(slot, REDUCTION_LANES);
          const [left, right] = [values[j]!, values[k]!];
          for (let i = 0; i < count; i++) to[i % REDUCTION_LANES]! += term(left[i]! * right[i]!);
          slot += to.byteLength;
        });
      addPairs(true, (product) => product);
      addPairs(false, (product) => product * product);
    },
    sumDots(vector, table, operands, count, lanes) {
      const v = memory.f32(vector, count);
      for (const [k, x] of [v, ...operandValues(memory, table, operands, count)].entries()) {
        const to = memory.f64(lanes + 8 * REDUCTION_LANES * k, REDUCTION_LANES);
        for (let i = 0; i < count; i++) to[i % REDUCTION_LANES]! += v[i]! * x[i]!;
      }
      return v.reduce((zeros, value) => (value === 0 ? zeros + 1 : zeros), 0);
    },
    sumOverlapEnergy(table, operands, count, lanes) {
      const values = operandValues(memory, table, operands, count);
      const ordered = values.flatMap((x, j) => values.filter((_, k) => k !== j).map((other) => ({ x, other })));
      for (const [pair, { x, other }] of ordered.entries()) {
        const to = memory.f64(lanes + 8 * REDUCTION_LANES * pair, REDUCTION_LANES);
        for (let i = 0; i < count; i++) if (other[i] !== 0) to[i % REDUCTION_LANES]! += x[i]! * x[i]!;
      }
    },
    sumConflict(table, operands, count, lanes) {
      const values = operandValues(memory, table, operands, count);
      const [opposed, total] = [0, 1].map((set) => memory.f64(lanes + 8 * REDUCTION_LANES * set, REDUCTION_LANES));
      let cancelled = 0;
      for (let i = 0; i < count; i++) {
        let positive = 0;
        let negative = 0;
        for (const x of values) {
          positive += Math.max(x[i]!, 0);
          negative += Math.max(-x[i]!, 0);
        }
        opposed![i % REDUCTION_LANES]! += Math.min(positive, negative);
        total![i % REDUCTION_LANES]! += positive + negative;
        if (positive === negative && positive !== 0) cancelled++;
      }
      return cancelled;
    },
  };
}

/**
 * An infinite or NaN base value has the exponent 128; a base of 0 has `minimumExponent` (−1022 or more). A NaN change
 * counts in the last class and in neither of the last two counters.
 */
function changeClasses(memory: ReferenceMemory): Pick<Kernels, 'classifyChange'> {
  return {
    classifyChange(x, base, count, mantissaBits, minimumExponent, counters) {
      const [changes, bases] = [memory.f32(x, count), memory.f32(base, count)];
      const to = memory.u32(counters, CHANGE_COUNTERS);
      let largest = 0;
      for (let i = 0; i < count; i++) {
        const [change, before] = [changes[i]!, bases[i]!];
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
    },
  };
}

export function geometry(memory: ReferenceMemory): Pick<Kernels, Masks | Sums | 'classifyChange'> {
  return { ...masks(memory), ...sums(memory), ...changeClasses(memory) };
}
