/** What is done along the first dimension of a matrix: by pieces of rows, whose elements are of columns side by side. */

/** See kernels/abi-columns.ts. */
export function addColumnProducts(a: usize, b: usize, count: i32, column: i32, columns: i32, sums: usize): void {
  const apart = <usize>columns << 3;
  for (let rest = count; rest > 0; column = 0) {
    const taken = min(rest, columns - column);
    addProducts(a, b, taken, sums + (<usize>column << 3), apart);
    a += <usize>taken << 2;
    b += <usize>taken << 2;
    rest -= taken;
  }
}

function addProducts(a: usize, b: usize, count: i32, to: usize, apart: usize): void {
  const end = a + (<usize>(count & -2) << 2);
  for (; a < end; a += 8, b += 8, to += 16) {
    const x = f64x2.promote_low_f32x4(v128.load64_zero(a));
    const y = f64x2.promote_low_f32x4(v128.load64_zero(b));
    v128.store(to, f64x2.add(v128.load(to), f64x2.mul(x, x)));
    v128.store(to + apart, f64x2.add(v128.load(to + apart), f64x2.mul(x, y)));
    v128.store(to + 2 * apart, f64x2.add(v128.load(to + 2 * apart), f64x2.mul(y, y)));
  }
  if (!(count & 1)) return;
  const x = <f64>load<f32>(a);
  const y = <f64>load<f32>(b);
  store<f64>(to, load<f64>(to) + x * x);
  store<f64>(to + apart, load<f64>(to + apart) + x * y);
  store<f64>(to + 2 * apart, load<f64>(to + 2 * apart) + y * y);
}

/** See kernels/abi-columns.ts. */
export function combineColumns(
  a: usize, b: usize, count: i32, column: i32, columns: i32, coefficients: usize, destination: usize,
): void {
  const apart = <usize>columns << 3;
  for (let rest = count; rest > 0; column = 0) {
    const taken = min(rest, columns - column);
    combinePiece(a, b, taken, coefficients + (<usize>column << 3), apart, destination);
    a += <usize>taken << 2;
    b += <usize>taken << 2;
    destination += <usize>taken << 2;
    rest -= taken;
  }
}

function combinePiece(a: usize, b: usize, count: i32, from: usize, apart: usize, to: usize): void {
  const end = a + (<usize>(count & -2) << 2);
  for (; a < end; a += 8, b += 8, from += 16, to += 8) {
    const x = f64x2.mul(v128.load(from), f64x2.promote_low_f32x4(v128.load64_zero(a)));
    const y = f64x2.mul(v128.load(from + apart), f64x2.promote_low_f32x4(v128.load64_zero(b)));
    v128.store64_lane(to, f32x4.demote_f64x2_zero(f64x2.add(x, y)), 0);
  }
  if (!(count & 1)) return;
  store<f32>(to, <f32>(load<f64>(from) * <f64>load<f32>(a) + load<f64>(from + apart) * <f64>load<f32>(b)));
}
