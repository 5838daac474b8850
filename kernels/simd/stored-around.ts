/**
 * Where the differences between stored bf16 lie around a part of the bins of a histogram. Nearly all of them lie outside or
 * have the values at its ends, and to compare takes less than to count by value.
 */
import { F32_MAGNITUDE } from './format';
import { sumOfLanes } from './lane-sums';
import { increment } from './statistics';
import { differenceOfOne, widenEven, widenOdd } from './stored';

/** Lanes without their sign, in memory because engines make a vector constant anew at each use. */
const MAGNITUDE = memory.data<i32>([F32_MAGNITUDE], 16);

/** Magnitudes of eight elements: 0, 2, 4, 6, then those between. */
const magnitudes = memory.data(32, 16);

/** See kernels/abi-stored.ts. */
export function countAroundStored(
  source: usize, base: usize, count: i32, lowBin: i32, highBin: i32, counts: usize, bins: usize, inexactBins: usize,
): void {
  const whole = <usize>(count & -8) << 1;
  if (lowBin == highBin) compareWithOne(source, base, whole, highBin << 16, counts);
  else compareWithTwo(source, base, whole, lowBin << 16, highBin << 16, counts, bins, inexactBins);
  for (let at = whole; at < <usize>count << 1; at += 2) {
    const bits = reinterpret<i32>(differenceOfOne(source + at, base + at)) & F32_MAGNITUDE;
    if (bits == highBin << 16) increment(counts, 1);
    else if (lowBin == highBin ? bits > highBin << 16 : bits >> 16 > highBin) increment(counts, 0);
    else if (bits == lowBin << 16) increment(counts, 2);
    else if (bits > lowBin << 16) countInside(bits, bins, inexactBins);
  }
}

function countInside(bits: i32, bins: usize, inexactBins: usize): void {
  increment(bins, bits >> 16);
  if (bits & 0xffff) increment(inexactBins, bits >> 16);
}

function compareWithOne(source: usize, base: usize, end: usize, value: i32, counts: usize): void {
  const magnitude = v128.load32_splat(MAGNITUDE);
  const wanted = i32x4.splat(value);
  let above = i32x4.splat(0);
  let equal = above;
  for (let at: usize = 0; at < end; at += 16) {
    const values = v128.load(source + at);
    const origins = v128.load(base + at);
    const even = v128.and(f32x4.sub(widenEven(values), widenEven(origins)), magnitude);
    const odd = v128.and(f32x4.sub(widenOdd(values), widenOdd(origins)), magnitude);
    above = i32x4.sub(above, i32x4.add(i32x4.gt_s(even, wanted), i32x4.gt_s(odd, wanted)));
    equal = i32x4.sub(equal, i32x4.add(i32x4.eq(even, wanted), i32x4.eq(odd, wanted)));
  }
  addCount(counts, 0, above);
  addCount(counts, 1, equal);
}

function compareWithTwo(
  source: usize, base: usize, end: usize, low: i32, high: i32, counts: usize, bins: usize, inexactBins: usize,
): void {
  const magnitude = v128.load32_splat(MAGNITUDE);
  const lowest = i32x4.splat(low);
  const highest = i32x4.splat(high);
  const top = i32x4.splat(high | 0xffff);
  let above = i32x4.splat(0);
  let equalHigh = above;
  let equalLow = above;
  for (let at: usize = 0; at < end; at += 16) {
    const values = v128.load(source + at);
    const origins = v128.load(base + at);
    const even = v128.and(f32x4.sub(widenEven(values), widenEven(origins)), magnitude);
    const odd = v128.and(f32x4.sub(widenOdd(values), widenOdd(origins)), magnitude);
    const evenAbove = i32x4.gt_s(even, top);
    const oddAbove = i32x4.gt_s(odd, top);
    const evenHigh = i32x4.eq(even, highest);
    const oddHigh = i32x4.eq(odd, highest);
    above = i32x4.sub(above, i32x4.add(evenAbove, oddAbove));
    equalHigh = i32x4.sub(equalHigh, i32x4.add(evenHigh, oddHigh));
    equalLow = i32x4.sub(equalLow, i32x4.add(i32x4.eq(even, lowest), i32x4.eq(odd, lowest)));
    const evenInside = v128.andnot(i32x4.gt_s(even, lowest), v128.or(evenAbove, evenHigh));
    const oddInside = v128.andnot(i32x4.gt_s(odd, lowest), v128.or(oddAbove, oddHigh));
    // Of few vectors any element: see `likelyBins`.
    if (!v128.any_true(v128.or(evenInside, oddInside))) continue;
    v128.store(magnitudes, even);
    v128.store(magnitudes, odd, 16);
    for (let lanes = i32x4.bitmask(evenInside) | (i32x4.bitmask(oddInside) << 4); lanes; lanes &= lanes - 1) {
      countInside(load<i32>(magnitudes + (<usize>ctz(lanes) << 2)), bins, inexactBins);
    }
  }
  addCount(counts, 0, above);
  addCount(counts, 1, equalHigh);
  addCount(counts, 2, equalLow);
}

function addCount(counts: usize, index: i32, lanes: v128): void {
  const at = counts + (<usize>index << 2);
  store<u32>(at, load<u32>(at) + sumOfLanes(lanes));
}
