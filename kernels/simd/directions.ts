/** Few directions in the space of a matrix's rows. See kernels/abi-directions.ts. */
import { fourDirections, fourRows, oneRow, twoRows } from './direction-products';

/** Products of up to four rows. */
const PRODUCTS = memory.data(32, 16);

/** See kernels/abi-directions.ts. */
export function multiplyDirections(
  matrix: usize, rows: i32, columns: i32, directions: usize, width: i32, products: usize,
): void {
  const stride = <usize>columns << 3;
  let k = 0;
  for (; k + 4 <= width; k += 4, directions += stride << 2) {
    let to = products + (<usize>k << 3);
    for (let row = 0, at = matrix; row < rows; row++, at += stride >> 1, to += <usize>width << 3) {
      fourDirections(at, columns, directions, stride, to);
    }
  }
  for (; k < width; k++, directions += stride) {
    multiplyOne(matrix, rows, columns, directions, products + (<usize>k << 3), <usize>width << 3);
  }
}

function multiplyOne(matrix: usize, rows: i32, columns: i32, direction: usize, products: usize, apart: usize): void {
  const stride = <usize>columns << 2;
  for (; rows >= 4; rows -= 4, matrix += stride << 2, products += apart << 2) {
    fourRows(matrix, stride, columns, direction, products, apart);
  }
  if (rows >= 2) {
    twoRows(matrix, stride, columns, direction, products, apart);
    matrix += stride << 1;
    products += apart << 1;
  }
  if (rows & 1) store<f64>(products, oneRow(matrix, columns, direction));
}

/** See kernels/abi-directions.ts. Rows are still in the cache when they are added. */
export function multiplyGram(matrix: usize, rows: i32, columns: i32, direction: usize, sums: usize): void {
  const stride = <usize>columns << 2;
  for (; rows >= 4; rows -= 4, matrix += stride << 2) {
    fourRows(matrix, stride, columns, direction, PRODUCTS, 8);
    if (v128.any_true(v128.or(nonZero(PRODUCTS), nonZero(PRODUCTS + 16)))) addFour(matrix, stride, columns, sums);
  }
  if (rows >= 2) {
    twoRows(matrix, stride, columns, direction, PRODUCTS, 8);
    if (v128.any_true(nonZero(PRODUCTS))) addTwo(matrix, stride, columns, sums);
    matrix += stride << 1;
  }
  if (rows & 1) {
    const product = oneRow(matrix, columns, direction);
    if (product != 0) addOne(matrix, product, columns, sums);
  }
}

function nonZero(products: usize): v128 {
  return f64x2.ne(v128.load(products), f64x2.splat(0));
}

/** Adds four rows times their products to the sums, one after the other. */
function addFour(a: usize, stride: usize, columns: i32, sums: usize): void {
  let b = a + stride;
  let c = b + stride;
  let d = c + stride;
  const p = v128.load64_splat(PRODUCTS);
  const q = v128.load64_splat(PRODUCTS, 8);
  const r = v128.load64_splat(PRODUCTS, 16);
  const s = v128.load64_splat(PRODUCTS, 24);
  for (let end = a + (<usize>(columns & -4) << 2); a < end; a += 16, b += 16, c += 16, d += 16, sums += 32) {
    let low = v128.load(sums);
    let high = v128.load(sums, 16);
    low = f64x2.add(low, f64x2.mul(p, f64x2.promote_low_f32x4(v128.load64_zero(a))));
    high = f64x2.add(high, f64x2.mul(p, f64x2.promote_low_f32x4(v128.load64_zero(a, 8))));
    low = f64x2.add(low, f64x2.mul(q, f64x2.promote_low_f32x4(v128.load64_zero(b))));
    high = f64x2.add(high, f64x2.mul(q, f64x2.promote_low_f32x4(v128.load64_zero(b, 8))));
    low = f64x2.add(low, f64x2.mul(r, f64x2.promote_low_f32x4(v128.load64_zero(c))));
    high = f64x2.add(high, f64x2.mul(r, f64x2.promote_low_f32x4(v128.load64_zero(c, 8))));
    low = f64x2.add(low, f64x2.mul(s, f64x2.promote_low_f32x4(v128.load64_zero(d))));
    high = f64x2.add(high, f64x2.mul(s, f64x2.promote_low_f32x4(v128.load64_zero(d, 8))));
    v128.store(sums, low);
    v128.store(sums, high, 16);
  }
  for (let j = columns & 3; j > 0; j--, a += 4, b += 4, c += 4, d += 4, sums += 8) {
    let sum = load<f64>(sums) + load<f64>(PRODUCTS) * <f64>load<f32>(a);
    sum += load<f64>(PRODUCTS, 8) * <f64>load<f32>(b);
    sum += load<f64>(PRODUCTS, 16) * <f64>load<f32>(c);
    store<f64>(sums, sum + load<f64>(PRODUCTS, 24) * <f64>load<f32>(d));
  }
}

function addTwo(a: usize, stride: usize, columns: i32, sums: usize): void {
  let b = a + stride;
  const p = v128.load64_splat(PRODUCTS);
  const q = v128.load64_splat(PRODUCTS, 8);
  for (let end = a + (<usize>(columns & -4) << 2); a < end; a += 16, b += 16, sums += 32) {
    let low = v128.load(sums);
    let high = v128.load(sums, 16);
    low = f64x2.add(low, f64x2.mul(p, f64x2.promote_low_f32x4(v128.load64_zero(a))));
    high = f64x2.add(high, f64x2.mul(p, f64x2.promote_low_f32x4(v128.load64_zero(a, 8))));
    low = f64x2.add(low, f64x2.mul(q, f64x2.promote_low_f32x4(v128.load64_zero(b))));
    high = f64x2.add(high, f64x2.mul(q, f64x2.promote_low_f32x4(v128.load64_zero(b, 8))));
    v128.store(sums, low);
    v128.store(sums, high, 16);
  }
  for (let j = columns & 3; j > 0; j--, a += 4, b += 4, sums += 8) {
    const sum = load<f64>(sums) + load<f64>(PRODUCTS) * <f64>load<f32>(a);
    store<f64>(sums, sum + load<f64>(PRODUCTS, 8) * <f64>load<f32>(b));
  }
}

function addOne(row: usize, product: f64, columns: i32, sums: usize): void {
  const p = f64x2.splat(product);
  for (let end = row + (<usize>(columns & -2) << 2); row < end; row += 8, sums += 16) {
    const x = f64x2.promote_low_f32x4(v128.load64_zero(row));
    v128.store(sums, f64x2.add(v128.load(sums), f64x2.mul(p, x)));
  }
  if (columns & 1) store<f64>(sums, load<f64>(sums) + product * <f64>load<f32>(row));
}

/** See kernels/abi-directions.ts. */
export function addDirections(
  destination: usize, rows: i32, columns: i32, shares: usize, directions: usize, width: i32,
): void {
  const stride = <usize>columns << 3;
  for (let row = 0; row < rows; row++, shares += <usize>width << 3) {
    let from = directions;
    const end = destination + (<usize>columns << 2);
    for (const whole = destination + (<usize>(columns & -8) << 2); destination < whole; destination += 32, from += 64) {
      addToEight(destination, shares, from, stride, width);
    }
    for (; destination < end; destination += 4, from += 8) {
      let sum = <f64>load<f32>(destination);
      for (let k = 0, at = from; k < width; k++, at += stride) {
        sum += load<f64>(shares + (<usize>k << 3)) * load<f64>(at);
      }
      store<f32>(destination, <f32>sum);
    }
  }
}

function addToEight(to: usize, shares: usize, from: usize, stride: usize, width: i32): void {
  let a = f64x2.promote_low_f32x4(v128.load64_zero(to));
  let b = f64x2.promote_low_f32x4(v128.load64_zero(to, 8));
  let c = f64x2.promote_low_f32x4(v128.load64_zero(to, 16));
  let d = f64x2.promote_low_f32x4(v128.load64_zero(to, 24));
  for (let k = 0; k < width; k++, shares += 8, from += stride) {
    const share = v128.load64_splat(shares);
    a = f64x2.add(a, f64x2.mul(share, v128.load(from)));
    b = f64x2.add(b, f64x2.mul(share, v128.load(from, 16)));
    c = f64x2.add(c, f64x2.mul(share, v128.load(from, 32)));
    d = f64x2.add(d, f64x2.mul(share, v128.load(from, 48)));
  }
  v128.store64_lane(to, f32x4.demote_f64x2_zero(a), 0);
  v128.store64_lane(to, f32x4.demote_f64x2_zero(b), 0, 8);
  v128.store64_lane(to, f32x4.demote_f64x2_zero(c), 0, 16);
  v128.store64_lane(to, f32x4.demote_f64x2_zero(d), 0, 24);
}
