/** Statistics of magnitudes. Histograms are u32 counters that the caller zeroes. */
import { F32_MAGNITUDE } from './format';
import { copyLanes } from './packing';
import { upperHalves } from './selection';

/** Elements compacted at a time: with the counters in use, a block lies in the first-level cache. */
export const BLOCK: i32 = 1024;
/** Upper halves of the non-zero elements of a block, and room for the vector that the last store may write beyond. */
export const changed = memory.data(2064, 16);

/**
 * Counters of every other element. The same value often comes twice in a row, and counting it in two places does not
 * wait for the first. All zero between calls.
 */
const otherBins = memory.data(131072, 16);
/** Largest and smallest bins counted there so far, one of each lane. */
const highest = memory.data(16, 16);
const lowest = memory.data(16, 16);

export function increment(bins: usize, bin: i32): void {
  const at = bins + (<usize>bin << 2);
  store<u32>(at, load<u32>(at) + 1);
}

/**
 * Adds to `bins[bits >>> 16]` all elements, and to `inexactBins` those whose lower 16 bits are not 0.
 *
 * Most differences of checkpoints are 0, and counting them one by one would wait for the counter's last store each
 * time; so zeros are squeezed out first, without a branch, and added as one number.
 */
export function histogramMagnitude(source: usize, count: i32, bins: usize, inexactBins: usize): void {
  let rest = count;
  let zeros: i32 = 0;
  startPairs();
  for (; rest >= BLOCK; rest -= BLOCK, source += <usize>BLOCK << 2) {
    const packed = packChanged(source, bins, inexactBins);
    zeros += BLOCK - packed;
    countPairs(packed, bins);
  }
  addOtherBins(bins);
  store<u32>(bins, load<u32>(bins) + zeros);
  countInexact(source, rest, inexactBins);
  for (; rest > 0; rest--, source += 4) increment(bins, upperHalf(source));
}

/**
 * Copies the upper halves of a block's elements that are not ±0 to `changed` in order, without their signs; returns how
 * many. Elements whose upper half alone is 0 count at once; so do those with lower bits, in `inexactBins`.
 */
function packChanged(source: usize, bins: usize, inexactBins: usize): i32 {
  const magnitude = i16x8.splat(0x7fff);
  const zero = i16x8.splat(0);
  let lower = zero;
  let to = changed;
  const end = source + (<usize>BLOCK << 2);
  for (let from = source; from < end; from += 32) {
    const low = v128.load(from);
    const high = v128.load(from, 16);
    const upper = i16x8.narrow_i32x4_u(i32x4.shr_u(low, 16), i32x4.shr_u(high, 16));
    const bare = v128.and(upper, magnitude);
    const isChanged = i16x8.gt_s(bare, zero);
    // Not i16x8.bitmask, which in V8 waits for the swizzle of the vector before.
    const lanes = i8x16.bitmask(i8x16.narrow_i16x8_s(isChanged, isChanged)) & 0xff;
    to = copyLanes(to, bare, lanes);
    lower = v128.or(lower, v128.or(low, high));
  }
  if (v128.any_true(v128.and(lower, i32x4.splat(0xffff)))) {
    countInexact(source, BLOCK, inexactBins);
  }
  return <i32>((to - changed) >> 1);
}

/** Upper halves of the elements of a block that are no bf16, and room as above. */
const inexact = memory.data(2080, 16);

/** Counts those of up to a block of f32 whose lower 16 bits are not 0: their upper halves are squeezed out first. */
export function countInexact(from: usize, count: i32, inexactBins: usize): void {
  let to = inexact;
  let rest = count;
  for (; rest >= 16; rest -= 16, from += 64) {
    const low = i16x8.narrow_i32x4_s(hasLowerBits(v128.load(from)), hasLowerBits(v128.load(from, 16)));
    const high = i16x8.narrow_i32x4_s(hasLowerBits(v128.load(from, 32)), hasLowerBits(v128.load(from, 48)));
    const lanes = i8x16.bitmask(i8x16.narrow_i16x8_s(low, high)) & 0xffff;
    // Where there are few, most vectors have none.
    if (!lanes) continue;
    to = copyLanes(to, upperHalves(from), lanes & 0xff);
    to = copyLanes(to, upperHalves(from + 32), lanes >>> 8);
  }
  for (let at = inexact; at != to; at += 2) increment(inexactBins, <i32>load<u16>(at));
  for (; rest > 0; rest--, from += 4) if (load<u16>(from)) increment(inexactBins, upperHalf(from));
}

/** All ones for those of four f32 whose lower 16 bits are not 0. */
function hasLowerBits(four: v128): v128 {
  return i32x4.ne(i32x4.shl(four, 16), i32x4.splat(0));
}

/** The upper half of a magnitude. */
function upperHalf(from: usize): i32 {
  return <i32>load<u16>(from, 2) & 0x7fff;
}

/** Comes before the first `countPairs` whose counts `addOtherBins` then moves. */
export function startPairs(): void {
  v128.store(highest, i16x8.splat(0));
  v128.store(lowest, i16x8.splat(0x7fff));
}

/** Counts the first `count` of the `changed` elements, every other one in `otherBins`. */
export function countPairs(count: i32, bins: usize): void {
  let largest = v128.load(highest);
  let smallest = v128.load(lowest);
  let from = changed;
  let rest = count;
  for (; rest >= 8; rest -= 8, from += 16) {
    const counted = v128.load(from);
    largest = i16x8.max_s(largest, counted);
    smallest = i16x8.min_s(smallest, counted);
    increment(bins, <i32>load<u16>(from));
    increment(otherBins, <i32>load<u16>(from, 2));
    increment(bins, <i32>load<u16>(from, 4));
    increment(otherBins, <i32>load<u16>(from, 6));
    increment(bins, <i32>load<u16>(from, 8));
    increment(otherBins, <i32>load<u16>(from, 10));
    increment(bins, <i32>load<u16>(from, 12));
    increment(otherBins, <i32>load<u16>(from, 14));
  }
  v128.store(highest, largest);
  v128.store(lowest, smallest);
  for (; rest > 0; rest--, from += 2) increment(bins, <i32>load<u16>(from));
}

/** Moves the counts in `otherBins` to `bins`. */
export function addOtherBins(bins: usize): void {
  let first: i32 = 0x7fff;
  let last: i32 = 0;
  for (let lane: usize = 0; lane < 16; lane += 2) {
    first = min(first, <i32>load<u16>(lowest + lane));
    last = max(last, <i32>load<u16>(highest + lane));
  }
  for (let bin = first & -4; bin <= last; bin += 4) {
    const at = <usize>bin << 2;
    v128.store(bins + at, i32x4.add(v128.load(bins + at), v128.load(otherBins + at)));
    v128.store(otherBins + at, i32x4.splat(0));
  }
}

/** Adds the elements whose bits(|x|) >>> 16 equals `bin` to `bins[bits & 0xffff]`. */
export function histogramLowBits(source: usize, count: i32, bin: i32, bins: usize): void {
  const upper = i32x4.splat(0x7fff0000);
  const wanted = i32x4.splat(bin << 16);
  let from = source;
  let rest = count;
  for (; rest >= 4; rest -= 4, from += 16) {
    let hits = i32x4.bitmask(i32x4.eq(v128.and(v128.load(from), upper), wanted));
    for (; hits; hits &= hits - 1) increment(bins, <i32>load<u16>(from + (<usize>ctz(hits) << 2)));
  }
  for (; rest > 0; rest--, from += 4) {
    const bits = load<i32>(from) & F32_MAGNITUDE;
    if (bits >> 16 == bin) increment(bins, bits & 0xffff);
  }
}
