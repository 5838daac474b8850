/** Sums of |x|: f32 within runs of 64 elements, eight of them to a lane, and f64 from there on. */
import { BITS, EVERY_OTHER } from './bits';
import { F32_MAGNITUDE } from './format';
import { differenceOfOne, Differences, Stored, widenEven, widenOdd } from './stored';

/** Lanes without their sign, in memory because engines make a vector constant anew at each use. */
const MAGNITUDE = memory.data<i32>([F32_MAGNITUDE], 16);

/** Elements of a run, and bytes of them. */
const RUN: i32 = 64;
const RUN_BYTES: usize = 256;

/** Adds |xᵢ| to the f64 `lanes[i mod 8]`. */
export function sumMagnitude(source: usize, count: i32, lanes: usize): void {
  const magnitude = v128.load32_splat(MAGNITUDE);
  let from = source;
  let rest = count;
  for (; rest >= RUN; rest -= RUN) {
    let low = f32x4.splat(0);
    let high = low;
    for (const end = from + RUN_BYTES; from < end; from += 32) {
      low = f32x4.add(low, v128.and(v128.load(from), magnitude));
      high = f32x4.add(high, v128.and(v128.load(from, 16), magnitude));
    }
    addRun(lanes, low, high);
  }
  if (rest > 0) sumTail(from, 0, rest, lanes, 0);
}

/** Adds |xᵢ| to the f64 `before[i mod 8]`, and to `after[i mod 8]` where the element's bit of `mask` is set. */
export function sumMasked(source: usize, mask: usize, count: i32, before: usize, after: usize): void {
  sumWhere<Differences>(source, 0, mask, count, before, after);
}

/** See kernels/abi-stored.ts. */
export function sumMaskedStored(
  source: usize, base: usize, mask: usize, count: i32, before: usize, after: usize,
): void {
  sumWhere<Stored>(source, base, mask, count, before, after);
}

/** Stored values are widened by every other one, so that a vector of sums is of elements 0, 2, 4, 6 or of the rest. */
function sumWhere<L>(source: usize, base: usize, mask: usize, count: i32, before: usize, after: usize): void {
  const order = sizeof<L>() == sizeof<Stored>() ? EVERY_OTHER : BITS;
  const firstBits = v128.load(order);
  const otherBits = v128.load(order, 16);
  const magnitude = v128.load32_splat(MAGNITUDE);
  const runs = <usize>(count / RUN) * RUN_BYTES;
  for (let at: usize = 0; at < runs; ) {
    let first = f32x4.splat(0);
    let other = first;
    let keptFirst = first;
    let keptOther = first;
    for (const end = at + RUN_BYTES; at < end; at += 32, mask++) {
      const bits = v128.load8_splat(mask);
      let a: v128;
      let b: v128;
      if (sizeof<L>() == sizeof<Stored>()) {
        const values = v128.load(source + (at >> 1));
        const origins = v128.load(base + (at >> 1));
        a = v128.and(f32x4.sub(widenEven(values), widenEven(origins)), magnitude);
        b = v128.and(f32x4.sub(widenOdd(values), widenOdd(origins)), magnitude);
      } else {
        a = v128.and(v128.load(source + at), magnitude);
        b = v128.and(v128.load(source + at, 16), magnitude);
      }
      first = f32x4.add(first, a);
      other = f32x4.add(other, b);
      keptFirst = f32x4.add(keptFirst, v128.and(a, i32x4.eq(v128.and(bits, firstBits), firstBits)));
      keptOther = f32x4.add(keptOther, v128.and(b, i32x4.eq(v128.and(bits, otherBits), otherBits)));
    }
    addSums<L>(before, first, other);
    addSums<L>(after, keptFirst, keptOther);
  }
  const rest = count % RUN;
  if (rest == 0) return;
  const index = <usize>(count - rest);
  if (sizeof<L>() == sizeof<Stored>()) sumStoredTail(source + (index << 1), base + (index << 1), mask, rest, before, after);
  else sumTail(source + (index << 2), mask, rest, before, after);
}

/** Adds the eight f32 sums of a run, in the order that they are made in. */
function addSums<L>(lanes: usize, first: v128, other: v128): void {
  if (sizeof<L>() == sizeof<Differences>()) return addRun(lanes, first, other);
  addRun(lanes, v128.shuffle<i32>(first, other, 0, 4, 1, 5), v128.shuffle<i32>(first, other, 2, 6, 3, 7));
}

/** Differences of the last run. */
const tail = memory.data(256, 16);

function sumStoredTail(source: usize, base: usize, mask: usize, count: i32, before: usize, after: usize): void {
  for (let i: usize = 0; i < <usize>count; i++) {
    store<f32>(tail + (i << 2), differenceOfOne(source + (i << 1), base + (i << 1)));
  }
  sumTail(tail, mask, count, before, after);
}

/** Adds the eight f32 sums of a run to eight f64. */
function addRun(lanes: usize, low: v128, high: v128): void {
  addPair(lanes, low);
  addPair(lanes + 16, v128.shuffle<i64>(low, low, 1, 1));
  addPair(lanes + 32, high);
  addPair(lanes + 48, v128.shuffle<i64>(high, high, 1, 1));
}

function addPair(lanes: usize, pair: v128): void {
  v128.store(lanes, f64x2.add(v128.load(lanes), f64x2.promote_low_f32x4(pair)));
}

/** The last run, of `count` < 64 elements; without `after` all of them count in `before` only. */
function sumTail(source: usize, mask: usize, count: i32, before: usize, after: usize): void {
  for (let lane = 0; lane < min(count, 8); lane++) {
    let all: f32 = 0;
    let kept: f32 = 0;
    for (let i = lane; i < count; i += 8) {
      const x = abs(load<f32>(source + (<usize>i << 2)));
      all += x;
      if (after && (load<u8>(mask + <usize>(i >> 3)) >> (i & 7)) & 1) kept += x;
    }
    const at = <usize>lane << 3;
    store<f64>(before + at, load<f64>(before + at) + <f64>all);
    if (after) store<f64>(after + at, load<f64>(after + at) + <f64>kept);
  }
}
