/**
 * How far the softmax of a model's rows lies from the base's, rounding for rounding as torch computes it (AVX-512). See
 * kernels/reference/divergence.ts; what is fused there is a product in f64 here, which is exact.
 */

const LANES: i32 = 16;
const EPSILON: f32 = 1e-8;
const LOG2_E: f64 = <f64>(<f32>1.4426950408889634);
const LN2_UPPER: f64 = 0.693145751953125;
const LN2_LOWER: f64 = <f64>(<f32>1.428606765330187e-6);
const ROUNDER: f32 = 12582912;
const SMALLEST_EXPONENT: f32 = -104;
const SQRT2: f64 = 1.4142135623730951;
const LN2: f64 = 0.6931471805599453;

/** Partial sums: four vectors of lanes. */
const partial = memory.data(4 * 4 * 16, 16);

function fused(a: f32, b: f64, c: f32): f32 {
  return <f32>(<f64>a * b + <f64>c);
}

function exponential(d: f32): f32 {
  if (d < SMALLEST_EXPONENT) return 0;
  const q: f32 = <f32>(<f64>d * LOG2_E) + ROUNDER - ROUNDER;
  const s = fused(q, -LN2_LOWER, fused(q, -LN2_UPPER, d));
  const wide = <f64>s;
  let u = fused(<f32>0.000198527617612853646278381, wide, <f32>0.00139304355252534151077271);
  u = fused(u, wide, <f32>0.00833336077630519866943359);
  u = fused(u, wide, <f32>0.0416664853692054748535156);
  u = fused(u, wide, <f32>0.166666671633720397949219);
  u = fused(u, wide, 0.5);
  const scale = reinterpret<f64>((<i64>q + 1023) << 52);
  return <f32>(<f64>(<f32>1 + fused(s * s, <f64>u, s)) * scale);
}

function logarithm(x: f32): f32 {
  if (isNaN(x)) return x;
  const bits = reinterpret<u32>(x);
  let exponent = <i32>(bits >>> 23) - 127;
  let m = <f64>reinterpret<f32>((bits & 0x7fffff) | 0x3f800000);
  if (m > SQRT2) {
    m *= 0.5;
    exponent++;
  }
  const s = (m - 1) / (m + 1);
  const z = s * s;
  let series = (1.0 / 21.0) * z;
  series = (series + 1.0 / 19.0) * z;
  series = (series + 1.0 / 17.0) * z;
  series = (series + 1.0 / 15.0) * z;
  series = (series + 1.0 / 13.0) * z;
  series = (series + 1.0 / 11.0) * z;
  series = (series + 1.0 / 9.0) * z;
  series = (series + 1.0 / 7.0) * z;
  series = (series + 1.0 / 5.0) * z;
  series = (series + 1.0 / 3.0) * z;
  return <f32>(<f64>exponent * LN2 + 2 * s * (1 + series));
}

function largestOf(from: usize, count: i32): f32 {
  let most: f32 = -f32.MAX_VALUE * 2;
  for (let i = 0; i < count; i++) most = max(most, load<f32>(from + (<usize>i << 2)));
  return most;
}

function probabilities(from: usize, to: usize, count: i32): void {
  const largest = largestOf(from, count);
  for (let i = 0; i < count; i++) {
    const offset = <usize>i << 2;
    store<f32>(to + offset, exponential(load<f32>(from + offset) - largest));
  }
  const reciprocal: f32 = 1 / sumInLanes(to, count);
  for (let i = 0; i < count; i++) {
    const offset = <usize>i << 2;
    store<f32>(to + offset, load<f32>(to + offset) * reciprocal + EPSILON);
  }
}

function addTo(at: usize, x: f32): void {
  store<f32>(at, load<f32>(at) + x);
}

function sumInLanes(from: usize, count: i32): f32 {
  if (count < LANES) {
    let sum: f32 = 0;
    for (let i = 0; i < count; i++) sum += load<f32>(from + (<usize>i << 2));
    return sum;
  }
  memory.copy(partial, from, 64);
  for (let i = LANES; i < count; i++) addTo(partial + ((<usize>i & 15) << 2), load<f32>(from + (<usize>i << 2)));
  for (let half = LANES / 2; half > 0; half >>= 1) {
    for (let k = 0; k < half; k++) addTo(partial + (<usize>k << 2), load<f32>(partial + (<usize>(k + half) << 2)));
  }
  return load<f32>(partial);
}

function sumSideBySide(from: usize, count: i32): f32 {
  const vectors = count / LANES;
  const grouped = vectors & ~3;
  memory.fill(partial, 0, 256);
  for (let i = 0; i < LANES * vectors; i++) {
    const vector = i / LANES;
    const group = vector < grouped ? vector & 3 : 0;
    addTo(partial + (<usize>(group * LANES + (i & 15)) << 2), load<f32>(from + (<usize>i << 2)));
  }
  for (let i = LANES; i < 4 * LANES; i++) addTo(partial + ((<usize>i & 15) << 2), load<f32>(partial + (<usize>i << 2)));
  let sum: f32 = 0;
  for (let i = LANES * vectors; i < count; i++) sum += load<f32>(from + (<usize>i << 2));
  for (let k = 0; k < LANES; k++) sum += load<f32>(partial + (<usize>k << 2));
  return sum;
}

/** See kernels/abi-selection.ts. */
export function softmaxDivergence(
  model: usize,
  base: usize,
  rowElements: i32,
  rows: i32,
  scratch: usize,
  destination: usize,
): void {
  const rowBytes = <usize>rowElements << 2;
  const p = scratch;
  const q = scratch + rowBytes;
  for (let row = 0; row < rows; row++) {
    const at = <usize>row * rowBytes;
    probabilities(model + at, p, rowElements);
    probabilities(base + at, q, rowElements);
    for (let i = 0; i < rowElements; i++) {
      const offset = <usize>i << 2;
      const x = load<f32>(p + offset);
      store<f32>(p + offset, x * logarithm(x / load<f32>(q + offset)));
    }
    store<f32>(destination + (<usize>row << 2), sumSideBySide(p, rowElements));
  }
}
