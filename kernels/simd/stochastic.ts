/** Stochastic rounding. Which random bits an element gets depends on its flat index only. */
import {
  BF16_OVERFLOW, F16_INFINITY, F16_NAN, F16_SMALLEST_NORMAL, F16_OVERFLOW, F32_INFINITY, F32_MAGNITUDE,
} from './format';
import { finishBf16 } from './narrow';
import { countFrom16, reaches32 } from './nonfinite';
import { drawFour, STREAM_ROUND_BF16, STREAM_ROUND_F16 } from './philox';

/** Random words of one block, in the order of their elements. */
const words = memory.data(64, 16);

/** Elements that share a block for bf16: two of 16 bits to each of its 16 words. */
const BF16_GROUP: i32 = 32;
/** Elements that share a block for f16: one to each word. */
const F16_GROUP: i32 = 16;

/**
 * Four f32 to bf16 by adding 16 random bits below the result's last place, in the low halves of four lanes. The bits
 * are taken away where the sum would pass the largest finite value; what rounds to infinity to nearest gets it.
 */
function roundRandom(x: v128, random: v128): v128 {
  const bare = v128.and(x, i32x4.splat(F32_MAGNITUDE));
  const sign = v128.xor(x, bare);
  const largest = i32x4.splat(0x7f7fffff);
  const bounded = i32x4.min_s(i32x4.add(bare, random), largest);
  const overflows = i32x4.ge_s(bare, i32x4.splat(BF16_OVERFLOW));
  const rounded = v128.bitselect(i32x4.splat(F32_INFINITY), bounded, overflows);
  return i32x4.shr_u(v128.or(rounded, sign), 16);
}

/** Rounds elements `begin` … `end` (exclusive) of a group one by one; `from` and `to` are those of `begin`. */
function roundSomeBf16(from: usize, to: usize, begin: i32, end: i32): void {
  for (let k = begin; k < end; k++, from += 4, to += 2) {
    const random = i32x4.splat(<i32>load<u16>(words + (<usize>k << 1)));
    store<u16>(to, <u16>i32x4.extract_lane(roundRandom(v128.load32_splat(from), random), 0));
  }
}

function roundGroupBf16(from: usize, to: usize): void {
  for (let at: usize = 0; at < 64; at += 16, from += 32, to += 16) {
    const random = v128.load(words + at);
    const low = roundRandom(v128.load(from), i32x4.extend_low_i16x8_u(random));
    const high = roundRandom(v128.load(from, 16), i32x4.extend_high_i16x8_u(random));
    v128.store(to, i16x8.narrow_i32x4_u(low, high));
  }
}

/** Whether an f32 rounds to infinity as bf16 or is NaN or infinite already. */
function anyOverflows(source: usize, count: i32): bool {
  let maximum = i32x4.splat(0);
  let p = source;
  let rest = count;
  for (; rest >= 4; rest -= 4, p += 16) {
    maximum = i32x4.max_s(maximum, v128.and(v128.load(p), i32x4.splat(F32_MAGNITUDE)));
  }
  for (; rest > 0; rest--, p += 4) maximum = i32x4.max_s(maximum, i32x4.splat(load<i32>(p) & F32_MAGNITUDE));
  return reaches32(maximum, BF16_OVERFLOW);
}

export function narrowBf16Stochastic(
  source: usize, destination: usize, count: i32, keyLow: i32, keyHigh: i32, firstIndex: f64,
): i32 {
  const first = <u64>firstIndex;
  let group = first >> 5;
  let begin = <i32>(first & (BF16_GROUP - 1));
  let from = source;
  let to = destination;
  for (let rest = count; rest > 0; group++) {
    drawFour(words, group, STREAM_ROUND_BF16, keyLow, keyHigh);
    const end = min(begin + rest, BF16_GROUP);
    const taken = end - begin;
    if (taken == BF16_GROUP) roundGroupBf16(from, to);
    else roundSomeBf16(from, to, begin, end);
    rest -= taken;
    from += <usize>taken << 2;
    to += <usize>taken << 1;
    begin = 0;
  }
  return anyOverflows(source, count) ? finishBf16(source, destination, count) : 0;
}

/** One f32 (as bits) to f16 with 32 random bits. */
function roundRandomF16(bits: i32, random: u32): i32 {
  const bare = bits & F32_MAGNITUDE;
  if (bare > F32_INFINITY) return F16_NAN;
  const sign = (bits >>> 16) & 0x8000;
  if (bare >= F16_OVERFLOW) return sign | F16_INFINITY;
  // The exponent of the last place of the result: 10 below that of x, but never below -24.
  const exponent = max((max(bare, F16_SMALLEST_NORMAL) >> 23) - 127 - 10, -24);
  const quotient = <f64>reinterpret<f32>(bare) * reinterpret<f64>(<u64>(1023 - exponent) << 52);
  const lower = Math.floor(quotient);
  const up = <f64>random < (quotient - lower) * 4294967296.0;
  // Units of 2^-24 · 2^(steps): a mantissa of 1024 … 2047 above the exponents before it; 2048 carries into the next.
  const magnitude = ((exponent + 24) << 10) + <i32>lower + i32(up);
  return sign | min(magnitude, F16_INFINITY - 1);
}

export function narrowF16Stochastic(
  source: usize, destination: usize, count: i32, keyLow: i32, keyHigh: i32, firstIndex: f64,
): i32 {
  const first = <u64>firstIndex;
  let group = first >> 4;
  let begin = <i32>(first & (F16_GROUP - 1));
  let from = source;
  let to = destination;
  for (let rest = count; rest > 0; group++) {
    drawFour(words, group, STREAM_ROUND_F16, keyLow, keyHigh);
    const end = min(begin + rest, F16_GROUP);
    rest -= end - begin;
    for (let k = begin; k < end; k++, from += 4, to += 2) {
      // Element k has counter k >> 2 of the block and word k & 3 of it.
      const random = load<u32>(words + <usize>(((k & 3) << 4) | (k & ~3)));
      store<u16>(to, <u16>roundRandomF16(load<i32>(from), random));
    }
    begin = 0;
  }
  return countFrom16(destination, count, F16_INFINITY);
}
