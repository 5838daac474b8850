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

/** Elements that share one block of random words: 16 words of 4 bytes. */
const MASK_GROUP: i32 = 64;

/** The random words of the current group; read as bytes, they are the digits of its elements in order. */
const digits = memory.data(64, 16);

/** Whether 32 more random bits keep the element at flat index `index`, whose digit is that of the density. */
function tieIsKept(index: u64, densityRest: u32, keyLow: i32, keyHigh: i32): bool {
  return drawOne(index, STREAM_MASK_REST, keyLow, keyHigh) < densityRest;
}

/** Copies what digits up to `densityByte` keep of a whole group; returns which elements have that very digit. */
function maskGroup(from: usize, to: usize, densityByte: i32): u64 {
  const density = i8x16.splat(<i8>densityByte);
  let ties: u64 = 0;
  for (let at: usize = 0; at < BLOCK_BYTES; at += 16, from += 64, to += 64) {
    const drawn = v128.load(digits + at);
    const keeps = i8x16.le_u(drawn, density);
    const low = i16x8.extend_low_i8x16_s(keeps);
    const high = i16x8.extend_high_i8x16_s(keeps);
    v128.store(to, v128.and(v128.load(from), i32x4.extend_low_i16x8_s(low)));
    v128.store(to, v128.and(v128.load(from, 16), i32x4.extend_high_i16x8_s(low)), 16);
    v128.store(to, v128.and(v128.load(from, 32), i32x4.extend_low_i16x8_s(high)), 32);
    v128.store(to, v128.and(v128.load(from, 48), i32x4.extend_high_i16x8_s(high)), 48);
    ties |= <u64>i8x16.bitmask(i8x16.eq(drawn, density)) << <u64>at;
  }
  return ties;
}

export function keepRandom(
  source: usize, destination: usize, count: i32, densityByte: i32, densityRest: u32,
  keyLow: i32, keyHigh: i32, firstIndex: f64,
): void {
  let index = <u64>firstIndex;
  let from = source;
  let to = destination;
  for (let rest = count; rest > 0; ) {
    const begin = <i32>(index & (MASK_GROUP - 1));
    const taken = min(rest, MASK_GROUP - begin);
    drawFour(digits, index >> 6, STREAM_MASK, keyLow, keyHigh);
    if (taken == MASK_GROUP) {
      // One digit in 256 is a tie: kept so far, so that its value is still there when source and destination are one.
      for (let ties = maskGroup(from, to, densityByte); ties; ties &= ties - 1) {
        const k = ctz(ties);
        if (!tieIsKept(index + k, densityRest, keyLow, keyHigh)) store<i32>(to + (<usize>k << 2), 0);
      }
    } else {
      for (let k = 0; k < taken; k++) {
        const digit = <i32>load<u8>(digits + <usize>(begin + k));
        const keeps = digit == densityByte ? tieIsKept(index + k, densityRest, keyLow, keyHigh) : digit < densityByte;
        store<i32>(to + (<usize>k << 2), keeps ? load<i32>(from + (<usize>k << 2)) : 0);
      }
    }
    rest -= taken;
    index += taken;
    from += <usize>taken << 2;
    to += <usize>taken << 2;
  }
}
