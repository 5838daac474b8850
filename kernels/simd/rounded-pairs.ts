/** Two f64 lanes that hold f32 values between roundings; four f32 are two such pairs, which do not wait for each other. */

/** To f32 and back. */
export function rounded(x: v128): v128 {
  return f64x2.promote_low_f32x4(f32x4.demote_f64x2_zero(x));
}

/** a·b + c, rounded once to f32: the product is exact in f64. */
export function fused(a: v128, b: v128, c: v128): v128 {
  return rounded(f64x2.add(f64x2.mul(a, b), c));
}

/** The upper two of four f32. */
export function upper(x: v128): v128 {
  return v128.shuffle<i64>(x, x, 1, 1);
}

/** Two pairs as four f32. */
export function joined(low: v128, high: v128): v128 {
  return v128.shuffle<i64>(f32x4.demote_f64x2_zero(low), f32x4.demote_f64x2_zero(high), 0, 2);
}
