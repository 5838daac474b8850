/** Bit patterns of the stored formats, without their sign bit. */

export const F32_MAGNITUDE: i32 = 0x7fffffff;
export const F32_INFINITY: i32 = 0x7f800000;
export const F32_NAN: i32 = 0x7fc00000;

export const BF16_INFINITY: i32 = 0x7f80;
export const BF16_NAN: i32 = 0x7fc0;
/** The smallest f32 magnitude that rounds to infinity as bf16: halfway between the largest bf16 and its successor. */
export const BF16_OVERFLOW: i32 = 0x7f7f8000;

export const F16_INFINITY: i32 = 0x7c00;
export const F16_NAN: i32 = 0x7e00;
/** 2^-14, the smallest normal f16, as f32 bits. */
export const F16_SMALLEST_NORMAL: i32 = 113 << 23;
/** 65520 as f32 bits: the smallest magnitude that rounds to infinity as f16. */
export const F16_OVERFLOW: i32 = 0x477ff000;
