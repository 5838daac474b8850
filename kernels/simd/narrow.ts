/** f32 to stored values, round to nearest even; NaN becomes the positive quiet NaN of the format. */
import {
  BF16_INFINITY, BF16_NAN, BF16_OVERFLOW, F16_INFINITY, F16_NAN, F16_SMALLEST_NORMAL, F32_INFINITY, F32_MAGNITUDE,
  F32_NAN,
} from './format';
import { countFrom16, countFrom32, reaches32 } from './nonfinite';

/** In memory, since engines make a vector constant anew at each use: the last bit that stays, and half of it less one. */
const ROUNDING = memory.data<i32>([1, 1, 1, 1, 0x7fff, 0x7fff, 0x7fff, 0x7fff], 16);

/** Four f32 rounded to bf16, in the low halves of four lanes. NaN comes out wrong. */
export function roundBf16(x: v128): v128 {
  return i32x4.shr_u(roundInPlace(x), 16);
}

/** Four f32 rounded to bf16, in the high halves of four lanes, above bits that mean nothing. NaN comes out wrong. */
export function roundInPlace(x: v128): v128 {
  const odd = v128.and(i32x4.shr_u(x, 16), v128.load(ROUNDING));
  return i32x4.add(i32x4.add(x, v128.load(ROUNDING, 16)), odd);
}

/** Eight f32 rounded to bf16, of which `even` and `odd` hold every other one. NaN comes out wrong. */
export function roundPairsBf16(even: v128, odd: v128): v128 {
  return interleaveHalves(roundBf16(even), roundInPlace(odd));
}

/** The low halves of four lanes, each followed by the high half of the same lane of `odd`. */
export function interleaveHalves(even: v128, odd: v128): v128 {
  return v128.shuffle<i16>(even, odd, 0, 9, 2, 11, 4, 13, 6, 15);
}

/** Writes NaN where the source is NaN, and counts the NaN and infinities written. The rare second pass. */
function finish(source: usize, destination: usize, count: i32): i32 {
  for (let i: i32 = 0; i < count; i++) {
    const x = load<i32>(source + (<usize>i << 2)) & F32_MAGNITUDE;
    if (x > F32_INFINITY) store<u16>(destination + (<usize>i << 1), <u16>BF16_NAN);
  }
  return countFrom16(destination, count, BF16_INFINITY);
}

/**
 * The loop ignores NaN (whose bits may round to anything) and keeps the largest magnitude; when that is one that rounds
 * to infinity or beyond, a second pass over the same elements repairs and counts.
 */
export function narrowBf16(source: usize, destination: usize, count: i32): i32 {
  const magnitude = i32x4.splat(F32_MAGNITUDE);
  let maximumA = i32x4.splat(0);
  let maximumB = maximumA;
  let from = source;
  let to = destination;
  let rest = count;
  for (; rest >= 16; rest -= 16, from += 64, to += 32) {
    const a = v128.load(from);
    const b = v128.load(from, 16);
    const c = v128.load(from, 32);
    const d = v128.load(from, 48);
    v128.store(to, i16x8.narrow_i32x4_u(roundBf16(a), roundBf16(b)));
    v128.store(to, i16x8.narrow_i32x4_u(roundBf16(c), roundBf16(d)), 16);
    maximumA = i32x4.max_s(maximumA, v128.and(a, magnitude));
    maximumB = i32x4.max_s(maximumB, v128.and(b, magnitude));
    maximumA = i32x4.max_s(maximumA, v128.and(c, magnitude));
    maximumB = i32x4.max_s(maximumB, v128.and(d, magnitude));
  }
  for (; rest > 0; rest--, from += 4, to += 2) {
    const x = v128.load32_splat(from);
    store<u16>(to, <u16>i32x4.extract_lane(roundBf16(x), 0));
    maximumA = i32x4.max_s(maximumA, v128.and(x, magnitude));
  }
  const overflows = reaches32(i32x4.max_s(maximumA, maximumB), BF16_OVERFLOW);
  return overflows ? finish(source, destination, count) : 0;
}

/**
 * Four f32 rounded to f16, in the low halves of four lanes. Normal results round by an integer addition to the bits;
 * subnormal ones by adding 0.5, whose last mantissa bit is worth one unit of an f16 subnormal (2^-24).
 */
function roundF16(x: v128): v128 {
  const magnitude = v128.and(x, i32x4.splat(F32_MAGNITUDE));
  const half = i32x4.splat(126 << 23);
  const subnormal = i32x4.sub(f32x4.add(magnitude, half), half);
  const odd = v128.and(i32x4.shr_u(magnitude, 13), i32x4.splat(1));
  const rebiased = i32x4.sub(magnitude, i32x4.splat(((127 - 15) << 23) - 0xfff));
  const normal = i32x4.shr_u(i32x4.add(rebiased, odd), 13);
  const finite = v128.bitselect(subnormal, normal, i32x4.lt_s(magnitude, i32x4.splat(F16_SMALLEST_NORMAL)));
  // Everything that rounds to 2^16 or beyond is infinity, so the minimum needs no comparison with the overflow limit.
  const bounded = i32x4.min_s(finite, i32x4.splat(F16_INFINITY));
  const isNan = i32x4.gt_s(magnitude, i32x4.splat(F32_INFINITY));
  const sign = v128.andnot(i32x4.shr_u(v128.xor(x, magnitude), 16), isNan);
  return v128.or(v128.bitselect(i32x4.splat(F16_NAN), bounded, isNan), sign);
}

export function narrowF16(source: usize, destination: usize, count: i32): i32 {
  const magnitude = i16x8.splat(0x7fff);
  let found: i32 = 0;
  let from = source;
  let to = destination;
  let rest = count;
  for (; rest >= 8; rest -= 8, from += 32, to += 16) {
    const halves = i16x8.narrow_i32x4_u(roundF16(v128.load(from)), roundF16(v128.load(from, 16)));
    v128.store(to, halves);
    found += popcnt(i16x8.bitmask(i16x8.ge_s(v128.and(halves, magnitude), i16x8.splat(<i16>F16_INFINITY))));
  }
  for (; rest > 0; rest--, from += 4, to += 2) {
    const half = i32x4.extract_lane(roundF16(v128.load32_splat(from)), 0);
    store<u16>(to, <u16>half);
    found += i32((half & 0x7fff) >= F16_INFINITY);
  }
  return found;
}

export function narrowF32(source: usize, destination: usize, count: i32): i32 {
  const nan = i32x4.splat(F32_NAN);
  const magnitude = i32x4.splat(F32_MAGNITUDE);
  let maximum = i32x4.splat(0);
  let from = source;
  let to = destination;
  let rest = count;
  for (; rest >= 4; rest -= 4, from += 16, to += 16) {
    const x = v128.load(from);
    v128.store(to, v128.bitselect(x, nan, f32x4.eq(x, x)));
    maximum = i32x4.max_s(maximum, v128.and(x, magnitude));
  }
  for (; rest > 0; rest--, from += 4, to += 4) {
    const bits = load<i32>(from);
    const bare = bits & F32_MAGNITUDE;
    store<i32>(to, bare > F32_INFINITY ? F32_NAN : bits);
    maximum = i32x4.max_s(maximum, i32x4.splat(bare));
  }
  return reaches32(maximum, F32_INFINITY) ? countFrom32(destination, count, F32_INFINITY) : 0;
}
