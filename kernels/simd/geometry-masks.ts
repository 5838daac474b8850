/** Who changed an element: masks of one byte, bit k for operand k, and counts of them. */
import { F32_MAGNITUDE } from './format';

/** Elements whose counters are found before any is incremented. */
const BLOCK: i32 = 512;
/** The addresses (u32) of the block's counters. */
const targets = memory.data(2048, 16);

/** For 16 elements, 0xff where the stored values of `width` bytes differ. */
function differing(a: usize, b: usize, width: i32): v128 {
  if (width == 2) return differing16(a, b);
  if (width == 4) return i8x16.narrow_i16x8_s(differing32(a, b), differing32(a + 32, b + 32));
  if (width == 8) return i8x16.narrow_i16x8_s(differing64(a, b), differing64(a + 64, b + 64));
  return i8x16.ne(v128.load(a), v128.load(b));
}

function differing16(a: usize, b: usize): v128 {
  const low = i16x8.ne(v128.load(a), v128.load(b));
  const high = i16x8.ne(v128.load(a, 16), v128.load(b, 16));
  return i8x16.narrow_i16x8_s(low, high);
}

/** Eight elements of 32 bits, as lanes of 16. */
function differing32(a: usize, b: usize): v128 {
  const low = i32x4.ne(v128.load(a), v128.load(b));
  const high = i32x4.ne(v128.load(a, 16), v128.load(b, 16));
  return i16x8.narrow_i32x4_s(low, high);
}

/** Eight elements of 64 bits, as lanes of 16. */
function differing64(a: usize, b: usize): v128 {
  return i16x8.narrow_i32x4_s(differingPairs(a, b), differingPairs(a + 32, b + 32));
}

/** Four elements of 64 bits, as lanes of 32. */
function differingPairs(a: usize, b: usize): v128 {
  const low = i64x2.ne(v128.load(a), v128.load(b));
  const high = i64x2.ne(v128.load(a, 16), v128.load(b, 16));
  return v128.shuffle<i32>(low, high, 0, 2, 4, 6);
}

function differs(a: usize, b: usize, width: i32): bool {
  if (width == 1) return load<u8>(a) != load<u8>(b);
  if (width == 2) return load<u16>(a) != load<u16>(b);
  if (width == 4) return load<u32>(a) != load<u32>(b);
  return load<u64>(a) != load<u64>(b);
}

/** Sets `bit` in mask[i] where a[i] and b[i], of 1, 2, 4 or 8 bytes, differ. */
export function markChanged(a: usize, b: usize, width: i32, count: i32, mask: usize, bit: i32): void {
  const bits = i8x16.splat(<i8>bit);
  const step = <usize>width;
  let rest = count;
  for (; rest >= 16; rest -= 16, a += step << 4, b += step << 4, mask += 16) {
    v128.store(mask, v128.or(v128.load(mask), v128.and(differing(a, b, width), bits)));
  }
  for (; rest > 0; rest--, a += step, b += step, mask++) {
    if (differs(a, b, width)) store<u8>(mask, <u8>(<i32>load<u8>(mask) | bit));
  }
}

function increment(counter: usize): void {
  store<u32>(counter, load<u32>(counter) + 1);
}

/** Bits of an f32 below its exponent and upper four mantissa bits. */
const MAGNITUDE_SHIFT: i32 = 19;
const LARGEST_MAGNITUDE: i32 = 0xfff;

/** Adds 1 to bins[(bits(|base[i]|) >>> 19) << operands | mask[i]] for each element. */
export function countMasks(base: usize, mask: usize, operands: i32, count: i32, bins: usize): void {
  let rest = count;
  for (; rest >= 16; ) {
    const block = min(rest, BLOCK) & ~15;
    findMaskCounters(base, mask, operands, block, bins);
    for (let at = targets, end = targets + (<usize>block << 2); at != end; at += 16) {
      increment(load<u32>(at));
      increment(load<u32>(at, 4));
      increment(load<u32>(at, 8));
      increment(load<u32>(at, 12));
    }
    rest -= block;
    base += <usize>block << 2;
    mask += <usize>block;
  }
  for (; rest > 0; rest--, base += 4, mask++) {
    const magnitude = (load<i32>(base) & F32_MAGNITUDE) >> MAGNITUDE_SHIFT;
    increment(bins + (<usize>((magnitude << operands) | <i32>load<u8>(mask)) << 2));
  }
}

/** Writes the addresses of the counters of `count` elements, a multiple of 16, to `targets`. */
function findMaskCounters(base: usize, mask: usize, operands: i32, count: i32, bins: usize): void {
  // A magnitude moves down to its place above the mask and the two bits of a counter's four bytes at once.
  const down = MAGNITUDE_SHIFT - 2 - operands;
  const magnitude = i32x4.splat(LARGEST_MAGNITUDE << (operands + 2));
  const origin = i32x4.splat(<i32>bins);
  let to = targets;
  for (let rest = count; rest > 0; rest -= 16, base += 64, mask += 16, to += 64) {
    const marks = v128.load(mask);
    const low = i16x8.shl(i16x8.extend_low_i8x16_u(marks), 2);
    const high = i16x8.shl(i16x8.extend_high_i8x16_u(marks), 2);
    const a = v128.and(i32x4.shr_u(v128.load(base), down), magnitude);
    const b = v128.and(i32x4.shr_u(v128.load(base, 16), down), magnitude);
    const c = v128.and(i32x4.shr_u(v128.load(base, 32), down), magnitude);
    const d = v128.and(i32x4.shr_u(v128.load(base, 48), down), magnitude);
    v128.store(to, i32x4.add(origin, v128.or(a, i32x4.extend_low_i16x8_u(low))));
    v128.store(to, i32x4.add(origin, v128.or(b, i32x4.extend_high_i16x8_u(low))), 16);
    v128.store(to, i32x4.add(origin, v128.or(c, i32x4.extend_low_i16x8_u(high))), 32);
    v128.store(to, i32x4.add(origin, v128.or(d, i32x4.extend_high_i16x8_u(high))), 48);
  }
}
