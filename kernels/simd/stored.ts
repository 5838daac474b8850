/** What a loop reads, as types, so that one loop serves both without a branch: differences, or what they are made of. */

/** Differences to a base, in f32. */
export type Differences = i8;
/** Stored bf16, beside the base of the differences. */
export type Stored = i16;

/** The four differences at byte `at` of the f32 that `source` is or stands for; `origin` are four values of the base. */
export function differences<L>(source: usize, at: usize, origin: v128): v128 {
  if (sizeof<L>() == sizeof<Differences>()) return v128.load(source + at);
  return f32x4.sub(widenFour(source + (at >> 1)), origin);
}

/** Four stored bf16 as f32. */
export function widenFour(at: usize): v128 {
  return i32x4.shl(v128.load_ext<u16>(at), 16);
}

/** One stored bf16 as f32. */
export function widenOne(at: usize): f32 {
  return reinterpret<f32>(<i32>load<u16>(at) << 16);
}
