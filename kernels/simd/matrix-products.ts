/**
 * Products of a block of rows of a matrix with a narrow factor, in f64. Rows go in pairs: what is read of the factor, which
 * is longer than the caches next to the core, then serves two. Each element is summed in order all the same.
 */

/** Columns of a factor are done eight at a time, in four registers. */
const WIDE: i32 = 8;

/** What is done with pairs of rows: they are multiplied with the factor, or multiples of them are added to it. */
type Multiplied = i8;
type Added = i16;

/** See kernels/abi.ts. */
export function multiplyRows(
  matrix: usize, rows: i32, columns: i32, factor: usize, width: i32, product: usize,
): void {
  inPairs<Multiplied>(matrix, rows, columns, factor, width, product);
}

/** See kernels/abi.ts. */
export function addTransposedRows(
  matrix: usize, rows: i32, columns: i32, product: usize, width: i32, factor: usize,
): void {
  inPairs<Added>(matrix, rows, columns, factor, width, product);
}

function inPairs<Work>(matrix: usize, rows: i32, columns: i32, factor: usize, width: i32, product: usize): void {
  const stride = <usize>width << 3;
  const rowBytes = <usize>columns << 2;
  const whole = width & -WIDE;
  for (let row = 0; row < rows; row += 2, matrix += 2 * rowBytes, product += 2 * stride) {
    const isPair = row + 2 <= rows;
    for (let w = 0; w < whole; w += WIDE) {
      const at = <usize>w << 3;
      if (sizeof<Work>() == sizeof<Multiplied>()) {
        if (isPair) multiplyTwoByEight(matrix, rowBytes, factor + at, stride, product + at);
        else multiplyEight(matrix, rowBytes, factor + at, stride, product + at);
      } else if (isPair) {
        addTwoByEight(matrix, rowBytes, product + at, stride, factor + at);
      } else {
        addEight(matrix, rowBytes, product + at, stride, factor + at);
      }
    }
    doSome<Work>(matrix, rowBytes, factor, stride, whole, width, product);
    if (isPair) doSome<Work>(matrix + rowBytes, rowBytes, factor, stride, whole, width, product + stride);
  }
}

/** Columns [w, width) of one row, one by one. */
function doSome<Work>(
  row: usize, rowBytes: usize, factor: usize, stride: usize, w: i32, width: i32, product: usize,
): void {
  for (; w < width; w++) {
    const at = <usize>w << 3;
    if (sizeof<Work>() == sizeof<Multiplied>()) multiplyOne(row, rowBytes, factor + at, stride, product + at);
    else addOne(row, rowBytes, product + at, stride, factor + at);
  }
}

function multiplyTwoByEight(row: usize, rowBytes: usize, factor: usize, stride: usize, product: usize): void {
  const zero = f64x2.splat(0);
  let a = zero;
  let b = zero;
  let c = zero;
  let d = zero;
  let e = zero;
  let f = zero;
  let g = zero;
  let h = zero;
  for (let end = row + rowBytes; row != end; row += 4, factor += stride) {
    const x = f64x2.splat(<f64>load<f32>(row));
    const y = f64x2.splat(<f64>load<f32>(row + rowBytes));
    const first = v128.load(factor);
    const second = v128.load(factor, 16);
    const third = v128.load(factor, 32);
    const fourth = v128.load(factor, 48);
    a = f64x2.add(a, f64x2.mul(x, first));
    b = f64x2.add(b, f64x2.mul(x, second));
    c = f64x2.add(c, f64x2.mul(x, third));
    d = f64x2.add(d, f64x2.mul(x, fourth));
    e = f64x2.add(e, f64x2.mul(y, first));
    f = f64x2.add(f, f64x2.mul(y, second));
    g = f64x2.add(g, f64x2.mul(y, third));
    h = f64x2.add(h, f64x2.mul(y, fourth));
  }
  storeEight(product, a, b, c, d);
  storeEight(product + stride, e, f, g, h);
}

function multiplyEight(row: usize, rowBytes: usize, factor: usize, stride: usize, product: usize): void {
  let a = f64x2.splat(0);
  let b = a;
  let c = a;
  let d = a;
  for (let end = row + rowBytes; row != end; row += 4, factor += stride) {
    const x = f64x2.splat(<f64>load<f32>(row));
    a = f64x2.add(a, f64x2.mul(x, v128.load(factor)));
    b = f64x2.add(b, f64x2.mul(x, v128.load(factor, 16)));
    c = f64x2.add(c, f64x2.mul(x, v128.load(factor, 32)));
    d = f64x2.add(d, f64x2.mul(x, v128.load(factor, 48)));
  }
  storeEight(product, a, b, c, d);
}

function storeEight(to: usize, a: v128, b: v128, c: v128, d: v128): void {
  v128.store(to, a);
  v128.store(to, b, 16);
  v128.store(to, c, 32);
  v128.store(to, d, 48);
}

function multiplyOne(row: usize, rowBytes: usize, factor: usize, stride: usize, product: usize): void {
  let sum: f64 = 0;
  for (const end = row + rowBytes; row != end; row += 4, factor += stride) sum += <f64>load<f32>(row) * load<f64>(factor);
  store<f64>(product, sum);
}

function addTwoByEight(row: usize, rowBytes: usize, product: usize, stride: usize, factor: usize): void {
  const a = v128.load(product);
  const b = v128.load(product, 16);
  const c = v128.load(product, 32);
  const d = v128.load(product, 48);
  const other = product + stride;
  const e = v128.load(other);
  const f = v128.load(other, 16);
  const g = v128.load(other, 32);
  const h = v128.load(other, 48);
  for (let end = row + rowBytes; row != end; row += 4, factor += stride) {
    const first = load<f32>(row);
    const second = load<f32>(row + rowBytes);
    // Most changes are 0, and hardly any element of a model is.
    if (first == 0) {
      if (second != 0) addProducts(factor, second, e, f, g, h);
    } else if (second == 0) {
      addProducts(factor, first, a, b, c, d);
    } else {
      const x = f64x2.splat(<f64>first);
      const y = f64x2.splat(<f64>second);
      v128.store(factor, f64x2.add(f64x2.add(v128.load(factor), f64x2.mul(x, a)), f64x2.mul(y, e)));
      v128.store(factor, f64x2.add(f64x2.add(v128.load(factor, 16), f64x2.mul(x, b)), f64x2.mul(y, f)), 16);
      v128.store(factor, f64x2.add(f64x2.add(v128.load(factor, 32), f64x2.mul(x, c)), f64x2.mul(y, g)), 32);
      v128.store(factor, f64x2.add(f64x2.add(v128.load(factor, 48), f64x2.mul(x, d)), f64x2.mul(y, h)), 48);
    }
  }
}

function addEight(row: usize, rowBytes: usize, product: usize, stride: usize, factor: usize): void {
  const a = v128.load(product);
  const b = v128.load(product, 16);
  const c = v128.load(product, 32);
  const d = v128.load(product, 48);
  for (let end = row + rowBytes; row != end; row += 4, factor += stride) {
    const value = load<f32>(row);
    if (value != 0) addProducts(factor, value, a, b, c, d);
  }
}

/** Adds eight numbers times `value`. */
function addProducts(to: usize, value: f32, a: v128, b: v128, c: v128, d: v128): void {
  const x = f64x2.splat(<f64>value);
  v128.store(to, f64x2.add(v128.load(to), f64x2.mul(x, a)));
  v128.store(to, f64x2.add(v128.load(to, 16), f64x2.mul(x, b)), 16);
  v128.store(to, f64x2.add(v128.load(to, 32), f64x2.mul(x, c)), 32);
  v128.store(to, f64x2.add(v128.load(to, 48), f64x2.mul(x, d)), 48);
}

function addOne(row: usize, rowBytes: usize, product: usize, stride: usize, factor: usize): void {
  const y = load<f64>(product);
  for (const end = row + rowBytes; row != end; row += 4, factor += stride) {
    const x = load<f32>(row);
    if (x != 0) store<f64>(factor, load<f64>(factor) + <f64>x * y);
  }
}
