/** f64 sums of squares. */
import { BITS } from './bits';

/** Adds xᵢ² in f64 to `lanes[i mod 8]`. */
export function sumSquares(source: usize, count: i32, lanes: usize): void {
  let a = v128.load(lanes);
  let b = v128.load(lanes, 16);
  let c = v128.load(lanes, 32);
  let d = v128.load(lanes, 48);
  let from = source;
  let rest = count;
  for (; rest >= 8; rest -= 8, from += 32) {
    const xa = f64x2.promote_low_f32x4(v128.load64_zero(from));
    const xb = f64x2.promote_low_f32x4(v128.load64_zero(from, 8));
    const xc = f64x2.promote_low_f32x4(v128.load64_zero(from, 16));
    const xd = f64x2.promote_low_f32x4(v128.load64_zero(from, 24));
    a = f64x2.add(a, f64x2.mul(xa, xa));
    b = f64x2.add(b, f64x2.mul(xb, xb));
    c = f64x2.add(c, f64x2.mul(xc, xc));
    d = f64x2.add(d, f64x2.mul(xd, xd));
  }
  v128.store(lanes, a);
  v128.store(lanes, b, 16);
  v128.store(lanes, c, 32);
  v128.store(lanes, d, 48);
  for (let lane = lanes; rest > 0; rest--, from += 4, lane += 8) {
    const x = <f64>load<f32>(from);
    store<f64>(lane, load<f64>(lane) + x * x);
  }
}

/** See kernels/abi-selection.ts. */
export function sumMaskedSquares(source: usize, mask: usize, count: i32, lanes: usize): void {
  const firstBits = v128.load(BITS);
  const otherBits = v128.load(BITS, 16);
  let a = v128.load(lanes);
  let b = v128.load(lanes, 16);
  let c = v128.load(lanes, 32);
  let d = v128.load(lanes, 48);
  let from = source;
  let rest = count;
  for (; rest >= 8; rest -= 8, from += 32, mask++) {
    const bits = v128.load8_splat(mask);
    const first = v128.and(v128.load(from), i32x4.eq(v128.and(bits, firstBits), firstBits));
    const other = v128.and(v128.load(from, 16), i32x4.eq(v128.and(bits, otherBits), otherBits));
    const xa = f64x2.promote_low_f32x4(first);
    const xb = f64x2.promote_low_f32x4(v128.shuffle<i64>(first, first, 1, 1));
    const xc = f64x2.promote_low_f32x4(other);
    const xd = f64x2.promote_low_f32x4(v128.shuffle<i64>(other, other, 1, 1));
    a = f64x2.add(a, f64x2.mul(xa, xa));
    b = f64x2.add(b, f64x2.mul(xb, xb));
    c = f64x2.add(c, f64x2.mul(xc, xc));
    d = f64x2.add(d, f64x2.mul(xd, xd));
  }
  v128.store(lanes, a);
  v128.store(lanes, b, 16);
  v128.store(lanes, c, 32);
  v128.store(lanes, d, 48);
  for (let i = 0; i < rest; i++, from += 4, lanes += 8) {
    if (!((load<u8>(mask) >> <u8>i) & 1)) continue;
    const x = <f64>load<f32>(from);
    store<f64>(lanes, load<f64>(lanes) + x * x);
  }
}
