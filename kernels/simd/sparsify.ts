/** Keep or drop: dropped elements become +0, kept ones are copied bit for bit. `destination` may be the source. */
import { F32_MAGNITUDE } from './format';
import { BLOCK_BYTES, drawFour, drawOne, STREAM_MASK, STREAM_MASK_REST } from './philox';

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

/** Elements that share the four counters of one block of random words: 16 words of 4 bytes. */
const MASK_GROUP: i32 = 64;

/** One byte per element of a group: 255 keeps, 0 drops. */
const mask = memory.data(64, 16);

/** Draws the mask of group `group`. The words of a block are, read as bytes, the digits of its elements in order. */
function drawMask(group: u64, density: v128, densityRest: u32, keyLow: i32, keyHigh: i32): void {
  drawFour(mask, group, STREAM_MASK, keyLow, keyHigh);
  for (let at: usize = 0; at < BLOCK_BYTES; at += 16) {
    const digits = v128.load(mask + at);
    v128.store(mask + at, i8x16.lt_u(digits, density));
    // One digit in 256 is undecided and needs 32 more bits.
    let undecided = i8x16.bitmask(i8x16.eq(digits, density));
    for (; undecided; undecided &= undecided - 1) {
      const k = at + <usize>ctz(undecided);
      const rest = drawOne((group << 6) + <u64>k, STREAM_MASK_REST, keyLow, keyHigh);
      store<u8>(mask + k, rest < densityRest ? 255 : 0);
    }
  }
}

/** Copies elements `begin` … `end` (exclusive) of a group through its mask; `from` and `to` are those of `begin`. */
function maskSome(from: usize, to: usize, begin: i32, end: i32): void {
  for (let k = begin; k < end; k++, from += 4, to += 4) {
    store<i32>(to, load<i32>(from) & <i32>load<i8>(mask + <usize>k));
  }
}

/** Copies a whole group through its mask. */
function maskGroup(from: usize, to: usize): void {
  for (let at: usize = 0; at < BLOCK_BYTES; at += 16, from += 64, to += 64) {
    const keeps = v128.load(mask + at);
    const low = i16x8.extend_low_i8x16_s(keeps);
    const high = i16x8.extend_high_i8x16_s(keeps);
    v128.store(to, v128.and(v128.load(from), i32x4.extend_low_i16x8_s(low)));
    v128.store(to, v128.and(v128.load(from, 16), i32x4.extend_high_i16x8_s(low)), 16);
    v128.store(to, v128.and(v128.load(from, 32), i32x4.extend_low_i16x8_s(high)), 32);
    v128.store(to, v128.and(v128.load(from, 48), i32x4.extend_high_i16x8_s(high)), 48);
  }
}

export function keepRandom(
  source: usize, destination: usize, count: i32, densityByte: i32, densityRest: u32,
  keyLow: i32, keyHigh: i32, firstIndex: f64,
): void {
  const density = i8x16.splat(<i8>densityByte);
  const first = <u64>firstIndex;
  let group = first >> 6;
  let begin = <i32>(first & (MASK_GROUP - 1));
  let from = source;
  let to = destination;
  for (let rest = count; rest > 0; group++) {
    drawMask(group, density, densityRest, keyLow, keyHigh);
    const end = min(begin + rest, MASK_GROUP);
    if (end - begin == MASK_GROUP) maskGroup(from, to);
    else maskSome(from, to, begin, end);
    const taken = end - begin;
    rest -= taken;
    from += <usize>taken << 2;
    to += <usize>taken << 2;
    begin = 0;
  }
}
