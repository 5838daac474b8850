/** Masks of one bit for each element. */
import { F32_MAGNITUDE } from './format';

/** The bit of each of eight elements within their byte of a mask, one to a lane. */
export const BITS = memory.data<i32>([1, 2, 4, 8, 16, 32, 64, 128], 16);

/** A bit for each of up to 64 elements that is not ±0. */
export function nonZero(source: usize, count: i32): u64 {
  let bits: u64 = 0;
  if (count < 64) {
    for (let i = 0; i < count; i++) {
      bits |= u64((load<u32>(source + (<usize>i << 2)) & F32_MAGNITUDE) != 0) << <u64>i;
    }
    return bits;
  }
  const zero = f32x4.splat(0);
  for (let at: usize = 0; at < 256; at += 64) {
    const a = f32x4.ne(v128.load(source + at), zero);
    const b = f32x4.ne(v128.load(source + at, 16), zero);
    const c = f32x4.ne(v128.load(source + at, 32), zero);
    const d = f32x4.ne(v128.load(source + at, 48), zero);
    const sixteen = i8x16.narrow_i16x8_s(i16x8.narrow_i32x4_s(a, b), i16x8.narrow_i32x4_s(c, d));
    bits |= <u64>i8x16.bitmask(sixteen) << <u64>(at >> 2);
  }
  return bits;
}
