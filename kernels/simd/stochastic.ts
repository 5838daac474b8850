/** Stochastic rounding. Which random bits an element gets depends on its flat index only. */
import {
  BF16_INFINITY, BF16_NAN, BF16_OVERFLOW, F16_INFINITY, F16_NAN, F16_OVERFLOW, F16_SMALLEST_NORMAL, F32_INFINITY,
  F32_MAGNITUDE,
} from './format';
import { countFrom16, reaches32 } from './nonfinite';
import { DRAW_BYTES, drawEight, STREAM_ROUND_BF16, STREAM_ROUND_F16, useKey } from './philox';

/** Random words of one draw, in the order of their elements for bf16. */
const words = memory.data(128, 16);

/** Elements that share a draw for bf16: two of 16 bits to each of its 32 words. */
const BF16_GROUP: i32 = 64;
/** Elements that share a draw for f16: one to each word. */
const F16_GROUP: i32 = 32;

/** From here on, bits of f32 magnitudes may round to infinity. */
const BF16_LARGEST: i32 = 0x7f7f0000;

/** Four f32 plus 16 random bits below the result's last place, in the low halves of four lanes; see `finish`. */
function roundRandom(x: v128, random: v128): v128 {
  return i32x4.shr_u(i32x4.add(x, random), 16);
}

/** Rounds a whole group; returns the larger of `maximum` and its magnitudes, lane by lane. */
function roundGroup(from: usize, to: usize, maximum: v128): v128 {
  const magnitude = i32x4.splat(F32_MAGNITUDE);
  for (let at: usize = 0; at < DRAW_BYTES; at += 16, from += 32, to += 16) {
    const random = v128.load(words + at);
    const low = v128.load(from);
    const high = v128.load(from, 16);
    const roundedLow = roundRandom(low, i32x4.extend_low_i16x8_u(random));
    const roundedHigh = roundRandom(high, i32x4.extend_high_i16x8_u(random));
    v128.store(to, i16x8.narrow_i32x4_u(roundedLow, roundedHigh));
    maximum = i32x4.max_s(maximum, v128.and(low, magnitude));
    maximum = i32x4.max_s(maximum, v128.and(high, magnitude));
  }
  return maximum;
}

/**
 * Repairs what the addition gets wrong at the end of the range: NaN, values that round to infinity to nearest and must
 * do so, and values that must not. Returns how many NaN and infinities are written. The rare second pass.
 */
function finish(source: usize, destination: usize, count: i32): i32 {
  for (let i: i32 = 0; i < count; i++) {
    const bits = load<i32>(source + (<usize>i << 2));
    const bare = bits & F32_MAGNITUDE;
    if (bare < BF16_LARGEST) continue;
    const rounded = bare >= BF16_OVERFLOW ? BF16_INFINITY : BF16_INFINITY - 1;
    const stored = bare > F32_INFINITY ? BF16_NAN : ((bits >>> 16) & 0x8000) | rounded;
    store<u16>(destination + (<usize>i << 1), <u16>stored);
  }
  return countFrom16(destination, count, BF16_INFINITY);
}

export function narrowBf16Stochastic(
  source: usize, destination: usize, count: i32, keyLow: i32, keyHigh: i32, firstIndex: f64,
): i32 {
  useKey(keyLow, keyHigh);
  let index = <u64>firstIndex;
  let from = source;
  let to = destination;
  let maximum = i32x4.splat(0);
  for (let rest = count; rest > 0; ) {
    const begin = <i32>(index & (BF16_GROUP - 1));
    const taken = min(rest, BF16_GROUP - begin);
    drawEight(words, index >> 6, STREAM_ROUND_BF16);
    if (taken == BF16_GROUP) {
      maximum = roundGroup(from, to, maximum);
    } else {
      for (let k = 0; k < taken; k++) {
        const bits = load<i32>(from + (<usize>k << 2));
        const random = <i32>load<u16>(words + (<usize>(begin + k) << 1));
        store<u16>(to + (<usize>k << 1), <u16>((bits + random) >>> 16));
        maximum = i32x4.max_s(maximum, i32x4.splat(bits & F32_MAGNITUDE));
      }
    }
    rest -= taken;
    index += taken;
    from += <usize>taken << 2;
    to += <usize>taken << 1;
  }
  return reaches32(maximum, BF16_LARGEST) ? finish(source, destination, count) : 0;
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
  // A normal number has 1024 … 2047 units; its exponent field adds to them, and 2048 units carry into the next.
  const magnitude = ((exponent + 24) << 10) + <i32>lower + i32(up);
  return sign | min(magnitude, F16_INFINITY - 1);
}

export function narrowF16Stochastic(
  source: usize, destination: usize, count: i32, keyLow: i32, keyHigh: i32, firstIndex: f64,
): i32 {
  useKey(keyLow, keyHigh);
  let index = <u64>firstIndex;
  let from = source;
  let to = destination;
  for (let rest = count; rest > 0; ) {
    const begin = <i32>(index & (F16_GROUP - 1));
    const end = min(begin + rest, F16_GROUP);
    drawEight(words, index >> 5, STREAM_ROUND_F16);
    for (let k = begin; k < end; k++, from += 4, to += 2) {
      // Element k has counter (k >> 2) & 3 of block k >> 4, and word k & 3 of it.
      const random = load<u32>(words + <usize>(((k & 16) << 2) | ((k & 3) << 4) | (k & 12)));
      store<u16>(to, <u16>roundRandomF16(load<i32>(from), random));
    }
    rest -= end - begin;
    index += end - begin;
  }
  return countFrom16(destination, count, F16_INFINITY);
}
