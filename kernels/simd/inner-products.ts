/**
 * Inner products of the columns of two narrow matrices of f64, added up row after row: four columns of one by four of the
 * other at a time, whose sums stay in registers while the rows pass.
 */
const BLOCK: i32 = 4;

/** See kernels/abi-geometry.ts. */
export function addInnerProducts(a: usize, b: usize, rows: i32, width: i32, sums: usize): void {
  const stride = <usize>width << 3;
  const whole = width & -BLOCK;
  for (let i: i32 = 0; i < whole; i += BLOCK) {
    const left = a + (<usize>i << 3);
    const to = sums + <usize>i * stride;
    for (let j: i32 = 0; j < whole; j += BLOCK) {
      const at = <usize>j << 3;
      addFourByFour(left, b + at, rows, stride, to + at);
    }
  }
  for (let i: i32 = 0; i < width; i++) {
    for (let j = i < whole ? whole : 0; j < width; j++) {
      const at = <usize>j << 3;
      addOne(a + (<usize>i << 3), b + at, rows, stride, sums + <usize>i * stride + at);
    }
  }
}

function addFourByFour(left: usize, right: usize, rows: i32, stride: usize, to: usize): void {
  const second = to + stride;
  const third = second + stride;
  const fourth = third + stride;
  let a = v128.load(to);
  let b = v128.load(to, 16);
  let c = v128.load(second);
  let d = v128.load(second, 16);
  let e = v128.load(third);
  let f = v128.load(third, 16);
  let g = v128.load(fourth);
  let h = v128.load(fourth, 16);
  for (let row: i32 = 0; row < rows; row++, left += stride, right += stride) {
    const x = v128.load(right);
    const y = v128.load(right, 16);
    const p = v128.load64_splat(left);
    a = f64x2.add(a, f64x2.mul(p, x));
    b = f64x2.add(b, f64x2.mul(p, y));
    const q = v128.load64_splat(left, 8);
    c = f64x2.add(c, f64x2.mul(q, x));
    d = f64x2.add(d, f64x2.mul(q, y));
    const r = v128.load64_splat(left, 16);
    e = f64x2.add(e, f64x2.mul(r, x));
    f = f64x2.add(f, f64x2.mul(r, y));
    const s = v128.load64_splat(left, 24);
    g = f64x2.add(g, f64x2.mul(s, x));
    h = f64x2.add(h, f64x2.mul(s, y));
  }
  v128.store(to, a);
  v128.store(to, b, 16);
  v128.store(second, c);
  v128.store(second, d, 16);
  v128.store(third, e);
  v128.store(third, f, 16);
  v128.store(fourth, g);
  v128.store(fourth, h, 16);
}

/** A single sum. */
function addOne(left: usize, right: usize, rows: i32, stride: usize, to: usize): void {
  let sum = load<f64>(to);
  for (let row: i32 = 0; row < rows; row++, left += stride, right += stride) {
    sum += load<f64>(left) * load<f64>(right);
  }
  store<f64>(to, sum);
}
