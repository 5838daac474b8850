/** What a counter of `countSteps` stands for: changes of so many steps within one binade of bf16. */
import { ULP_CLASS_COUNT } from '../../kernels/abi.js';

const MANTISSA_BITS = 7;
const EXPONENT_BIAS = 127;
/** The exponent of infinity and NaN: at least one of two different values is NaN. */
const NON_FINITE_EXPONENT = 255;
const ABSOLUTE_CHANGE = Math.fround(1e-5);

/** The size of a step by exponent field; subnormal numbers have the steps of the smallest normal ones. */
const STEP_SIZES = Float64Array.from(
  { length: NON_FINITE_EXPONENT },
  (_, field) => 2 ** (Math.max(field, 1) - EXPONENT_BIAS - MANTISSA_BITS),
);

const value = new Float32Array(1);
const bits = new Uint32Array(value.buffer);

/**
 * The size of the changes in a counter, exact, or NaN; in steps of the base value; and whether that is above 1e-5 (f32)
 * and above 1e-3 of the larger value, as one step of a finite value is: it is at least 2^-8 of it.
 */
export function changeOfSteps(bin: number): { size: number; steps: number; isAbsolute: boolean; isRelative: boolean } {
  const steps = bin & ((1 << MANTISSA_BITS) - 1);
  const field = bin >>> MANTISSA_BITS;
  if (field === NON_FINITE_EXPONENT) return { size: Number.NaN, steps: Infinity, isAbsolute: false, isRelative: false };
  const size = steps * STEP_SIZES[field]!;
  return { size, steps, isAbsolute: size > ABSOLUTE_CHANGE, isRelative: true };
}

/** The bin of a magnitude histogram; `size` is an f32. */
export function magnitudeBin(size: number): number {
  value[0] = size;
  return bits[0]! >>> 16;
}

/** The class of a change of so many whole steps (1 or more): c up to 2^(c−1). */
export function ulpClassOf(steps: number): number {
  if (steps === Infinity) return ULP_CLASS_COUNT - 1;
  return Math.min(33 - Math.clz32(steps - 1), ULP_CLASS_COUNT - 1);
}
