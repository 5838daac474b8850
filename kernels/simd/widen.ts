/**
 * Stored values to f32. Slots as in kernels/abi.ts: `source` and `destination` are byte offsets, multiples of 16.
 *
 * All loops are alike: whole vectors first, keeping the largest magnitude seen (two instructions for eight elements),
 * then single elements, then a count of NaN and infinities only when the largest magnitude says that there are any.
 */
import { BF16_INFINITY, F16_INFINITY, F16_SMALLEST_NORMAL, F32_INFINITY, F32_MAGNITUDE, F32_NAN } from './format';
import { countFrom16, countFrom32, reaches16, reaches32 } from './nonfinite';

export function widenBf16(source: usize, destination: usize, count: i32): i32 {
  const zero = i32x4.splat(0);
  const magnitude = i16x8.splat(0x7fff);
  let maximum = zero;
  let from = source;
  let to = destination;
  let rest = count;
  for (; rest >= 16; rest -= 16, from += 32, to += 64) {
    const low = v128.load(from);
    const high = v128.load(from, 16);
    v128.store(to, v128.shuffle<i16>(zero, low, 0, 8, 1, 9, 2, 10, 3, 11));
    v128.store(to, v128.shuffle<i16>(zero, low, 4, 12, 5, 13, 6, 14, 7, 15), 16);
    v128.store(to, v128.shuffle<i16>(zero, high, 0, 8, 1, 9, 2, 10, 3, 11), 32);
    v128.store(to, v128.shuffle<i16>(zero, high, 4, 12, 5, 13, 6, 14, 7, 15), 48);
    maximum = i16x8.max_s(maximum, v128.and(low, magnitude));
    maximum = i16x8.max_s(maximum, v128.and(high, magnitude));
  }
  for (; rest > 0; rest--, from += 2, to += 4) {
    const bits = <i32>load<u16>(from);
    store<i32>(to, bits << 16);
    maximum = i16x8.max_s(maximum, i16x8.splat(<i16>(bits & 0x7fff)));
  }
  return reaches16(maximum, BF16_INFINITY) ? countFrom16(source, count, BF16_INFINITY) : 0;
}

/**
 * Four f16 in the low halves of four 32-bit lanes to f32. Exponent and mantissa move up by 13 bits and the exponent
 * bias is corrected by an addition; subnormals get one bias more and lose it again in a float subtraction, which
 * normalises them without touching f32 subnormals.
 */
function widenHalves(halves: v128): v128 {
  const shifted = i32x4.shl(v128.and(halves, i32x4.splat(0x7fff)), 13);
  const exponent = v128.and(shifted, i32x4.splat(F16_INFINITY << 13));
  const rebiased = i32x4.add(shifted, i32x4.splat((127 - 15) << 23));
  const subnormal = f32x4.sub(
    i32x4.add(rebiased, i32x4.splat(1 << 23)),
    i32x4.splat(F16_SMALLEST_NORMAL),
  );
  const nonFinite = i32x4.add(rebiased, i32x4.splat((128 - 16) << 23));
  const isSubnormal = i32x4.eq(exponent, i32x4.splat(0));
  const isNonFinite = i32x4.eq(exponent, i32x4.splat(F16_INFINITY << 13));
  const value = v128.bitselect(nonFinite, v128.bitselect(subnormal, rebiased, isSubnormal), isNonFinite);
  const sign = i32x4.shl(v128.and(halves, i32x4.splat(0x8000)), 16);
  return v128.or(value, sign);
}

export function widenF16(source: usize, destination: usize, count: i32): i32 {
  const magnitude = i16x8.splat(0x7fff);
  let maximum = i32x4.splat(0);
  let from = source;
  let to = destination;
  let rest = count;
  for (; rest >= 8; rest -= 8, from += 16, to += 32) {
    const halves = v128.load(from);
    v128.store(to, widenHalves(i32x4.extend_low_i16x8_u(halves)));
    v128.store(to, widenHalves(i32x4.extend_high_i16x8_u(halves)), 16);
    maximum = i16x8.max_s(maximum, v128.and(halves, magnitude));
  }
  for (; rest > 0; rest--, from += 2, to += 4) {
    const bits = <i32>load<u16>(from);
    store<i32>(to, i32x4.extract_lane(widenHalves(i32x4.splat(bits)), 0));
    maximum = i16x8.max_s(maximum, i16x8.splat(<i16>(bits & 0x7fff)));
  }
  return reaches16(maximum, F16_INFINITY) ? countFrom16(source, count, F16_INFINITY) : 0;
}

export function widenF32(source: usize, destination: usize, count: i32): i32 {
  const magnitude = i32x4.splat(F32_MAGNITUDE);
  let maximum = i32x4.splat(0);
  let from = source;
  let to = destination;
  let rest = count;
  for (; rest >= 8; rest -= 8, from += 32, to += 32) {
    const low = v128.load(from);
    const high = v128.load(from, 16);
    v128.store(to, low);
    v128.store(to, high, 16);
    maximum = i32x4.max_s(maximum, v128.and(low, magnitude));
    maximum = i32x4.max_s(maximum, v128.and(high, magnitude));
  }
  for (; rest > 0; rest--, from += 4, to += 4) {
    const bits = load<i32>(from);
    store<i32>(to, bits);
    maximum = i32x4.max_s(maximum, i32x4.splat(bits & F32_MAGNITUDE));
  }
  // The destination holds the same bits and, unlike a source that is copied in place, is always intact.
  return reaches32(maximum, F32_INFINITY) ? countFrom32(destination, count, F32_INFINITY) : 0;
}

/** NaN becomes 0x7FC00000: WebAssembly leaves the payload of a demoted NaN open, so none is kept. */
export function widenF64(source: usize, destination: usize, count: i32): i32 {
  const infinity = f64x2.splat(Infinity);
  let finite = i64x2.splat(-1);
  let from = source;
  let to = destination;
  let rest = count;
  for (; rest >= 4; rest -= 4, from += 32, to += 16) {
    const low = v128.load(from);
    const high = v128.load(from, 16);
    v128.store(to, v128.shuffle<i64>(f32x4.demote_f64x2_zero(low), f32x4.demote_f64x2_zero(high), 0, 2));
    finite = v128.and(finite, f64x2.lt(f64x2.abs(low), infinity));
    finite = v128.and(finite, f64x2.lt(f64x2.abs(high), infinity));
  }
  for (; rest > 0; rest--, from += 8, to += 4) {
    const value = v128.load64_splat(from);
    store<f32>(to, f32x4.extract_lane(f32x4.demote_f64x2_zero(value), 0));
    finite = v128.and(finite, f64x2.lt(f64x2.abs(value), infinity));
  }
  return i64x2.all_true(finite) ? 0 : finishF64(source, destination, count);
}

/** Replaces what NaN became, and counts NaN and infinities of the source. The rare second pass. */
function finishF64(source: usize, destination: usize, count: i32): i32 {
  let found: i32 = 0;
  for (let i: i32 = 0; i < count; i++) {
    const value = load<f64>(source + (<usize>i << 3));
    if (value != value) store<i32>(destination + (<usize>i << 2), F32_NAN);
    found += i32(!isFinite(value));
  }
  return found;
}

/** E5M2 is the upper byte of an f16. */
export function widenF8E5M2(source: usize, destination: usize, count: i32): i32 {
  let found: i32 = 0;
  let from = source;
  let to = destination;
  let rest = count;
  for (; rest >= 8; rest -= 8, from += 8, to += 32) {
    const halves = i16x8.shl(v128.load8x8_u(from), 8);
    v128.store(to, widenHalves(i32x4.extend_low_i16x8_u(halves)));
    v128.store(to, widenHalves(i32x4.extend_high_i16x8_u(halves)), 16);
    const magnitude = v128.and(halves, i16x8.splat(0x7fff));
    found += popcnt(i16x8.bitmask(i16x8.ge_s(magnitude, i16x8.splat(<i16>F16_INFINITY))));
  }
  for (; rest > 0; rest--, from++, to += 4) {
    const bits = <i32>load<u8>(from);
    store<i32>(to, i32x4.extract_lane(widenHalves(i32x4.splat(bits << 8)), 0));
    found += i32((bits & 0x7f) >= 0x7c);
  }
  return found;
}

/**
 * Four E4M3 in the low bytes of four 32-bit lanes to f32: placed in an f16 by exponent and mantissa they are 2^8 too
 * small (bias 7 against 15), and their one NaN, 0x7F, looks like a number.
 */
function widenE4M3(bytes: v128): v128 {
  const low = v128.and(bytes, i32x4.splat(0x7f));
  const scaled = f32x4.mul(widenHalves(i32x4.shl(low, 7)), f32x4.splat(256));
  const value = v128.bitselect(i32x4.splat(F32_NAN), scaled, i32x4.eq(low, i32x4.splat(0x7f)));
  return v128.or(value, i32x4.shl(v128.and(bytes, i32x4.splat(0x80)), 24));
}

export function widenF8E4M3(source: usize, destination: usize, count: i32): i32 {
  let found: i32 = 0;
  let from = source;
  let to = destination;
  let rest = count;
  for (; rest >= 8; rest -= 8, from += 8, to += 32) {
    const bytes = v128.load8x8_u(from);
    v128.store(to, widenE4M3(i32x4.extend_low_i16x8_u(bytes)));
    v128.store(to, widenE4M3(i32x4.extend_high_i16x8_u(bytes)), 16);
    const low = v128.and(bytes, i16x8.splat(0x7f));
    found += popcnt(i16x8.bitmask(i16x8.eq(low, i16x8.splat(0x7f))));
  }
  for (; rest > 0; rest--, from++, to += 4) {
    const bits = <i32>load<u8>(from);
    store<i32>(to, i32x4.extract_lane(widenE4M3(i32x4.splat(bits)), 0));
    found += i32((bits & 0x7f) == 0x7f);
  }
  return found;
}
