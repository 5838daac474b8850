/** Operand tables: entries of 16 bytes, u32 slot, f32 scale, f32 weight, u32 selector. */

export const ENTRY: usize = 16;
export const SCALE: usize = 4;
export const WEIGHT: usize = 8;
export const SELECTOR: usize = 12;

/** Below this |W| the merge does not divide. An f32, as the comparison is one of f32. */
export const SMALLEST_DIVISOR: f32 = 1e-8;

/** In memory, since engines make a vector constant anew at each use: lanes without their sign, the above, and 1. */
const constants = memory.data<u32>([0x7fffffff, 0x322bcc77, 0x3f800000], 16);

/** W, or 1 where |W| is below the smallest divisor. */
export function divisor(weight: v128): v128 {
  const size = v128.and(weight, v128.load32_splat(constants));
  const tooSmall = f32x4.lt(size, v128.load32_splat(constants, 4));
  return v128.bitselect(v128.load32_splat(constants, 8), weight, tooSmall);
}
