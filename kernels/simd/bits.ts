/** Masks of one bit for each element. */
import { F32_MAGNITUDE } from './format';

/** The bit of each of eight elements within their byte of a mask, one to a lane. */
export const BITS = memory.data<i32>([1, 2, 4, 8, 16, 32, 64, 128], 16);

/** The same in the order of `widenEven` and `widenOdd`: every other element, then those between them. */
export const EVERY_OTHER = memory.data<i32>([1, 4, 16, 64, 2, 8, 32, 128], 16);

/** A bit for each of up to 64 elements that is not ±0. */
export function nonZero(source: usize, count: i32): u64 {
  let bits: u64 = 0;
  if (count < 64) {
    for (let i = 0; i < count; i++) {
      bits |= u64((load<u32>(source + (<usize>i << 2)) & F32_MAGNITUDE) != 0) << <u64>i;
    }
    return bits;
  }
  for (let at: usize = 0; at < 256; at += 64) bits |= <u64>i8x16.bitmask(touched(source + at)) << <u64>(at >> 2);
  return bits;
}

/** All ones for those of 16 elements that are not ±0. */
export function touched(from: usize): v128 {
  const zero = f32x4.splat(0);
  const a = i16x8.narrow_i32x4_s(f32x4.ne(v128.load(from), zero), f32x4.ne(v128.load(from, 16), zero));
  const b = i16x8.narrow_i32x4_s(f32x4.ne(v128.load(from, 32), zero), f32x4.ne(v128.load(from, 48), zero));
  return i8x16.narrow_i16x8_s(a, b);
}
