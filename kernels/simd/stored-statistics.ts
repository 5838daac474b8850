/** Histograms of the differences between stored bf16, most of which are equal to the base and are never subtracted. */
import { BF16_INFINITY, F32_MAGNITUDE } from './format';
import { countFrom16, reaches16 } from './nonfinite';
import { magnitudeOf, magnitudeOf16 } from './selection';
import { packingOrder16 } from './packing';
import { addOtherBins, BLOCK, changed, countInexact, countPairs, increment, startPairs } from './statistics';
import { differenceOfOne, differences, Stored, widenFour } from './stored';

/** A block's values that are not those of the base, and the base's there; room for the vector of the last store. */
const values = memory.data(2064, 16);
const origins = memory.data(2064, 16);
/** Their differences, f32. */
const gaps = memory.data(4128, 16);

/** See kernels/abi-stored.ts. */
export function histogramStoredBf16(source: usize, base: usize, count: i32, bins: usize, inexactBins: usize): void {
  let zeros: i32 = 0;
  let rest = count;
  startPairs();
  for (; rest >= BLOCK; rest -= BLOCK, source += <usize>BLOCK << 1, base += <usize>BLOCK << 1) {
    const packed = packUnequal(source, base);
    zeros += BLOCK - packed;
    subtractPacked(packed, inexactBins);
    countPairs(packed, bins);
  }
  addOtherBins(bins);
  store<u32>(bins, load<u32>(bins) + zeros);
  countOneByOne(source, base, rest, bins, inexactBins);
}

/** Copies what is not equal of a block to `values` and `origins`; returns how many. */
function packUnequal(source: usize, base: usize): i32 {
  let to: usize = 0;
  for (const end = source + (<usize>BLOCK << 1); source < end; source += 16, base += 16) {
    const value = v128.load(source);
    const origin = v128.load(base);
    const isEqual = i16x8.eq(value, origin);
    // Not i16x8.bitmask, which in V8 waits for the swizzle of the vector before.
    const lanes = ~i8x16.bitmask(i8x16.narrow_i16x8_s(isEqual, isEqual)) & 0xff;
    const packing = packingOrder16(lanes);
    v128.store(values + to, v128.swizzle(value, packing));
    v128.store(origins + to, v128.swizzle(origin, packing));
    to += <usize>popcnt(lanes) << 1;
  }
  // What the last vector has too much is no difference.
  v128.store(values + to, i16x8.splat(0));
  v128.store(origins + to, i16x8.splat(0));
  return <i32>(to >> 1);
}

/** Upper halves of the differences of what is packed to `changed`, without their signs. */
function subtractPacked(count: i32, inexactBins: usize): void {
  let lower = i32x4.splat(0);
  for (let at: usize = 0; at < <usize>count << 2; at += 32) {
    const low = differences<Stored>(values, at, widenFour(origins + (at >> 1)));
    const high = differences<Stored>(values, at + 16, widenFour(origins + (at >> 1) + 8));
    v128.store(gaps + at, low);
    v128.store(gaps + at, high, 16);
    lower = v128.or(lower, v128.or(low, high));
    const upper = i16x8.narrow_i32x4_u(i32x4.shr_u(low, 16), i32x4.shr_u(high, 16));
    v128.store(changed + (at >> 1), magnitudeOf16(upper));
  }
  if (!v128.any_true(v128.and(lower, i32x4.splat(0xffff)))) return;
  countInexact(gaps, count, inexactBins);
}

function countOneByOne(source: usize, base: usize, count: i32, bins: usize, inexactBins: usize): void {
  for (let at: usize = 0; at < <usize>count << 1; at += 2) {
    store<f32>(gaps, differenceOfOne(source + at, base + at));
    increment(bins, <i32>load<u16>(gaps, 2) & 0x7fff);
    countInexact(gaps, 1, inexactBins);
  }
}

/** See kernels/abi-stored.ts. */
export function countNonFiniteBf16(source: usize, count: i32): i32 {
  let largest = i16x8.splat(0);
  const whole = <usize>(count & -8) << 1;
  for (let at: usize = 0; at < whole; at += 16) largest = i16x8.max_s(largest, magnitudeOf16(v128.load(source + at)));
  const rest = countFrom16(source + whole, count & 7, BF16_INFINITY);
  return rest + (reaches16(largest, BF16_INFINITY) ? countFrom16(source, count & -8, BF16_INFINITY) : 0);
}

/** See kernels/abi-stored.ts. */
export function passTies(source: usize, base: usize, count: i32, threshold: i32, allowance: i32): i32 {
  if (allowance <= 0) return 0;
  const wanted = i32x4.splat(threshold);
  let ties: i32 = 0;
  let i: i32 = 0;
  for (; i + 4 <= count; i += 4) {
    const difference = differences<Stored>(source, <usize>i << 2, widenFour(base + (<usize>i << 1)));
    let lanes = i32x4.bitmask(i32x4.eq(magnitudeOf(difference), wanted));
    if (ties + popcnt(lanes) < allowance) {
      ties += popcnt(lanes);
      continue;
    }
    for (; ties + 1 < allowance; ties++) lanes &= lanes - 1;
    return i + ctz(lanes) + 1;
  }
  for (; i < count; i++) {
    const at = <usize>i << 1;
    const difference = differenceOfOne(source + at, base + at);
    if ((reinterpret<i32>(difference) & F32_MAGNITUDE) == threshold && ++ties == allowance) return i + 1;
  }
  return ~ties;
}
