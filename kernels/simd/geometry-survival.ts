/** What of the operands goes along with a merge: squares summed in f32 over short runs, and those sums in f64. */
import { F32_MAGNITUDE } from './format';
import { elementAt, ENTRY, SELECTOR } from './geometry-operands';
import { addToLanes, LANES, RUN, RUN_BYTES } from './geometry-runs';
import { All, AtLeast, kept } from './selection';

/** The sums of an operand: all squares, those where the merge goes the other way, and those where it goes nowhere. */
const SUMS: usize = 3 * LANES;

/** See kernels/abi.ts. */
export function sumSurvival(table: usize, operands: i32, delta: usize, count: i32, lanes: usize): void {
  const end = table + <usize>operands * ENTRY;
  const rest = count & (RUN - 1);
  const bytes = <usize>(count - rest) << 2;
  let entry = table;
  for (; entry + ENTRY < end; entry += 2 * ENTRY, lanes += 2 * SUMS) {
    if (load<i32>(entry, SELECTOR) | load<i32>(entry + ENTRY, SELECTOR)) addTwo<AtLeast>(entry, delta, bytes, lanes);
    else addTwo<All>(entry, delta, bytes, lanes);
    addTail(entry, delta, bytes, rest, lanes);
    addTail(entry + ENTRY, delta, bytes, rest, lanes + SUMS);
  }
  if (entry == end) return;
  addOne(entry, delta, bytes, lanes);
  addTail(entry, delta, bytes, rest, lanes);
}

/** What selects, as signed integers: 0x80000000, which nothing reaches, becomes the largest. */
function limitOf(entry: usize): v128 {
  return i32x4.splat(load<i32>(entry, SELECTOR) - 1);
}

/** Adds whole runs of an operand and the next, of which there are `bytes` bytes each. */
function addTwo<S>(entry: usize, delta: usize, bytes: usize, lanes: usize): void {
  const zero = f32x4.splat(0);
  const limit0 = limitOf(entry);
  const limit1 = limitOf(entry + ENTRY);
  const toX0 = elementAt(entry, 0) - delta;
  const toX1 = elementAt(entry + ENTRY, 0) - delta;
  for (let d = delta, end = delta + bytes; d != end; ) {
    let all0 = zero;
    let all1 = zero;
    let against0 = zero;
    let against1 = zero;
    let nowhere0 = zero;
    let nowhere1 = zero;
    for (const stop = d + RUN_BYTES; d != stop; d += 16) {
      const along = v128.load(d);
      const isNowhere = f32x4.eq(along, zero);
      const x0 = kept<S>(v128.load(d + toX0), limit0);
      const square0 = f32x4.mul(x0, x0);
      all0 = f32x4.add(all0, square0);
      against0 = f32x4.add(against0, v128.and(square0, f32x4.lt(f32x4.mul(x0, along), zero)));
      nowhere0 = f32x4.add(nowhere0, v128.and(square0, isNowhere));
      const x1 = kept<S>(v128.load(d + toX1), limit1);
      const square1 = f32x4.mul(x1, x1);
      all1 = f32x4.add(all1, square1);
      against1 = f32x4.add(against1, v128.and(square1, f32x4.lt(f32x4.mul(x1, along), zero)));
      nowhere1 = f32x4.add(nowhere1, v128.and(square1, isNowhere));
    }
    addSums(all0, against0, nowhere0, lanes);
    addSums(all1, against1, nowhere1, lanes + SUMS);
  }
}

/** The same of one operand. */
function addOne(entry: usize, delta: usize, bytes: usize, lanes: usize): void {
  const zero = f32x4.splat(0);
  const limit = limitOf(entry);
  const toX = elementAt(entry, 0) - delta;
  for (let d = delta, end = delta + bytes; d != end; ) {
    let all = zero;
    let against = zero;
    let nowhere = zero;
    for (const stop = d + RUN_BYTES; d != stop; d += 16) {
      const along = v128.load(d);
      const x = kept<AtLeast>(v128.load(d + toX), limit);
      const square = f32x4.mul(x, x);
      all = f32x4.add(all, square);
      against = f32x4.add(against, v128.and(square, f32x4.lt(f32x4.mul(x, along), zero)));
      nowhere = f32x4.add(nowhere, v128.and(square, f32x4.eq(along, zero)));
    }
    addSums(all, against, nowhere, lanes);
  }
}

function addSums(all: v128, against: v128, nowhere: v128, lanes: usize): void {
  addToLanes(all, lanes);
  addToLanes(against, lanes + LANES);
  addToLanes(nowhere, lanes + 2 * LANES);
}

/** The f32 lanes of a tail, of each sum. */
const tail = memory.data(48, 16);

/** Adds the `count` elements after `bytes` bytes, fewer than a run. Lanes without one add +0, which changes no sum. */
function addTail(entry: usize, delta: usize, bytes: usize, count: i32, lanes: usize): void {
  if (count == 0) return;
  const selector = load<i32>(entry, SELECTOR);
  let x = elementAt(entry, bytes);
  let d = delta + bytes;
  memory.fill(tail, 0, 48);
  for (let i = 0; i < count; i++, x += 4, d += 4) {
    const to = tail + (<usize>(i & 3) << 2);
    const bits = load<i32>(x);
    const value = (bits & F32_MAGNITUDE) > selector - 1 ? reinterpret<f32>(bits) : 0;
    const along = load<f32>(d);
    const square = value * value;
    store<f32>(to, load<f32>(to) + square);
    store<f32>(to, load<f32>(to, 16) + (value * along < 0 ? square : 0), 16);
    store<f32>(to, load<f32>(to, 32) + (along == 0 ? square : 0), 32);
  }
  addSums(v128.load(tail), v128.load(tail, 16), v128.load(tail, 32), lanes);
}
