/** Products, reductions and rotations of matrices of f64; see kernels/abi-linear-algebra.ts. */

/** Inner indices that are done at once: what is packed of B for them stays in the first-level cache. */
const DEPTH: i32 = 256;
/** Four columns of B side by side, for DEPTH inner indices. */
const packed = memory.data(8192, 16);
const TILE: i32 = 4;

/** Steps in bytes from one element of A and B to the next: along rows or columns, and along the inner index. */
let stepOfRow: usize = 0;
let stepInA: usize = 0;
let stepOfColumn: usize = 0;
let stepInB: usize = 0;

export function multiplyMatrices(
  a: usize, b: usize, rows: i32, inner: i32, columns: i32, transposed: i32, product: usize,
): void {
  stepOfRow = transposed & 1 ? 8 : <usize>inner << 3;
  stepInA = transposed & 1 ? <usize>rows << 3 : 8;
  stepOfColumn = transposed & 2 ? <usize>inner << 3 : 8;
  stepInB = transposed & 2 ? 8 : <usize>columns << 3;
  memory.fill(product, 0, (<usize>rows * <usize>columns) << 3);
  for (let k: i32 = 0; k < inner; k += DEPTH) {
    const depth = min(inner - k, DEPTH);
    addProducts(a + <usize>k * stepInA, b + <usize>k * stepInB, rows, depth, columns, product);
  }
}

/** Adds the products of `depth` inner indices. */
function addProducts(a: usize, b: usize, rows: i32, depth: i32, columns: i32, product: usize): void {
  const stride = <usize>columns << 3;
  const wholeRows = rows & -TILE;
  const wholeColumns = columns & -TILE;
  for (let column: i32 = 0; column < wholeColumns; column += TILE) {
    pack(b + <usize>column * stepOfColumn, depth);
    const to = product + (<usize>column << 3);
    for (let row: i32 = 0; row < wholeRows; row += TILE) {
      addTile(a + <usize>row * stepOfRow, depth, to + <usize>row * stride, stride);
    }
    addSome(a, b, wholeRows, rows, column, column + TILE, depth, product, stride);
  }
  addSome(a, b, 0, rows, wholeColumns, columns, depth, product, stride);
}

/** Four columns of B. */
function pack(b: usize, depth: i32): void {
  let to = packed;
  for (let k: i32 = 0; k < depth; k++, b += stepInB) {
    for (let column: usize = 0; column < <usize>TILE; column++, to += 8) store<f64>(to, load<f64>(b + column * stepOfColumn));
  }
}

/** Four rows of A times what is packed of B. */
function addTile(a: usize, depth: i32, to: usize, stride: usize): void {
  let a0 = v128.load(to);
  let a1 = v128.load(to, 16);
  let b0 = v128.load(to + stride);
  let b1 = v128.load(to + stride, 16);
  let c0 = v128.load(to + 2 * stride);
  let c1 = v128.load(to + 2 * stride, 16);
  let d0 = v128.load(to + 3 * stride);
  let d1 = v128.load(to + 3 * stride, 16);
  const apart = stepOfRow;
  const step = stepInA;
  for (let from = packed, end = packed + (<usize>depth << 5); from != end; from += 32, a += step) {
    const low = v128.load(from);
    const high = v128.load(from, 16);
    const x = v128.load64_splat(a);
    a0 = f64x2.add(a0, f64x2.mul(x, low));
    a1 = f64x2.add(a1, f64x2.mul(x, high));
    const y = v128.load64_splat(a + apart);
    b0 = f64x2.add(b0, f64x2.mul(y, low));
    b1 = f64x2.add(b1, f64x2.mul(y, high));
    const z = v128.load64_splat(a + 2 * apart);
    c0 = f64x2.add(c0, f64x2.mul(z, low));
    c1 = f64x2.add(c1, f64x2.mul(z, high));
    const w = v128.load64_splat(a + 3 * apart);
    d0 = f64x2.add(d0, f64x2.mul(w, low));
    d1 = f64x2.add(d1, f64x2.mul(w, high));
  }
  v128.store(to, a0);
  v128.store(to, a1, 16);
  v128.store(to + stride, b0);
  v128.store(to + stride, b1, 16);
  v128.store(to + 2 * stride, c0);
  v128.store(to + 2 * stride, c1, 16);
  v128.store(to + 3 * stride, d0);
  v128.store(to + 3 * stride, d1, 16);
}

/** Elements one by one, for what is left beside tiles. */
function addSome(
  a: usize, b: usize, firstRow: i32, endRow: i32, firstColumn: i32, endColumn: i32, depth: i32, product: usize,
  stride: usize,
): void {
  for (let row = firstRow; row < endRow; row++) {
    for (let column = firstColumn; column < endColumn; column++) {
      const to = product + <usize>row * stride + (<usize>column << 3);
      let x = a + <usize>row * stepOfRow;
      let y = b + <usize>column * stepOfColumn;
      let sum = load<f64>(to);
      for (let k: i32 = 0; k < depth; k++, x += stepInA, y += stepInB) sum += load<f64>(x) * load<f64>(y);
      store<f64>(to, sum);
    }
  }
}

export function reduceRows(
  matrix: usize, size: i32, first: i32, v: usize, w: usize, next: usize, products: usize,
): void {
  const from = <usize>first << 3;
  const bytes = (<usize>size << 3) - from;
  for (let i = <usize>first; i < <usize>size; i++) {
    const row = matrix + ((i * <usize>size) << 3) + from;
    subtractBoth(row, v + from, load<f64>(w + (i << 3)), w + from, load<f64>(v + (i << 3)), bytes);
    store<f64>(products + (i << 3), innerProduct(row, next + from, bytes));
  }
}

/** row −= ofW·w + ofV·v. */
function subtractBoth(row: usize, v: usize, ofV: f64, w: usize, ofW: f64, bytes: usize): void {
  const scaleV = f64x2.splat(ofV);
  const scaleW = f64x2.splat(ofW);
  const whole = bytes & ~15;
  for (let at: usize = 0; at < whole; at += 16) {
    const both = f64x2.add(f64x2.mul(scaleW, v128.load(w + at)), f64x2.mul(scaleV, v128.load(v + at)));
    v128.store(row + at, f64x2.sub(v128.load(row + at), both));
  }
  if (whole == bytes) return;
  store<f64>(row + whole, load<f64>(row + whole) - (ofW * load<f64>(w + whole) + ofV * load<f64>(v + whole)));
}

/** Four sums, of every fourth element. */
export function innerProduct(x: usize, y: usize, bytes: usize): f64 {
  let even = f64x2.splat(0);
  let odd = even;
  let at: usize = 0;
  for (const whole = bytes & ~31; at < whole; at += 32) {
    even = f64x2.add(even, f64x2.mul(v128.load(x + at), v128.load(y + at)));
    odd = f64x2.add(odd, f64x2.mul(v128.load(x + at, 16), v128.load(y + at, 16)));
  }
  let s0 = f64x2.extract_lane(even, 0);
  let s1 = f64x2.extract_lane(even, 1);
  let s2 = f64x2.extract_lane(odd, 0);
  if (at < bytes) s0 += load<f64>(x + at) * load<f64>(y + at);
  if (at + 8 < bytes) s1 += load<f64>(x + at, 8) * load<f64>(y + at, 8);
  if (at + 16 < bytes) s2 += load<f64>(x + at, 16) * load<f64>(y + at, 16);
  return s0 + s2 + (s1 + f64x2.extract_lane(odd, 1));
}

const ROTATION_BYTES: usize = 24;
/** Bytes of a row that all rotations take before the next: so much of a thousand rows stays in the second-level cache. */
const STRIP: usize = 512;

export function rotateRows(matrix: usize, columns: i32, rotations: usize, count: i32): void {
  const stride = <usize>columns << 3;
  const end = rotations + <usize>count * ROTATION_BYTES;
  for (let first: usize = 0; first < stride; first += STRIP) {
    const bytes = min(stride - first, STRIP);
    for (let entry = rotations; entry != end; entry += ROTATION_BYTES) {
      const upper = matrix + <usize>load<u32>(entry) * stride + first;
      rotate(upper, upper + stride, bytes, load<f64>(entry, 8), load<f64>(entry, 16));
    }
  }
}

function rotate(x: usize, y: usize, bytes: usize, cosine: f64, sine: f64): void {
  const c = f64x2.splat(cosine);
  const s = f64x2.splat(sine);
  const whole = bytes & ~15;
  for (let at: usize = 0; at < whole; at += 16) {
    const above = v128.load(x + at);
    const below = v128.load(y + at);
    v128.store(x + at, f64x2.sub(f64x2.mul(c, above), f64x2.mul(s, below)));
    v128.store(y + at, f64x2.add(f64x2.mul(s, above), f64x2.mul(c, below)));
  }
  if (whole == bytes) return;
  const above = load<f64>(x + whole);
  const below = load<f64>(y + whole);
  store<f64>(x + whole, cosine * above - sine * below);
  store<f64>(y + whole, sine * above + cosine * below);
}

export function reflectRows(matrix: usize, rows: i32, columns: i32, reflectors: usize, factors: usize): void {
  const stride = <usize>columns << 3;
  for (let row: i32 = 0; row < rows; row++, matrix += stride) {
    for (let j = columns - 1; j >= 0; j--) {
      const from = <usize>(j + 1) << 3;
      const v = reflectors + <usize>j * stride + from;
      const share = load<f64>(factors + (<usize>j << 3)) * innerProduct(matrix + from, v, stride - from);
      subtractScaled(matrix + from, v, share, stride - from);
    }
  }
}

/** x −= share·v. */
export function subtractScaled(x: usize, v: usize, share: f64, bytes: usize): void {
  const scale = f64x2.splat(share);
  const whole = bytes & ~15;
  for (let at: usize = 0; at < whole; at += 16) {
    v128.store(x + at, f64x2.sub(v128.load(x + at), f64x2.mul(scale, v128.load(v + at))));
  }
  if (whole != bytes) store<f64>(x + whole, load<f64>(x + whole) - share * load<f64>(v + whole));
}
