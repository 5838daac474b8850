/** How large changes are, in units in the last place of the base value and otherwise. */
import { sumOfBytes, sumOfLanes } from './lane-sums';
import { collectChanges } from './geometry-collect';
import { F32_INFINITY, F32_MAGNITUDE } from './format';

/** Elements compacted at a time. Their number over 16 must not exceed 255: counts of classes are bytes meanwhile. */
const BLOCK: i32 = 1024;
/** The changed elements of a block, their base values and their classes; room for whole vectors beyond the last. */
const changes = memory.data(4160, 16);
const bases = memory.data(4160, 16);
const classes = memory.data(1040, 16);

/** Counters of classes, which counters of absolutely and of relatively large changes follow. */
const CLASS_COUNT: i32 = 15;
const ABSOLUTE_COUNTER: usize = 60;
const RELATIVE_COUNTER: usize = 64;
const ABSOLUTE_CHANGE: f32 = 1e-5;
const RELATIVE_CHANGE: f32 = 1e-3;

const SMALLEST_NORMAL: i32 = 1 << 23;
const EXPONENT_BIAS: i32 = 127;

/** See kernels/abi.ts. */
export function classifyChange(
  x: usize, base: usize, count: i32, mantissaBits: i32, minimumExponent: i32, counters: usize,
): f32 {
  let largest: f32 = 0;
  for (let rest = count; rest > 0; rest -= BLOCK, x += <usize>BLOCK << 2, base += <usize>BLOCK << 2) {
    const packed = collectChanges(x, base, min(rest, BLOCK), changes, bases);
    if (packed == 0) continue;
    // Subnormal, infinite and NaN changes, and subnormal steps, are for one by one; they are noticed and rare.
    const size = minimumExponent > -EXPONENT_BIAS ? classifyAll(packed, mantissaBits, minimumExponent, counters) : -1;
    largest = max(largest, size >= 0 ? size : classifyEach(packed, mantissaBits, minimumExponent, counters));
  }
  return largest;
}

/** Makes whole vectors of 16 of the packed elements: changes as small and bases as large as to count nowhere. */
function padChanges(count: i32): void {
  const end = <usize>count << 2;
  const change = i32x4.splat(SMALLEST_NORMAL);
  const base = f32x4.splat(1);
  for (let at = end; at != end + 64; at += 16) {
    v128.store(changes + at, change);
    v128.store(bases + at, base);
  }
}

/**
 * Classifies the packed elements and returns the largest magnitude; or counts nothing and returns −1 when there are
 * subnormal, infinite or NaN changes among them.
 */
function classifyAll(count: i32, mantissaBits: i32, minimumExponent: i32, counters: usize): f32 {
  padChanges(count);
  const magnitude = i32x4.splat(F32_MAGNITUDE);
  const absolute = f32x4.splat(ABSOLUTE_CHANGE);
  const relative = f32x4.splat(RELATIVE_CHANGE);
  let smallest = magnitude;
  let largest = i32x4.splat(0);
  let absolutely = largest;
  let relatively = largest;
  for (let at: usize = 0, end = <usize>count << 2; at < end; at += 16) {
    const x = v128.load(changes + at);
    const w = v128.load(bases + at);
    const size = v128.and(x, magnitude);
    const reach = f32x4.pmax(f32x4.abs(w), f32x4.abs(f32x4.add(w, x)));
    smallest = i32x4.min_s(smallest, size);
    largest = i32x4.max_s(largest, size);
    absolutely = i32x4.sub(absolutely, f32x4.gt(size, absolute));
    relatively = i32x4.sub(relatively, f32x4.gt(size, f32x4.mul(relative, reach)));
  }
  const most = largestLane(largest);
  if (most >= F32_INFINITY || v128.any_true(i32x4.lt_s(smallest, i32x4.splat(SMALLEST_NORMAL)))) return -1;
  add(counters + ABSOLUTE_COUNTER, sumOfLanes(absolutely));
  add(counters + RELATIVE_COUNTER, sumOfLanes(relatively));
  findClasses(count, mantissaBits, minimumExponent);
  for (let first = 0; first < CLASS_COUNT; first += 5) countFiveClasses(count, first, counters + (<usize>first << 2));
  return reinterpret<f32>(most);
}

function largestLane(lanes: v128): i32 {
  const lower = max(i32x4.extract_lane(lanes, 0), i32x4.extract_lane(lanes, 1));
  return max(lower, max(i32x4.extract_lane(lanes, 2), i32x4.extract_lane(lanes, 3)));
}

function add(counter: usize, more: i32): void {
  store<u32>(counter, load<u32>(counter) + more);
}

/**
 * Writes the class of each packed element to `classes`, and 255 behind the last. Exponents come from the bits; that of
 * a change is rounded up, so that the difference is the class, or beyond the first or last one, which narrowing mends.
 */
function findClasses(count: i32, mantissaBits: i32, minimumExponent: i32): void {
  const magnitude = i32x4.splat(F32_MAGNITUDE);
  const above = i32x4.splat(SMALLEST_NORMAL - 1 + ((mantissaBits + 1) << 23));
  const lowest = i32x4.splat(minimumExponent + EXPONENT_BIAS);
  const last = i8x16.splat(<i8>(CLASS_COUNT - 1));
  for (let element: usize = 0, end = <usize>count; element < end; element += 16) {
    const x = changes + (element << 2);
    const w = bases + (element << 2);
    const a = exponentsAbove(x, w, magnitude, above, lowest);
    const b = exponentsAbove(x + 16, w + 16, magnitude, above, lowest);
    const c = exponentsAbove(x + 32, w + 32, magnitude, above, lowest);
    const d = exponentsAbove(x + 48, w + 48, magnitude, above, lowest);
    const narrow = i8x16.narrow_i16x8_u(i16x8.narrow_i32x4_s(a, b), i16x8.narrow_i32x4_s(c, d));
    v128.store(classes + element, i8x16.min_u(narrow, last));
  }
  v128.store(classes + <usize>count, i8x16.splat(-1));
}

/** Exponents of (x as bits without sign + `above`), minus those of the base values or `lowest`. */
function exponentsAbove(x: usize, w: usize, magnitude: v128, above: v128, lowest: v128): v128 {
  const size = i32x4.shr_u(i32x4.add(v128.and(v128.load(x), magnitude), above), 23);
  const step = i32x4.shr_u(v128.and(v128.load(w), magnitude), 23);
  return i32x4.sub(size, i32x4.max_s(step, lowest));
}

/** Counts the `first` and the next four classes: a comparison for each, which is −1 in the lanes of the class. */
function countFiveClasses(count: i32, first: i32, counters: usize): void {
  const zero = i8x16.splat(0);
  let a = zero;
  let b = zero;
  let c = zero;
  let d = zero;
  let e = zero;
  for (let at = classes, end = classes + <usize>count; at < end; at += 16) {
    const found = v128.load(at);
    a = i8x16.sub(a, i8x16.eq(found, i8x16.splat(<i8>first)));
    b = i8x16.sub(b, i8x16.eq(found, i8x16.splat(<i8>(first + 1))));
    c = i8x16.sub(c, i8x16.eq(found, i8x16.splat(<i8>(first + 2))));
    d = i8x16.sub(d, i8x16.eq(found, i8x16.splat(<i8>(first + 3))));
    e = i8x16.sub(e, i8x16.eq(found, i8x16.splat(<i8>(first + 4))));
  }
  add(counters, sumOfBytes(a));
  add(counters + 4, sumOfBytes(b));
  add(counters + 8, sumOfBytes(c));
  add(counters + 12, sumOfBytes(d));
  add(counters + 16, sumOfBytes(e));
}

/** Classifies the packed elements one by one, whatever they are; returns the largest magnitude, without NaN. */
function classifyEach(count: i32, mantissaBits: i32, minimumExponent: i32, counters: usize): f32 {
  let largest: f32 = 0;
  for (let at: usize = 0, end = <usize>count << 2; at < end; at += 4) {
    const x = load<f32>(changes + at);
    const w = load<f32>(bases + at);
    const size = abs(x);
    const before = abs(w);
    const after = abs(w + x);
    add(counters + (<usize>classOf(size, before, mantissaBits, minimumExponent) << 2), 1);
    if (size > ABSOLUTE_CHANGE) add(counters + ABSOLUTE_COUNTER, 1);
    if (size > RELATIVE_CHANGE * max(before, after)) add(counters + RELATIVE_COUNTER, 1);
    if (size > largest) largest = size;
  }
  return largest;
}

const F64_EXPONENT: u64 = 52;
const F64_EXPONENT_BIAS: i32 = 1023;
/** Exponent that an infinite or NaN base value counts as. */
const NON_FINITE_EXPONENT: i32 = 128;

/** The class of a change of this size. Subnormal f32 are normal f64. */
function classOf(size: f32, base: f32, mantissaBits: i32, minimumExponent: i32): i32 {
  if (!(size < Infinity)) return CLASS_COUNT - 1;
  const exponent = <i32>(reinterpret<u64>(<f64>base) >> F64_EXPONENT) - F64_EXPONENT_BIAS;
  const step = max(min(exponent, NON_FINITE_EXPONENT), minimumExponent) - mantissaBits;
  const roundedUp = reinterpret<u64>(<f64>size) + ((<u64>1 << F64_EXPONENT) - 1);
  const doublings = <i32>(roundedUp >> F64_EXPONENT) - F64_EXPONENT_BIAS - step;
  return min(max(doublings + 1, 0), CLASS_COUNT - 1);
}
