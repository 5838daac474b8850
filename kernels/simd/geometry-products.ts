/**
 * f64 sums of products of operands: squares straight from the f32, then pairs over widened blocks (geometry-wide.ts),
 * two operands against two where possible, with the sums of two of the eight lanes in registers.
 */
import { elementAt, ENTRY } from './geometry-operands';
import { sumSquares } from './geometry-squares';
import { beginWidening, LANES, STRIDE, wide, wideBytes, widenNext } from './geometry-wide';

/** See kernels/abi.ts. */
export function sumProducts(table: usize, operands: i32, count: i32, lanes: usize): void {
  let finite = true;
  for (let j = 0; j < operands; j++) {
    const from = elementAt(table + <usize>j * ENTRY, 0);
    if (!addSquares(from, count, lanes + dotAt(operands, j, j))) finite = false;
  }
  if (operands < 2) return;
  beginWidening();
  let offset: usize = 0;
  for (let rest = count; rest > 0; ) {
    // Infinity and NaN times 0 is NaN, so an element that has one belongs to the sums.
    const taken = widenNext(table, operands, offset, rest, finite);
    addPairs(operands, wideBytes, lanes);
    rest -= taken;
    offset += <usize>taken << 2;
  }
}

/** Adds the products of all pairs and their squares over the widened block. */
function addPairs(operands: i32, bytes: usize, lanes: usize): void {
  const paired = operands & ~1;
  for (let j = 0; j < paired; j += 2) {
    addProducts(j, j + 1, bytes, operands, lanes);
    for (let k = j + 2; k < paired; k += 2) addProductsOfTwo(j, k, bytes, operands, lanes);
  }
  if (paired != operands) for (let j = 0; j < paired; j++) addProducts(j, paired, bytes, operands, lanes);
}

/** Where the lanes of x_j·x_k are, j ≤ k. */
function dotAt(operands: i32, j: i32, k: i32): usize {
  return <usize>(j * operands - ((j * (j - 1)) >> 1) + k - j) * LANES;
}

/** Where the lanes of (x_j·x_k)² are, j < k. */
function squareAt(operands: i32, j: i32, k: i32): usize {
  const before = (operands * (operands + 1)) >> 1;
  return <usize>(before + j * (operands - 1) - ((j * (j - 1)) >> 1) + k - j - 1) * LANES;
}

/** Adds x² of `count` f32 elements to their lanes; returns whether the elements of whole eights are all finite. */
function addSquares(from: usize, count: i32, lanes: usize): bool {
  const whole = count & -8;
  sumSquares(from, whole, lanes);
  const low = f64x2.add(v128.load(lanes), v128.load(lanes, 16));
  const sum = f64x2.add(low, f64x2.add(v128.load(lanes, 32), v128.load(lanes, 48)));
  sumSquares(from + (<usize>whole << 2), count - whole, lanes);
  // A square of f32 is far from the end of f64. Elements of the tail are never left out, so they may be anything.
  return isFinite(f64x2.extract_lane(sum, 0) + f64x2.extract_lane(sum, 1));
}

/** Adds x_j·x_k and its square. */
function addProducts(j: i32, k: i32, bytes: usize, operands: i32, lanes: usize): void {
  const apart = <usize>(k - j) * STRIDE;
  for (let pair: usize = 0; pair != LANES; pair += 32) {
    const dots = lanes + dotAt(operands, j, k) + pair;
    const squares = lanes + squareAt(operands, j, k) + pair;
    let dotA = v128.load(dots);
    let dotB = v128.load(dots, 16);
    let squareA = v128.load(squares);
    let squareB = v128.load(squares, 16);
    const begin = wide + <usize>j * STRIDE + pair;
    for (let x = begin, end = begin + bytes; x != end; x += LANES) {
      const a = f64x2.mul(v128.load(x), v128.load(x + apart));
      const b = f64x2.mul(v128.load(x, 16), v128.load(x + apart, 16));
      dotA = f64x2.add(dotA, a);
      dotB = f64x2.add(dotB, b);
      squareA = f64x2.add(squareA, f64x2.mul(a, a));
      squareB = f64x2.add(squareB, f64x2.mul(b, b));
    }
    v128.store(dots, dotA);
    v128.store(dots, dotB, 16);
    v128.store(squares, squareA);
    v128.store(squares, squareB, 16);
  }
}

/** Adds the products of x_j and x_j+1 with x_k and x_k+1, and their squares. Sums of k and k+1 lie side by side. */
function addProductsOfTwo(j: i32, k: i32, bytes: usize, operands: i32, lanes: usize): void {
  const apart = <usize>(k - j) * STRIDE;
  for (let pair: usize = 0; pair != LANES; pair += 16) {
    const dots = lanes + dotAt(operands, j, k) + pair;
    const nextDots = lanes + dotAt(operands, j + 1, k) + pair;
    const squares = lanes + squareAt(operands, j, k) + pair;
    const nextSquares = lanes + squareAt(operands, j + 1, k) + pair;
    let dot00 = v128.load(dots);
    let dot01 = v128.load(dots, LANES);
    let dot10 = v128.load(nextDots);
    let dot11 = v128.load(nextDots, LANES);
    let square00 = v128.load(squares);
    let square01 = v128.load(squares, LANES);
    let square10 = v128.load(nextSquares);
    let square11 = v128.load(nextSquares, LANES);
    const begin = wide + <usize>j * STRIDE + pair;
    for (let x = begin, end = begin + bytes; x != end; x += LANES) {
      const x0 = v128.load(x);
      const x1 = v128.load(x, STRIDE);
      const y0 = v128.load(x + apart);
      const y1 = v128.load(x + apart, STRIDE);
      const p00 = f64x2.mul(x0, y0);
      const p01 = f64x2.mul(x0, y1);
      const p10 = f64x2.mul(x1, y0);
      const p11 = f64x2.mul(x1, y1);
      dot00 = f64x2.add(dot00, p00);
      dot01 = f64x2.add(dot01, p01);
      dot10 = f64x2.add(dot10, p10);
      dot11 = f64x2.add(dot11, p11);
      square00 = f64x2.add(square00, f64x2.mul(p00, p00));
      square01 = f64x2.add(square01, f64x2.mul(p01, p01));
      square10 = f64x2.add(square10, f64x2.mul(p10, p10));
      square11 = f64x2.add(square11, f64x2.mul(p11, p11));
    }
    v128.store(dots, dot00);
    v128.store(dots, dot01, LANES);
    v128.store(nextDots, dot10);
    v128.store(nextDots, dot11, LANES);
    v128.store(squares, square00);
    v128.store(squares, square01, LANES);
    v128.store(nextSquares, square10);
    v128.store(nextSquares, square11, LANES);
  }
}
