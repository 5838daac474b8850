/** Inner products of rows of f32 with directions of f64, four at a time. Lanes are those of kernels/abi-directions.ts. */

/** Four rows, `stride` bytes from one to the next, with one direction; products lie `apart` bytes apart. */
export function fourRows(
  a: usize, stride: usize, columns: i32, direction: usize, products: usize, apart: usize,
): void {
  let b = a + stride;
  let c = b + stride;
  let d = c + stride;
  let a0 = f64x2.splat(0);
  let a1 = a0;
  let b0 = a0;
  let b1 = a0;
  let c0 = a0;
  let c1 = a0;
  let d0 = a0;
  let d1 = a0;
  for (let end = a + (<usize>(columns & -4) << 2); a < end; a += 16, b += 16, c += 16, d += 16, direction += 32) {
    const v0 = v128.load(direction);
    const v1 = v128.load(direction, 16);
    a0 = f64x2.add(a0, f64x2.mul(v0, f64x2.promote_low_f32x4(v128.load64_zero(a))));
    a1 = f64x2.add(a1, f64x2.mul(v1, f64x2.promote_low_f32x4(v128.load64_zero(a, 8))));
    b0 = f64x2.add(b0, f64x2.mul(v0, f64x2.promote_low_f32x4(v128.load64_zero(b))));
    b1 = f64x2.add(b1, f64x2.mul(v1, f64x2.promote_low_f32x4(v128.load64_zero(b, 8))));
    c0 = f64x2.add(c0, f64x2.mul(v0, f64x2.promote_low_f32x4(v128.load64_zero(c))));
    c1 = f64x2.add(c1, f64x2.mul(v1, f64x2.promote_low_f32x4(v128.load64_zero(c, 8))));
    d0 = f64x2.add(d0, f64x2.mul(v0, f64x2.promote_low_f32x4(v128.load64_zero(d))));
    d1 = f64x2.add(d1, f64x2.mul(v1, f64x2.promote_low_f32x4(v128.load64_zero(d, 8))));
  }
  const rest = columns & 3;
  store<f64>(products, finished(a0, a1, a, direction, rest));
  store<f64>(products + apart, finished(b0, b1, b, direction, rest));
  store<f64>(products + 2 * apart, finished(c0, c1, c, direction, rest));
  store<f64>(products + 3 * apart, finished(d0, d1, d, direction, rest));
}

/** One row with four directions, `stride` bytes from one to the next; products lie side by side. */
export function fourDirections(row: usize, columns: i32, a: usize, stride: usize, products: usize): void {
  let b = a + stride;
  let c = b + stride;
  let d = c + stride;
  let a0 = f64x2.splat(0);
  let a1 = a0;
  let b0 = a0;
  let b1 = a0;
  let c0 = a0;
  let c1 = a0;
  let d0 = a0;
  let d1 = a0;
  for (let end = row + (<usize>(columns & -4) << 2); row < end; row += 16, a += 32, b += 32, c += 32, d += 32) {
    const x0 = f64x2.promote_low_f32x4(v128.load64_zero(row));
    const x1 = f64x2.promote_low_f32x4(v128.load64_zero(row, 8));
    a0 = f64x2.add(a0, f64x2.mul(x0, v128.load(a)));
    a1 = f64x2.add(a1, f64x2.mul(x1, v128.load(a, 16)));
    b0 = f64x2.add(b0, f64x2.mul(x0, v128.load(b)));
    b1 = f64x2.add(b1, f64x2.mul(x1, v128.load(b, 16)));
    c0 = f64x2.add(c0, f64x2.mul(x0, v128.load(c)));
    c1 = f64x2.add(c1, f64x2.mul(x1, v128.load(c, 16)));
    d0 = f64x2.add(d0, f64x2.mul(x0, v128.load(d)));
    d1 = f64x2.add(d1, f64x2.mul(x1, v128.load(d, 16)));
  }
  const rest = columns & 3;
  store<f64>(products, finished(a0, a1, row, a, rest));
  store<f64>(products, finished(b0, b1, row, b, rest), 8);
  store<f64>(products, finished(c0, c1, row, c, rest), 16);
  store<f64>(products, finished(d0, d1, row, d, rest), 24);
}

/** Two rows, `stride` bytes apart, with one direction. */
export function twoRows(a: usize, stride: usize, columns: i32, direction: usize, products: usize, apart: usize): void {
  let b = a + stride;
  let a0 = f64x2.splat(0);
  let a1 = a0;
  let b0 = a0;
  let b1 = a0;
  for (let end = a + (<usize>(columns & -4) << 2); a < end; a += 16, b += 16, direction += 32) {
    const v0 = v128.load(direction);
    const v1 = v128.load(direction, 16);
    a0 = f64x2.add(a0, f64x2.mul(v0, f64x2.promote_low_f32x4(v128.load64_zero(a))));
    a1 = f64x2.add(a1, f64x2.mul(v1, f64x2.promote_low_f32x4(v128.load64_zero(a, 8))));
    b0 = f64x2.add(b0, f64x2.mul(v0, f64x2.promote_low_f32x4(v128.load64_zero(b))));
    b1 = f64x2.add(b1, f64x2.mul(v1, f64x2.promote_low_f32x4(v128.load64_zero(b, 8))));
  }
  const rest = columns & 3;
  store<f64>(products, finished(a0, a1, a, direction, rest));
  store<f64>(products + apart, finished(b0, b1, b, direction, rest));
}

export function oneRow(row: usize, columns: i32, direction: usize): f64 {
  let s0 = f64x2.splat(0);
  let s1 = s0;
  for (let end = row + (<usize>(columns & -4) << 2); row < end; row += 16, direction += 32) {
    const x0 = f64x2.promote_low_f32x4(v128.load64_zero(row));
    const x1 = f64x2.promote_low_f32x4(v128.load64_zero(row, 8));
    s0 = f64x2.add(s0, f64x2.mul(x0, v128.load(direction)));
    s1 = f64x2.add(s1, f64x2.mul(x1, v128.load(direction, 16)));
  }
  return finished(s0, s1, row, direction, columns & 3);
}

/** The sum of lanes 0, 1 and 2, 3, once the last up to three elements are added to theirs. */
function finished(low: v128, high: v128, row: usize, direction: usize, rest: i32): f64 {
  if (rest > 0) low = f64x2.add(low, lastOf(row, direction, rest));
  if (rest > 2) {
    const last = <f64>load<f32>(row, 8) * load<f64>(direction, 16);
    high = f64x2.replace_lane(high, 0, f64x2.extract_lane(high, 0) + last);
  }
  const sums = f64x2.add(low, high);
  return f64x2.extract_lane(sums, 0) + f64x2.extract_lane(sums, 1);
}

/** The products of the next two elements; nothing in place of a second that is not there. */
function lastOf(row: usize, direction: usize, rest: i32): v128 {
  const first = f64x2.splat(<f64>load<f32>(row) * load<f64>(direction));
  const second = rest > 1 ? <f64>load<f32>(row, 4) * load<f64>(direction, 8) : -0.0;
  return f64x2.replace_lane(first, 1, second);
}
