/** How far the softmax of a model's rows lies from the base's: rounding for rounding as torch computes it (AVX-512). */
import type { Kernels } from '../abi.js';
import type { ReferenceMemory } from './memory.js';

const { fround } = Math;

/** Lanes of the partial sums, and vectors added side by side by the sum of a row. */
const LANES = 16;
const SIDE_BY_SIDE = 4;

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

/** ln x of a normal f32 (or NaN) in f64 arithmetic, rounded to f32. */
function logarithm(x: number): number {
  if (Number.isNaN(x)) return x;
  single[0] = x;
  let exponent = (word[0]! >>> 23) - 127;
  word[0] = (word[0]! & 0x7f_ffff) | 0x3f80_0000;
  let m: number = single[0]!;
  if (m > Math.SQRT2) {
    m *= 0.5;
    exponent++;
  }
  const s = (m - 1) / (m + 1);
  const z = s * s;
  let series = 0;
  for (const term of LOG_TERMS) series = (series + term) * z;
  return fround(exponent * Math.LN2 + 2 * s * (1 + series));
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

/** Sum of four vectors of lanes side by side, the rest first. */
function sumSideBySide(values: Float32Array): number {
  const vectors = Math.floor(values.length / LANES);
  const grouped = vectors - (vectors % SIDE_BY_SIDE);
  const partial = new Float32Array(LANES * SIDE_BY_SIDE);
  for (let i = 0; i < LANES * vectors; i++) {
    const vector = Math.floor(i / LANES);
    partial[(vector < grouped ? vector % SIDE_BY_SIDE : 0) * LANES + (i % LANES)]! += values[i]!;
  }
  for (let i = LANES; i < partial.length; i++) partial[i % LANES]! += partial[i]!;
  let sum = 0;
  for (let i = LANES * vectors; i < values.length; i++) sum = fround(sum + values[i]!);
  for (let k = 0; k < LANES; k++) sum = fround(sum + partial[k]!);
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
