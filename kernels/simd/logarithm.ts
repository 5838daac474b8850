/** The logarithm as kernels/reference/divergence.ts defines it. */
import { joined, upper } from './rounded-pairs';

/** In memory, since engines make a vector constant anew at each use: √2, ln 2, and the terms of the area tangent, last first. */
const LOG = memory.data<f64>([
  1.4142135623730951, 0.6931471805599453, 1.0 / 21.0, 1.0 / 19.0, 1.0 / 17.0, 1.0 / 15.0, 1.0 / 13.0, 1.0 / 11.0,
  1.0 / 9.0, 1.0 / 7.0, 1.0 / 5.0, 1.0 / 3.0,
], 16);
const TERMS: usize = 16;
/** Where the terms begin that are enough near 1. */
const FEW_TERMS: usize = 72;
/**
 * 1, 2, ½; what, added to a whole number, leaves it plus the exponent's bias in the lowest bits; the mantissa; the bits
 * above a small whole number that make 2^52 plus it; and the square of the tangent below which x is near 1, 2^-16.
 */
const COMMON = memory.data<u64>([
  0x3ff0000000000000, 0x4000000000000000, 0x3fe0000000000000, 0x43300000000003ff, 0xfffffffffffff, 0x4330000000000000,
  0x3ef0000000000000,
], 16);
const TWO: usize = 8;
const HALF: usize = 16;
const TO_EXPONENT: usize = 24;
const MANTISSA: usize = 32;
const WHOLE: usize = 40;
const NEAR: usize = 48;

/** ln of four normal f32, or NaN. */
export function logarithms(x: v128): v128 {
  return joined(logarithm(f64x2.promote_low_f32x4(x)), logarithm(f64x2.promote_low_f32x4(upper(x))));
}

/** ln of two f32, in f64. */
function logarithm(x: v128): v128 {
  const one = v128.load64_splat(COMMON);
  const s = f64x2.div(f64x2.sub(x, one), f64x2.add(x, one));
  const z = f64x2.mul(s, s);
  const isNear = f64x2.lt(z, v128.load64_splat(COMMON, NEAR));
  let series = f64x2.mul(v128.load64_splat(LOG, FEW_TERMS), z);
  series = f64x2.mul(f64x2.add(series, v128.load64_splat(LOG, FEW_TERMS + 8)), z);
  series = f64x2.mul(f64x2.add(series, v128.load64_splat(LOG, FEW_TERMS + 16)), z);
  const near = f64x2.mul(f64x2.mul(v128.load64_splat(COMMON, TWO), s), f64x2.add(one, series));
  return i64x2.all_true(isNear) ? near : v128.bitselect(near, logarithmFar(x), isNear);
}

function logarithmFar(x: v128): v128 {
  const one = v128.load64_splat(COMMON);
  const fraction = v128.or(v128.and(x, v128.load64_splat(COMMON, MANTISSA)), one);
  const isLarge = f64x2.gt(fraction, v128.load64_splat(LOG));
  const m = v128.bitselect(f64x2.mul(fraction, v128.load64_splat(COMMON, HALF)), fraction, isLarge);
  const biased = v128.or(i64x2.shr_u(x, 52), v128.load64_splat(COMMON, WHOLE));
  const exponent = f64x2.add(f64x2.sub(biased, v128.load64_splat(COMMON, TO_EXPONENT)), v128.and(one, isLarge));
  const s = f64x2.div(f64x2.sub(m, one), f64x2.add(m, one));
  const z = f64x2.mul(s, s);
  let series = f64x2.mul(v128.load64_splat(LOG, TERMS), z);
  for (let term: usize = TERMS + 8; term <= FEW_TERMS + 16; term += 8) {
    series = f64x2.mul(f64x2.add(series, v128.load64_splat(LOG + term)), z);
  }
  const twice = f64x2.mul(v128.load64_splat(COMMON, TWO), s);
  const result = f64x2.add(
    f64x2.mul(exponent, v128.load64_splat(LOG, 8)),
    f64x2.mul(twice, f64x2.add(one, series)),
  );
  return v128.bitselect(result, x, f64x2.eq(x, x));
}
