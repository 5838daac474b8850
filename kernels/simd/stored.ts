/** What a loop reads, as types, so that one loop serves both without a branch: differences, or what they are made of. */

/** Differences to a base, in f32. */
export type Differences = i8;
/** Stored bf16, beside the base of the differences. */
export type Stored = i16;

/** Every other one of stored bf16, from the first or from the second on. */
export type Even = i32;
export type Odd = i64;

/** The four differences at byte `at` of the f32 that `source` is or stands for; `origin` are four values of the base. */
export function differences<L>(source: usize, at: usize, origin: v128): v128 {
  if (sizeof<L>() == sizeof<Differences>()) return v128.load(source + at);
  return f32x4.sub(widenFour(source + (at >> 1)), origin);
}

/** In memory, since engines make a vector constant anew at each use. */
const UPPER_HALVES = memory.data<i32>([0xffff0000, 0xffff0000, 0xffff0000, 0xffff0000], 16);

/** Elements 0, 2, 4 and 6 of eight stored bf16 as f32. With `widenOdd` it takes less than to widen them in order. */
export function widenEven(eight: v128): v128 {
  return i32x4.shl(eight, 16);
}

/** Elements 1, 3, 5 and 7. */
export function widenOdd(eight: v128): v128 {
  return v128.and(eight, v128.load(UPPER_HALVES));
}

/** Those of eight stored bf16 that `P` says. */
export function widenParity<P>(eight: v128): v128 {
  return sizeof<P>() == sizeof<Even>() ? widenEven(eight) : widenOdd(eight);
}

/** Four stored bf16 as f32. */
export function widenFour(at: usize): v128 {
  return i32x4.shl(v128.load_ext<u16>(at), 16);
}

/** One stored bf16 as f32. */
export function widenOne(at: usize): f32 {
  return reinterpret<f32>(<i32>load<u16>(at) << 16);
}

/** The difference between two stored bf16. */
export function differenceOfOne(value: usize, base: usize): f32 {
  return widenOne(value) - widenOne(base);
}
