/** How a merge lies to its operands: products summed in f32 over short runs, and those sums in f64. */
import { sumOfLanes } from './lane-sums';
import { addToLanes, LANES, RUN, RUN_BYTES } from './geometry-runs';
import { elementAt, ENTRY } from './geometry-operands';

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
