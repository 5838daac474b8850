/** How far the softmax of a model's rows lies from the base's: rounding for rounding as torch computes it (AVX-512). */
import type { Kernels } from '../abi.js';
import type { ReferenceMemory } from './memory.js';

const { fround } = Math;

/** Lanes of the partial sums of a softmax. */
const LANES = 16;
/** Lanes of the sum of a row, which torch has for AVX2 alone, and vectors of them that it adds side by side. */
const SUM_LANES = 8;
const SIDE_BY_SIDE = 4;
/** Partial sums are handed on to the next of so many levels after each 2^4 additions, or more in very long rows. */
const LEVELS = 4;
const LEAST_POWER = 4;

/** Added to every probability, so that the logarithm exists. */
const EPSILON = fround(1e-8);

/** exp(d) for d ≤ 0 with an error below one unit, by the polynomial of SLEEF's expf_u10 with fused multiply-adds. */
const EXP_TERMS = [
  0.00019852761761285365, 0.0013930435525253415, 0.008333360776305199, 0.041666485369205475, 0.1666666716337204, 0.5,
].map(fround);
const LOG2_E = fround(Math.LOG2E);
const LN2_UPPER = 0.693145751953125;
const LN2_LOWER = fround(1.428606765330187e-6);
/** Adding and taking it away again rounds an f32 to a whole number. */
const ROUNDER = 12_582_912;
const SMALLEST_EXPONENT = -104;

/** Terms 1/3, 1/5, … of the area tangent's series; enough for f64 up to √2. */
const LOG_TERMS = [21, 19, 17, 15, 13, 11, 9, 7, 5, 3].map((odd) => 1 / odd);
/** Below this square of the tangent the last three of them are enough. */
const NEAR = 2 ** -16;
const NEAR_TERMS = LOG_TERMS.slice(-3);

const single = new Float32Array(1);
const word = new Uint32Array(single.buffer);

/** a·b + c rounded once: the product is exact in f64. */
const fused = (a: number, b: number, c: number): number => fround(a * b + c);

function exponential(d: number): number {
  if (d < SMALLEST_EXPONENT) return 0;
  const q = fround(fround(fround(d * LOG2_E) + ROUNDER) - ROUNDER);
  const s = fused(q, -LN2_LOWER, fused(q, -LN2_UPPER, d));
  let u = EXP_TERMS[0]!;
  for (let i = 1; i < EXP_TERMS.length; i++) u = fused(u, s, EXP_TERMS[i]!);
  return fround(fround(1 + fused(fround(s * s), u, s)) * 2 ** q);
}

/** The area tangent of s, twice: 2(s + s³/3 + s⁵/5 + …). */
function doubledAreaTangent(s: number, terms: readonly number[]): number {
  const z = s * s;
  let series = 0;
  for (const term of terms) series = (series + term) * z;
  return 2 * s * (1 + series);
}

/** ln x of a normal f32 (or NaN) in f64 arithmetic, rounded to f32. */
function logarithm(x: number): number {
  const tangent = (x - 1) / (x + 1);
  if (tangent * tangent < NEAR) return fround(doubledAreaTangent(tangent, NEAR_TERMS));
  if (Number.isNaN(x)) return x;
  single[0] = x;
  let exponent = (word[0]! >>> 23) - 127;
  word[0] = (word[0]! & 0x7f_ffff) | 0x3f80_0000;
  let m: number = single[0]!;
  if (m > Math.SQRT2) {
    m *= 0.5;
    exponent++;
  }
  return fround(exponent * Math.LN2 + doubledAreaTangent((m - 1) / (m + 1), LOG_TERMS));
}

function probabilities(values: Float32Array, to: Float32Array): void {
  const largest = values.reduce((most, x) => Math.max(most, x), Number.NEGATIVE_INFINITY);
  values.forEach((x, i) => {
    to[i] = exponential(fround(x - largest));
  });
  const reciprocal = fround(1 / sumInLanes(to));
  for (let i = 0; i < to.length; i++) to[i] = fround(fround(to[i]! * reciprocal) + EPSILON);
}

/** Sum in lanes that are then added in halves; of fewer elements than lanes, in order. */
function sumInLanes(values: Float32Array): number {
  if (values.length < LANES) return values.reduce((sum, x) => fround(sum + x), 0);
  const lanes = values.slice(0, LANES);
  for (let i = LANES; i < values.length; i++) lanes[i % LANES]! += values[i]!;
  for (let half = LANES / 2; half >= 1; half /= 2) for (let k = 0; k < half; k++) lanes[k]! += lanes[k + half]!;
  return lanes[0]!;
}

function addTo(sums: Float32Array, values: Float32Array): void {
  for (let i = 0; i < sums.length; i++) sums[i]! += values[i]!;
}

/** Sums of the elements that are `width` apart: after every 2^power additions a level is handed on to the next. */
function sumByLevels(values: Float32Array, width: number): Float32Array {
  const count = Math.floor(values.length / width);
  const power = Math.max(LEAST_POWER, Math.floor(Math.ceil(Math.log2(Math.max(count, 1))) / LEVELS));
  const sums = Array.from({ length: LEVELS }, () => new Float32Array(width));
  for (let done = 1; done <= count; done++) {
    addTo(sums[0]!, values.subarray((done - 1) * width, done * width));
    for (let level = 1; level < LEVELS && done % 2 ** (power * level) === 0; level++) {
      addTo(sums[level]!, sums[level - 1]!);
      sums[level - 1]!.fill(0);
    }
  }
  for (const sum of sums.slice(1)) addTo(sums[0]!, sum);
  return sums[0]!;
}

/** Sum of four vectors of lanes side by side, or of four elements in a short row; then what is left of the row first. */
function sumSideBySide(values: Float32Array): number {
  const lanes = values.length < SUM_LANES ? 1 : SUM_LANES;
  const partial = sumByLevels(values, lanes * SIDE_BY_SIDE);
  const grouped = values.length - (values.length % partial.length);
  const whole = values.length - (values.length % lanes);
  for (let i = grouped; i < whole; i++) partial[i % lanes]! += values[i]!;
  for (let i = lanes; i < partial.length; i++) partial[i % lanes]! += partial[i]!;
  let sum = 0;
  for (let i = whole; i < values.length; i++) sum = fround(sum + values[i]!);
  for (let k = 0; k < lanes; k++) sum = fround(sum + partial[k]!);
  return sum;
}

export function divergence(memory: ReferenceMemory): Pick<Kernels, 'softmaxDivergence'> {
  return {
    softmaxDivergence(model, base, rowElements, rows, scratch, destination) {
      const to = memory.f32(destination, rows);
      const [p, q] = [0, 1].map((half) => memory.f32(scratch + 4 * half * rowElements, rowElements));
      for (let row = 0; row < rows; row++) {
        const at = 4 * row * rowElements;
        probabilities(memory.f32(model + at, rowElements), p!);
        probabilities(memory.f32(base + at, rowElements), q!);
        p!.forEach((x, i) => {
          p![i] = fround(x * logarithm(fround(x / q![i]!)));
        });
        to[row] = sumSideBySide(p!);
      }
    },
  };
}
