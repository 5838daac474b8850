/** f64 sums of squares. */
import { BITS } from './bits';
import { All, Masked } from './selection';

/** Adds xᵢ² in f64 to `lanes[i mod 8]`. */
export function sumSquares(source: usize, count: i32, lanes: usize): void {
  sumWhere<All>(source, 0, count, lanes);
}

/** See kernels/abi-selection.ts. */
export function sumMaskedSquares(source: usize, mask: usize, count: i32, lanes: usize): void {
  sumWhere<Masked>(source, mask, count, lanes);
}

function sumWhere<S>(source: usize, mask: usize, count: i32, lanes: usize): void {
  const firstBits = v128.load(BITS);
  const otherBits = v128.load(BITS, 16);
  let a = v128.load(lanes);
  let b = v128.load(lanes, 16);
  let c = v128.load(lanes, 32);
  let d = v128.load(lanes, 48);
  let from = source;
  let rest = count;
  for (; rest >= 8; rest -= 8, from += 32) {
    let first = v128.load(from);
    let other = v128.load(from, 16);
    if (sizeof<S>() == sizeof<Masked>()) {
      const bits = v128.load8_splat(mask++);
      first = v128.and(first, i32x4.eq(v128.and(bits, firstBits), firstBits));
      other = v128.and(other, i32x4.eq(v128.and(bits, otherBits), otherBits));
    }
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
    if (sizeof<S>() == sizeof<Masked>() && !((load<u8>(mask) >> <u8>i) & 1)) continue;
    const x = <f64>load<f32>(from);
    store<f64>(lanes, load<f64>(lanes) + x * x);
  }
}
