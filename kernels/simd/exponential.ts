/** The exponential as kernels/reference/divergence.ts defines it; what is fused there is a product in f64 here. */
import { fused, joined, rounded, upper } from './rounded-pairs';

/**
 * In memory, since engines make a vector constant anew at each use: log₂e, −ln 2 in two parts, the smallest exponent, the
 * terms of the series from the last to the first; f32 values.
 */
const EXP = memory.data<f64>([
  1.44269502162933349609375, -0.693145751953125, -0.00000142860676533018704503775, -104,
  0.000198527617612853646278381, 0.00139304355252534151077271, 0.00833336077630519866943359,
  0.0416664853692054748535156, 0.166666671633720397949219, 0.5,
], 16);
const TERMS: usize = 32;
/** 1; and what, added to a whole number, leaves it plus the exponent's bias in the lowest bits. */
const SCALE = memory.data<u64>([0x3ff0000000000000, 0x43300000000003ff], 16);

/** exp of two values that are not above 0. */
function exponential(d: v128): v128 {
  // What torch does by adding 1.5·2^23 and taking it away again.
  const q = f64x2.nearest(rounded(f64x2.mul(d, v128.load64_splat(EXP))));
  const s = fused(q, v128.load64_splat(EXP, 16), fused(q, v128.load64_splat(EXP, 8), d));
  let u = fused(v128.load64_splat(EXP, TERMS), s, v128.load64_splat(EXP, TERMS + 8));
  u = fused(u, s, v128.load64_splat(EXP, TERMS + 16));
  u = fused(u, s, v128.load64_splat(EXP, TERMS + 24));
  u = fused(u, s, v128.load64_splat(EXP, TERMS + 32));
  u = fused(u, s, v128.load64_splat(EXP, TERMS + 40));
  const fraction = rounded(f64x2.add(v128.load64_splat(SCALE), fused(rounded(f64x2.mul(s, s)), u, s)));
  const scale = i64x2.shl(f64x2.add(q, v128.load64_splat(SCALE, 8)), 52);
  return v128.andnot(rounded(f64x2.mul(fraction, scale)), f64x2.lt(d, v128.load64_splat(EXP, 24)));
}

/** exp(x − largest) of four f32. */
export function exponentials(x: v128, largest: v128): v128 {
  const d = f32x4.sub(x, largest);
  return joined(exponential(f64x2.promote_low_f32x4(d)), exponential(f64x2.promote_low_f32x4(upper(d))));
}
