/** Keep or drop: dropped elements become +0, kept ones are copied bit for bit. `destination` may be the source. */
import { BITS } from './bits';
import { F32_MAGNITUDE } from './format';

/**
 * Keeps magnitudes above `threshold` and the first `allowance` (0 … count) of those equal to it; returns how many are
 * equal. Order matters only while the allowance lies between "none" and "all that may still come"; from there on, and
 * from the start in the usual case, one comparison decides.
 */
export function keepLargest(source: usize, destination: usize, count: i32, threshold: i32, allowance: i32): i32 {
  const magnitude = i32x4.splat(F32_MAGNITUDE);
  const thresholds = i32x4.splat(threshold);
  let found: i32 = 0;
  let remaining = allowance;
  let from = source;
  let to = destination;
  let rest = count;
  for (; rest >= 4 && remaining > 0 && remaining < rest; rest -= 4, from += 16, to += 16) {
    const x = v128.load(from);
    const bare = v128.and(x, magnitude);
    const equals = popcnt(i32x4.bitmask(i32x4.eq(bare, thresholds)));
    if (equals > remaining) break;
    v128.store(to, v128.and(x, i32x4.ge_s(bare, thresholds)));
    found += equals;
    remaining -= equals;
  }
  // The last allowed element within its vector, or the end of the range.
  for (; rest > 0 && remaining > 0 && remaining < rest; rest--, from += 4, to += 4) {
    const x = load<i32>(from);
    const bare = x & F32_MAGNITUDE;
    const equal = i32(bare == threshold);
    store<i32>(to, bare >= threshold ? x : 0);
    found += equal;
    remaining -= equal;
  }
  return found + keepAbove(from, to, rest, remaining > 0 ? threshold - 1 : threshold, threshold);
}

/** Keeps magnitudes > `limit`; returns how many equal `threshold`. */
function keepAbove(from: usize, to: usize, count: i32, limit: i32, threshold: i32): i32 {
  const magnitude = i32x4.splat(F32_MAGNITUDE);
  const limits = i32x4.splat(limit);
  const thresholds = i32x4.splat(threshold);
  let equals = i32x4.splat(0);
  let rest = count;
  for (; rest >= 8; rest -= 8, from += 32, to += 32) {
    const low = v128.load(from);
    const high = v128.load(from, 16);
    const bareLow = v128.and(low, magnitude);
    const bareHigh = v128.and(high, magnitude);
    v128.store(to, v128.and(low, i32x4.gt_s(bareLow, limits)));
    v128.store(to, v128.and(high, i32x4.gt_s(bareHigh, limits)), 16);
    // A true comparison is −1 in each lane.
    equals = i32x4.sub(equals, i32x4.eq(bareLow, thresholds));
    equals = i32x4.sub(equals, i32x4.eq(bareHigh, thresholds));
  }
  let found = i32x4.extract_lane(equals, 0) + i32x4.extract_lane(equals, 1);
  found += i32x4.extract_lane(equals, 2) + i32x4.extract_lane(equals, 3);
  for (; rest > 0; rest--, from += 4, to += 4) {
    const x = load<i32>(from);
    const bare = x & F32_MAGNITUDE;
    store<i32>(to, bare > limit ? x : 0);
    found += i32(bare == threshold);
  }
  return found;
}

/** Keeps magnitudes from `low` on that are below `high`. */
export function keepBetween(source: usize, low: u32, high: u32, destination: usize, count: i32): void {
  const magnitude = i32x4.splat(F32_MAGNITUDE);
  const least = i32x4.splat(low);
  const limit = i32x4.splat(high);
  let from = source;
  let to = destination;
  let rest = count;
  for (; rest >= 4; rest -= 4, from += 16, to += 16) {
    const x = v128.load(from);
    const bare = v128.and(x, magnitude);
    v128.store(to, v128.and(x, v128.andnot(i32x4.ge_u(bare, least), i32x4.ge_u(bare, limit))));
  }
  for (; rest > 0; rest--, from += 4, to += 4) {
    const x = load<u32>(from);
    const bare = x & F32_MAGNITUDE;
    store<u32>(to, bare >= low && bare < high ? x : 0);
  }
}

/** Keeps the elements whose bit of `mask` is set. */
export function keepMasked(source: usize, mask: usize, destination: usize, count: i32): void {
  const lowBits = v128.load(BITS);
  const highBits = v128.load(BITS, 16);
  let from = source;
  let to = destination;
  let rest = count;
  for (; rest >= 8; rest -= 8, from += 32, to += 32, mask++) {
    const bits = v128.load8_splat(mask);
    v128.store(to, v128.and(v128.load(from), i32x4.eq(v128.and(bits, lowBits), lowBits)));
    v128.store(to, v128.and(v128.load(from, 16), i32x4.eq(v128.and(bits, highBits), highBits)), 16);
  }
  for (let bit = 0; bit < rest; bit++, from += 4, to += 4) {
    store<i32>(to, load<i32>(from) & -((load<u8>(mask) >> bit) & 1));
  }
}
