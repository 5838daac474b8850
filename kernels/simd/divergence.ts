/**
 * How far the softmax of a model's rows lies from the base's, rounding for rounding as torch computes it (AVX-512). See
 * kernels/reference/divergence.ts; what is fused there is a product in f64 here, which is exact. Two f64 lanes hold f32
 * values between roundings; four elements are two chains that do not wait for each other.
 */

const LANES: i32 = 16;
const EPSILON: f32 = 1e-8;

/**
 * In memory, since engines make a vector constant anew at each use. Of the exponential: log₂e, −ln 2 in two parts, the
 * smallest exponent, its terms from the last to the first; f32 values.
 */
const EXP = memory.data<f64>([
  1.44269502162933349609375, -0.693145751953125, -0.00000142860676533018704503775, -104,
  0.000198527617612853646278381, 0.00139304355252534151077271, 0.00833336077630519866943359,
  0.0416664853692054748535156, 0.166666671633720397949219, 0.5,
], 16);
const EXP_TERMS: usize = 32;
/** Of the logarithm: √2, ln 2, and the terms of the area tangent from the last to the first. */
const LOG = memory.data<f64>([
  1.4142135623730951, 0.6931471805599453, 1.0 / 21.0, 1.0 / 19.0, 1.0 / 17.0, 1.0 / 15.0, 1.0 / 13.0, 1.0 / 11.0,
  1.0 / 9.0, 1.0 / 7.0, 1.0 / 5.0, 1.0 / 3.0,
], 16);
const LOG_TERMS: usize = 16;
/**
 * Of both: 1, 2, ½; what, added to a whole number, leaves it plus the exponent's bias in the lowest bits; the mantissa;
 * the bits of 1; those above a small whole number that make 2^52 plus it.
 */
const COMMON = memory.data<u64>([
  0x3ff0000000000000, 0x4000000000000000, 0x3fe0000000000000, 0x43300000000003ff, 0xfffffffffffff, 0x4330000000000000,
], 16);
const TWO: usize = 8;
const HALF: usize = 16;
const TO_EXPONENT: usize = 24;
const MANTISSA: usize = 32;
const WHOLE: usize = 40;

/** Partial sums of a softmax in 16 lanes; those of a row in four levels of four vectors of 8 lanes. */
const partial = memory.data(4 * 16, 16);
const levels = memory.data(4 * 128, 16);
const LEVEL: usize = 128;
const VECTOR: usize = 32;
/** The last few elements of a row, of each of two. */
const tails = memory.data(32, 16);

/** To f32 and back. */
function rounded(x: v128): v128 {
  return f64x2.promote_low_f32x4(f32x4.demote_f64x2_zero(x));
}

/** a·b + c, rounded once to f32. */
function fused(a: v128, b: v128, c: v128): v128 {
  return rounded(f64x2.add(f64x2.mul(a, b), c));
}

/** exp of two values that are not above 0. */
function exponential(d: v128): v128 {
  // What torch does by adding 1.5·2^23 and taking it away again.
  const q = f64x2.nearest(rounded(f64x2.mul(d, v128.load64_splat(EXP))));
  const s = fused(q, v128.load64_splat(EXP, 16), fused(q, v128.load64_splat(EXP, 8), d));
  let u = fused(v128.load64_splat(EXP, EXP_TERMS), s, v128.load64_splat(EXP, EXP_TERMS + 8));
  u = fused(u, s, v128.load64_splat(EXP, EXP_TERMS + 16));
  u = fused(u, s, v128.load64_splat(EXP, EXP_TERMS + 24));
  u = fused(u, s, v128.load64_splat(EXP, EXP_TERMS + 32));
  u = fused(u, s, v128.load64_splat(EXP, EXP_TERMS + 40));
  const fraction = rounded(f64x2.add(v128.load64_splat(COMMON), fused(rounded(f64x2.mul(s, s)), u, s)));
  const scale = i64x2.shl(f64x2.add(q, v128.load64_splat(COMMON, TO_EXPONENT)), 52);
  return v128.andnot(rounded(f64x2.mul(fraction, scale)), f64x2.lt(d, v128.load64_splat(EXP, 24)));
}

/** ln of two normal f32, or NaN. */
function logarithm(x: v128): v128 {
  const one = v128.load64_splat(COMMON);
  const fraction = v128.or(v128.and(x, v128.load64_splat(COMMON, MANTISSA)), one);
  const isLarge = f64x2.gt(fraction, v128.load64_splat(LOG));
  const m = v128.bitselect(f64x2.mul(fraction, v128.load64_splat(COMMON, HALF)), fraction, isLarge);
  const biased = v128.or(i64x2.shr_u(x, 52), v128.load64_splat(COMMON, WHOLE));
  const exponent = f64x2.add(f64x2.sub(biased, v128.load64_splat(COMMON, TO_EXPONENT)), v128.and(one, isLarge));
  const s = f64x2.div(f64x2.sub(m, one), f64x2.add(m, one));
  const z = f64x2.mul(s, s);
  let series = f64x2.mul(v128.load64_splat(LOG, LOG_TERMS), z);
  series = f64x2.mul(f64x2.add(series, v128.load64_splat(LOG, LOG_TERMS + 8)), z);
  series = f64x2.mul(f64x2.add(series, v128.load64_splat(LOG, LOG_TERMS + 16)), z);
  series = f64x2.mul(f64x2.add(series, v128.load64_splat(LOG, LOG_TERMS + 24)), z);
  series = f64x2.mul(f64x2.add(series, v128.load64_splat(LOG, LOG_TERMS + 32)), z);
  series = f64x2.mul(f64x2.add(series, v128.load64_splat(LOG, LOG_TERMS + 40)), z);
  series = f64x2.mul(f64x2.add(series, v128.load64_splat(LOG, LOG_TERMS + 48)), z);
  series = f64x2.mul(f64x2.add(series, v128.load64_splat(LOG, LOG_TERMS + 56)), z);
  series = f64x2.mul(f64x2.add(series, v128.load64_splat(LOG, LOG_TERMS + 64)), z);
  series = f64x2.mul(f64x2.add(series, v128.load64_splat(LOG, LOG_TERMS + 72)), z);
  const twice = f64x2.mul(v128.load64_splat(COMMON, TWO), s);
  const result = f64x2.add(
    f64x2.mul(exponent, v128.load64_splat(LOG, 8)),
    f64x2.mul(twice, f64x2.add(one, series)),
  );
  return v128.bitselect(result, x, f64x2.eq(x, x));
}

/** The upper two of four f32. */
function upper(x: v128): v128 {
  return v128.shuffle<i64>(x, x, 1, 1);
}

/** Two times two f64 that are f32 as four of those. */
function joined(low: v128, high: v128): v128 {
  return v128.shuffle<i64>(f32x4.demote_f64x2_zero(low), f32x4.demote_f64x2_zero(high), 0, 2);
}

/** exp(x − largest) of four elements. */
function exponentials(x: v128, largest: v128): v128 {
  const d = f32x4.sub(x, largest);
  return joined(exponential(f64x2.promote_low_f32x4(d)), exponential(f64x2.promote_low_f32x4(upper(d))));
}

/** p·ln(p/q) of four elements. */
function divergences(p: v128, q: v128): v128 {
  const ratio = f32x4.div(p, q);
  const logarithms = joined(
    logarithm(f64x2.promote_low_f32x4(ratio)),
    logarithm(f64x2.promote_low_f32x4(upper(ratio))),
  );
  return f32x4.mul(p, logarithms);
}

function largestOf(from: usize, count: i32): f32 {
  let most: f32 = -f32.MAX_VALUE * 2;
  for (let i = 0; i < count; i++) most = max(most, load<f32>(from + (<usize>i << 2)));
  return most;
}

function probabilities(from: usize, to: usize, count: i32): void {
  const largest = f32x4.splat(largestOf(from, count));
  const bytes = <usize>count << 2;
  const whole = bytes & ~15;
  for (let at: usize = 0; at < whole; at += 16) v128.store(to + at, exponentials(v128.load(from + at), largest));
  memory.copy(tails, from + whole, bytes - whole);
  v128.store(tails, exponentials(v128.load(tails), largest));
  memory.copy(to + whole, tails, bytes - whole);
  const reciprocal = f32x4.splat(1 / sumInLanes(to, count));
  const epsilon = f32x4.splat(EPSILON);
  for (let at: usize = 0; at < whole; at += 16) {
    v128.store(to + at, f32x4.add(f32x4.mul(v128.load(to + at), reciprocal), epsilon));
  }
  for (let at = whole; at < bytes; at += 4) {
    store<f32>(to + at, load<f32>(to + at) * f32x4.extract_lane(reciprocal, 0) + EPSILON);
  }
}

/** Replaces p by its share of the divergence from q, element by element. */
function replaceByDivergence(p: usize, q: usize, count: i32): void {
  const bytes = <usize>count << 2;
  const whole = bytes & ~15;
  for (let at: usize = 0; at < whole; at += 16) {
    v128.store(p + at, divergences(v128.load(p + at), v128.load(q + at)));
  }
  memory.copy(tails, p + whole, bytes - whole);
  memory.copy(tails + 16, q + whole, bytes - whole);
  v128.store(tails, divergences(v128.load(tails), v128.load(tails, 16)));
  memory.copy(p + whole, tails, bytes - whole);
}

/** Adds elements to as many partial sums; a multiple of 16 bytes of either. */
function addLanes(to: usize, from: usize, bytes: usize): void {
  for (let at: usize = 0; at < bytes; at += 16) {
    v128.store(to + at, f32x4.add(v128.load(to + at), v128.load(from + at)));
  }
}

function sumInLanes(from: usize, count: i32): f32 {
  let sum: f32 = 0;
  if (count < LANES) {
    for (let i = 0; i < count; i++) sum += load<f32>(from + (<usize>i << 2));
    return sum;
  }
  const end = from + (<usize>count << 2);
  let at = from + 64;
  memory.copy(partial, from, 64);
  for (; at + 64 <= end; at += 64) addLanes(partial, at, 64);
  for (let lane = partial; at < end; at += 4, lane += 4) store<f32>(lane, load<f32>(lane) + load<f32>(at));
  for (let half: usize = 32; half >= 4; half >>= 1) {
    for (let lane: usize = 0; lane < half; lane += 4) {
      store<f32>(partial + lane, load<f32>(partial + lane) + load<f32>(partial + lane + half));
    }
  }
  return load<f32>(partial);
}

/** How many additions, as a power of two, a level takes before it is handed on. */
function powerOf(groups: i32): i32 {
  return groups < 2 ? 4 : max(4, (32 - clz(groups - 1)) / 4);
}

/** Hands full levels on to the next ones after so many additions to the first. */
function handOn(done: i32, power: i32): void {
  for (let level = 1; level < 4 && (done & ((1 << (power * level)) - 1)) === 0; level++) {
    const from = levels + <usize>(level - 1) * LEVEL;
    addLanes(from + LEVEL, from, LEVEL);
    memory.fill(from, 0, LEVEL);
  }
}

/** Sum of fewer than 8 elements: of four side by side. */
function sumOfFew(from: usize, count: i32): f32 {
  let sum: f32 = 0;
  if (count > 0) sum += load<f32>(from);
  const apart = count < 4 ? 1 : 4;
  for (let i = apart; i < count; i++) sum += load<f32>(from + (<usize>i << 2));
  if (apart > 1) for (let i = 1; i < 4; i++) sum += load<f32>(from + (<usize>i << 2));
  return sum;
}

function sumSideBySide(from: usize, count: i32): f32 {
  if (count < 8) return sumOfFew(from, count);
  const end = from + (<usize>count << 2);
  const groups = count >> 5;
  const power = powerOf(groups);
  let at = from;
  memory.fill(levels, 0, 4 * LEVEL);
  for (let done = 1; done <= groups; done++, at += LEVEL) {
    addLanes(levels, at, LEVEL);
    handOn(done, power);
  }
  for (let level: usize = 1; level < 4; level++) addLanes(levels, levels + level * LEVEL, LEVEL);
  for (; at + VECTOR <= end; at += VECTOR) addLanes(levels, at, VECTOR);
  for (let vector = VECTOR; vector < LEVEL; vector += VECTOR) addLanes(levels, levels + vector, VECTOR);
  let sum: f32 = 0;
  for (; at < end; at += 4) sum += load<f32>(at);
  for (let lane: usize = 0; lane < VECTOR; lane += 4) sum += load<f32>(levels + lane);
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
    replaceByDivergence(p, q, rowElements);
    store<f32>(destination + (<usize>row << 2), sumSideBySide(p, rowElements));
  }
}
