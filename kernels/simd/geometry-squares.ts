/** f64 sums of squares. */
import { BITS, EVERY_OTHER } from './bits';
import { All, Masked } from './selection';
import { differenceOfOne, Differences, Stored, widenEven, widenOdd } from './stored';

/** Adds xᵢ² in f64 to `lanes[i mod 8]`. */
export function sumSquares(source: usize, count: i32, lanes: usize): void {
  sumWhere<All, Differences>(source, 0, 0, count, lanes);
}

/** See kernels/abi-selection.ts. */
export function sumMaskedSquares(source: usize, mask: usize, count: i32, lanes: usize): void {
  sumWhere<Masked, Differences>(source, 0, mask, count, lanes);
}

/** See kernels/abi-stored.ts. */
export function sumSquaresStored(source: usize, base: usize, mask: usize, count: i32, lanes: usize): void {
  if (mask) sumWhere<Masked, Stored>(source, base, mask, count, lanes);
  else sumWhere<All, Stored>(source, base, 0, count, lanes);
}

/** Stored values are widened by every other one, and so are the lanes while they are added up. */
function sumWhere<S, L>(source: usize, base: usize, mask: usize, count: i32, lanes: usize): void {
  const isStored = sizeof<L>() == sizeof<Stored>();
  const order = isStored ? EVERY_OTHER : BITS;
  const firstBits = v128.load(order);
  const otherBits = v128.load(order, 16);
  let a = isStored ? v128.shuffle<i64>(v128.load(lanes), v128.load(lanes, 16), 0, 2) : v128.load(lanes);
  let b = isStored ? v128.shuffle<i64>(v128.load(lanes, 32), v128.load(lanes, 48), 0, 2) : v128.load(lanes, 16);
  let c = isStored ? v128.shuffle<i64>(v128.load(lanes), v128.load(lanes, 16), 1, 3) : v128.load(lanes, 32);
  let d = isStored ? v128.shuffle<i64>(v128.load(lanes, 32), v128.load(lanes, 48), 1, 3) : v128.load(lanes, 48);
  const whole = count & -8;
  for (let i = 0; i < whole; i += 8) {
    let first: v128;
    let other: v128;
    if (isStored) {
      const values = v128.load(source + (<usize>i << 1));
      const origins = v128.load(base + (<usize>i << 1));
      first = f32x4.sub(widenEven(values), widenEven(origins));
      other = f32x4.sub(widenOdd(values), widenOdd(origins));
    } else {
      first = v128.load(source + (<usize>i << 2));
      other = v128.load(source + (<usize>i << 2), 16);
    }
    if (sizeof<S>() == sizeof<Masked>()) {
      const bits = v128.load8_splat(mask + (<usize>i >> 3));
      first = v128.and(first, i32x4.eq(v128.and(bits, firstBits), firstBits));
      other = v128.and(other, i32x4.eq(v128.and(bits, otherBits), otherBits));
    }
    a = addSquares(a, first);
    b = addSquares(b, v128.shuffle<i64>(first, first, 1, 1));
    c = addSquares(c, other);
    d = addSquares(d, v128.shuffle<i64>(other, other, 1, 1));
  }
  v128.store(lanes, isStored ? v128.shuffle<i64>(a, c, 0, 2) : a);
  v128.store(lanes, isStored ? v128.shuffle<i64>(a, c, 1, 3) : b, 16);
  v128.store(lanes, isStored ? v128.shuffle<i64>(b, d, 0, 2) : c, 32);
  v128.store(lanes, isStored ? v128.shuffle<i64>(b, d, 1, 3) : d, 48);
  for (let i = whole; i < count; i++, lanes += 8) {
    if (sizeof<S>() == sizeof<Masked>() && !((load<u8>(mask + <usize>(i >> 3)) >> <u8>(i & 7)) & 1)) continue;
    const at = <usize>i << 1;
    const x = isStored ? differenceOfOne(source + at, base + at) : load<f32>(source + (at << 1));
    store<f64>(lanes, load<f64>(lanes) + <f64>x * <f64>x);
  }
}

/** Adds the squares of the first two of four f32 to two sums. */
function addSquares(sums: v128, x: v128): v128 {
  const wide = f64x2.promote_low_f32x4(x);
  return f64x2.add(sums, f64x2.mul(wide, wide));
}
