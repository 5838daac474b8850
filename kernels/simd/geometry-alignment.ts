/** How a merge lies to its operands: products summed in f32 over short runs, and those sums in f64. */
import { F32_MAGNITUDE } from './format';
import { elementAt, ENTRY, SELECTOR } from './geometry-operands';

/** Elements and bytes of a run. */
const RUN: i32 = 64;
const RUN_BYTES: usize = 256;

/** Bytes of the four f64 lanes of a sum. */
const LANES: usize = 32;

/** See kernels/abi.ts. */
export function sumAlignment(
  table: usize, operands: i32, delta: usize, written: usize, count: i32, lanes: usize, counters: usize,
): void {
  const withWritten = lanes + <usize>(2 + operands) * LANES;
  let offset: usize = 0;
  let rest = count;
  for (; rest >= RUN; rest -= RUN, offset += RUN_BYTES) {
    const d = delta + offset;
    const w = written + offset;
    addOwn(d, w, lanes, counters);
    let k: usize = 0;
    for (; k + 2 <= <usize>operands; k += 2) {
      addTwoRuns(table + k * ENTRY, offset, d, w, lanes + (k + 2) * LANES, withWritten + k * LANES);
    }
    for (; k < <usize>operands; k++) {
      addRun(elementAt(table + k * ENTRY, offset), d, w, lanes + (k + 2) * LANES, withWritten + k * LANES);
    }
  }
  if (rest == 0) return;
  addTail(delta + offset, delta + offset, rest, lanes);
  addTail(written + offset, written + offset, rest, lanes + LANES);
  for (let k: usize = 0; k < <usize>operands; k++) {
    const x = elementAt(table + k * ENTRY, offset);
    addTail(delta + offset, x, rest, lanes + (k + 2) * LANES);
    addTail(written + offset, x, rest, withWritten + k * LANES);
  }
  for (let at: usize = offset, end = offset + (<usize>rest << 2); at != end; at += 4) {
    count1(counters, i32(load<f32>(delta + at) == 0));
    count1(counters + 4, i32(load<f32>(delta + at) != 0 && load<f32>(written + at) == 0));
  }
}

function count1(counter: usize, more: i32): void {
  store<i32>(counter, load<i32>(counter) + more);
}

/** Adds four f32 to their f64 lanes. */
function addToLanes(partial: v128, lanes: usize): void {
  const high = f64x2.promote_low_f32x4(v128.shuffle<i32>(partial, partial, 2, 3, 2, 3));
  v128.store(lanes, f64x2.add(v128.load(lanes), f64x2.promote_low_f32x4(partial)));
  v128.store(lanes, f64x2.add(v128.load(lanes, 16), high), 16);
}

/** Adds d² and w² of a run, and counts where d is 0 and where only w is. */
function addOwn(d: usize, w: usize, lanes: usize, counters: usize): void {
  const zero = f32x4.splat(0);
  let squares = zero;
  let writtenSquares = zero;
  let zeros = zero;
  let lost = zero;
  for (let end = d + RUN_BYTES; d != end; d += 16, w += 16) {
    const a = v128.load(d);
    const b = v128.load(w);
    squares = f32x4.add(squares, f32x4.mul(a, a));
    writtenSquares = f32x4.add(writtenSquares, f32x4.mul(b, b));
    const isZero = f32x4.eq(a, zero);
    zeros = i32x4.sub(zeros, isZero);
    lost = i32x4.sub(lost, v128.andnot(f32x4.eq(b, zero), isZero));
  }
  addToLanes(squares, lanes);
  addToLanes(writtenSquares, lanes + LANES);
  count1(counters, sumOfLanes(zeros));
  count1(counters + 4, sumOfLanes(lost));
}

function sumOfLanes(lanes: v128): i32 {
  const lower = i32x4.extract_lane(lanes, 0) + i32x4.extract_lane(lanes, 1);
  return lower + i32x4.extract_lane(lanes, 2) + i32x4.extract_lane(lanes, 3);
}

/** Adds d·x and w·x of a run. */
function addRun(x: usize, d: usize, w: usize, lanes: usize, withWritten: usize): void {
  let dots = f32x4.splat(0);
  let writtenDots = dots;
  for (let end = x + RUN_BYTES; x != end; x += 16, d += 16, w += 16) {
    const values = v128.load(x);
    dots = f32x4.add(dots, f32x4.mul(v128.load(d), values));
    writtenDots = f32x4.add(writtenDots, f32x4.mul(v128.load(w), values));
  }
  addToLanes(dots, lanes);
  addToLanes(writtenDots, withWritten);
}

/** The same for two operands at once, whose sums then need not wait for one another. */
function addTwoRuns(table: usize, offset: usize, d: usize, w: usize, lanes: usize, withWritten: usize): void {
  let x0 = elementAt(table, offset);
  let x1 = elementAt(table + ENTRY, offset);
  let dots0 = f32x4.splat(0);
  let dots1 = dots0;
  let written0 = dots0;
  let written1 = dots0;
  for (let end = d + RUN_BYTES; d != end; d += 16, w += 16, x0 += 16, x1 += 16) {
    const a = v128.load(d);
    const b = v128.load(w);
    const values0 = v128.load(x0);
    dots0 = f32x4.add(dots0, f32x4.mul(a, values0));
    written0 = f32x4.add(written0, f32x4.mul(b, values0));
    const values1 = v128.load(x1);
    dots1 = f32x4.add(dots1, f32x4.mul(a, values1));
    written1 = f32x4.add(written1, f32x4.mul(b, values1));
  }
  addToLanes(dots0, lanes);
  addToLanes(dots1, lanes + LANES);
  addToLanes(written0, withWritten);
  addToLanes(written1, withWritten + LANES);
}

/** Adds a·b of fewer elements than a run has. */
function addTail(a: usize, b: usize, count: i32, lanes: usize): void {
  let partial = f32x4.splat(0);
  for (; count >= 4; count -= 4, a += 16, b += 16) {
    partial = f32x4.add(partial, f32x4.mul(v128.load(a), v128.load(b)));
  }
  // What is missing in the last four adds +0, which changes no sum that began at +0.
  let last = f32x4.splat(0);
  if (count > 0) last = f32x4.replace_lane(last, 0, load<f32>(a) * load<f32>(b));
  if (count > 1) last = f32x4.replace_lane(last, 1, load<f32>(a, 4) * load<f32>(b, 4));
  if (count > 2) last = f32x4.replace_lane(last, 2, load<f32>(a, 8) * load<f32>(b, 8));
  addToLanes(f32x4.add(partial, last), lanes);
}

/** See kernels/abi.ts. */
export function sumSurvival(table: usize, operands: i32, delta: usize, count: i32, lanes: usize): void {
  for (let k: usize = 0; k < <usize>operands; k++, lanes += 3 * LANES) {
    const entry = table + k * ENTRY;
    const selector = load<i32>(entry, SELECTOR);
    let x = elementAt(entry, 0);
    let d = delta;
    let rest = count;
    for (; rest >= RUN; rest -= RUN, x += RUN_BYTES, d += RUN_BYTES) addSurvival(x, d, RUN, selector, lanes);
    if (rest > 0) addSurvival(x, d, rest, selector, lanes);
  }
}

/** Adds one run, or less. */
function addSurvival(x: usize, d: usize, count: i32, selector: i32, lanes: usize): void {
  const zero = f32x4.splat(0);
  const magnitude = i32x4.splat(F32_MAGNITUDE);
  // As signed integers: 0x80000000, which nothing reaches, becomes the largest.
  const limit = i32x4.splat(selector - 1);
  let all = zero;
  let against = zero;
  let nowhere = zero;
  for (; count >= 4; count -= 4, x += 16, d += 16) {
    const stored = v128.load(x);
    const values = v128.and(stored, i32x4.gt_s(v128.and(stored, magnitude), limit));
    const along = v128.load(d);
    const square = f32x4.mul(values, values);
    all = f32x4.add(all, square);
    against = f32x4.add(against, v128.and(square, f32x4.lt(f32x4.mul(values, along), zero)));
    nowhere = f32x4.add(nowhere, v128.and(square, f32x4.eq(along, zero)));
  }
  // What is missing in the last four adds +0, which changes no sum that began at +0.
  let lastAll = zero;
  let lastAgainst = zero;
  let lastNowhere = zero;
  for (let lane: usize = 0; lane < <usize>count; lane++) {
    const bits = load<i32>(x + (lane << 2));
    const value = (bits & F32_MAGNITUDE) > selector - 1 ? reinterpret<f32>(bits) : 0;
    const along = load<f32>(d + (lane << 2));
    const square = value * value;
    store<f32>(last + (lane << 2), square);
    store<f32>(last + 16 + (lane << 2), value * along < 0 ? square : 0);
    store<f32>(last + 32 + (lane << 2), along == 0 ? square : 0);
  }
  if (count > 0) {
    const kept = v128.load(KEPT_LANES + (<usize>count << 4));
    lastAll = v128.and(v128.load(last), kept);
    lastAgainst = v128.and(v128.load(last, 16), kept);
    lastNowhere = v128.and(v128.load(last, 32), kept);
  }
  addToLanes(f32x4.add(all, lastAll), lanes);
  addToLanes(f32x4.add(against, lastAgainst), lanes + LANES);
  addToLanes(f32x4.add(nowhere, lastNowhere), lanes + 2 * LANES);
}

/** Terms of fewer than four last elements, and masks of the first 0 … 3 lanes. */
const last = memory.data(48, 16);
const KEPT_LANES = memory.data<i32>([0, 0, 0, 0, -1, 0, 0, 0, -1, -1, 0, 0, -1, -1, -1, 0], 16);
