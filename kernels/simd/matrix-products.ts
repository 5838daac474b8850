/** Products of a block of rows of a matrix with a narrow factor, in f64. */

/** Columns of a factor are done eight at a time, in four registers. */
const WIDE: i32 = 8;

/** See kernels/abi.ts. */
export function multiplyRows(
  matrix: usize, rows: i32, columns: i32, factor: usize, width: i32, product: usize,
): void {
  const stride = <usize>width << 3;
  for (let row = 0; row < rows; row++, matrix += <usize>columns << 2, product += stride) {
    let w = 0;
    for (; w + WIDE <= width; w += WIDE) {
      multiplyEight(matrix, columns, factor + (<usize>w << 3), stride, product + (<usize>w << 3));
    }
    for (; w < width; w++) {
      let sum: f64 = 0;
      let from = factor + (<usize>w << 3);
      for (let at = matrix, end = matrix + (<usize>columns << 2); at != end; at += 4, from += stride) {
        sum += <f64>load<f32>(at) * load<f64>(from);
      }
      store<f64>(product + (<usize>w << 3), sum);
    }
  }
}

function multiplyEight(row: usize, columns: i32, factor: usize, stride: usize, product: usize): void {
  let a = f64x2.splat(0);
  let b = a;
  let c = a;
  let d = a;
  for (let end = row + (<usize>columns << 2); row != end; row += 4, factor += stride) {
    const x = f64x2.splat(<f64>load<f32>(row));
    a = f64x2.add(a, f64x2.mul(x, v128.load(factor)));
    b = f64x2.add(b, f64x2.mul(x, v128.load(factor, 16)));
    c = f64x2.add(c, f64x2.mul(x, v128.load(factor, 32)));
    d = f64x2.add(d, f64x2.mul(x, v128.load(factor, 48)));
  }
  v128.store(product, a);
  v128.store(product, b, 16);
  v128.store(product, c, 32);
  v128.store(product, d, 48);
}

/** See kernels/abi.ts. */
export function addTransposedRows(
  matrix: usize, rows: i32, columns: i32, product: usize, width: i32, factor: usize,
): void {
  const stride = <usize>width << 3;
  for (let row = 0; row < rows; row++, matrix += <usize>columns << 2, product += stride) {
    let w = 0;
    for (; w + WIDE <= width; w += WIDE) {
      addEight(matrix, columns, product + (<usize>w << 3), stride, factor + (<usize>w << 3));
    }
    for (; w < width; w++) {
      const y = load<f64>(product + (<usize>w << 3));
      let to = factor + (<usize>w << 3);
      for (let at = matrix, end = matrix + (<usize>columns << 2); at != end; at += 4, to += stride) {
        const x = load<f32>(at);
        if (x != 0) store<f64>(to, load<f64>(to) + <f64>x * y);
      }
    }
  }
}

function addEight(row: usize, columns: i32, product: usize, stride: usize, factor: usize): void {
  const a = v128.load(product);
  const b = v128.load(product, 16);
  const c = v128.load(product, 32);
  const d = v128.load(product, 48);
  for (let end = row + (<usize>columns << 2); row != end; row += 4, factor += stride) {
    const value = load<f32>(row);
    // Most changes are 0.
    if (value == 0) continue;
    const x = f64x2.splat(<f64>value);
    v128.store(factor, f64x2.add(v128.load(factor), f64x2.mul(x, a)));
    v128.store(factor, f64x2.add(v128.load(factor, 16), f64x2.mul(x, b)), 16);
    v128.store(factor, f64x2.add(v128.load(factor, 32), f64x2.mul(x, c)), 32);
    v128.store(factor, f64x2.add(v128.load(factor, 48), f64x2.mul(x, d)), 48);
  }
}
