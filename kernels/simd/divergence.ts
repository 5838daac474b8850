/**
 * How far the softmax of a model's rows lies from the base's, rounding for rounding as torch computes it (AVX-512). See
 * kernels/reference/divergence.ts.
 */
import { exponentials } from './exponential';
import { lookUpExponentials, useLargest } from './exponential-table';
import { logarithms } from './logarithm';

const LANES: i32 = 16;
const EPSILON: f32 = 1e-8;

/** Partial sums of a softmax in 16 lanes; those of a row in four levels of four vectors of 8 lanes. */
const partial = memory.data(4 * 16, 16);
const levels = memory.data(4 * 128, 16);
const LEVEL: usize = 128;
const VECTOR: usize = 32;
/** The last few elements of a row, of each of two. */
const tails = memory.data(32, 16);

/** p·ln(p/q) of four elements. */
function divergences(p: v128, q: v128): v128 {
  return f32x4.mul(p, logarithms(f32x4.div(p, q)));
}

function largestOf(from: usize, count: i32): f32 {
  let most: f32 = -f32.MAX_VALUE * 2;
  let lanes = f32x4.splat(most);
  const end = from + (<usize>count << 2);
  for (; from + 16 <= end; from += 16) lanes = f32x4.pmax(lanes, v128.load(from));
  for (; from < end; from += 4) most = max(most, load<f32>(from));
  most = max(most, max(f32x4.extract_lane(lanes, 0), f32x4.extract_lane(lanes, 1)));
  return max(most, max(f32x4.extract_lane(lanes, 2), f32x4.extract_lane(lanes, 3)));
}

function probabilities(from: usize, to: usize, count: i32): void {
  const most = largestOf(from, count);
  const largest = f32x4.splat(most);
  const bytes = <usize>count << 2;
  const whole = bytes & ~15;
  if (useLargest(most)) lookUpExponentials(from, to, whole);
  else for (let at: usize = 0; at < whole; at += 16) v128.store(to + at, exponentials(v128.load(from + at), largest));
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
