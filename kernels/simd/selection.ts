/**
 * What a sum across operands reads of each: everything, or only what its selector keeps (see `electedSum` in
 * kernels/abi.ts). Kinds are types, so that each gets loops of its own without a branch in them.
 */
import { F32_MAGNITUDE } from './format';

export type All = i8;
export type AtLeast = i16;
/** By the bits of a mask; known to those who have one. */
export type Masked = i32;

/** In memory, since engines make a vector constant anew at each use. */
const MAGNITUDE = memory.data<i32>([F32_MAGNITUDE, F32_MAGNITUDE, F32_MAGNITUDE, F32_MAGNITUDE], 16);

/** Four f32 without their signs. */
export function magnitudeOf(x: v128): v128 {
  return v128.and(x, v128.load(MAGNITUDE));
}

const MAGNITUDE_16 = memory.data<i32>([0x7fff7fff, 0x7fff7fff, 0x7fff7fff, 0x7fff7fff], 16);

/** Eight stored bf16 without their signs. */
export function magnitudeOf16(x: v128): v128 {
  return v128.and(x, v128.load(MAGNITUDE_16));
}

/** The upper halves of eight f32, without their signs. */
export function upperHalves(at: usize): v128 {
  const low = i32x4.shr_u(v128.load(at), 16);
  const high = i32x4.shr_u(v128.load(at, 16), 16);
  return magnitudeOf16(i16x8.narrow_i32x4_u(low, high));
}

/** Four elements, those dropped being +0. `limit`, in all lanes, is one below the selector: −1 keeps everything. */
export function kept<S>(x: v128, limit: v128): v128 {
  if (sizeof<S>() == sizeof<All>()) return x;
  return v128.and(x, i32x4.gt_s(magnitudeOf(x), limit));
}

/** The same for one element. */
export function keptOne<S>(x: f32, selector: i32): f32 {
  if (sizeof<S>() == sizeof<All>()) return x;
  return (reinterpret<i32>(x) & F32_MAGNITUDE) > selector - 1 ? x : 0;
}
