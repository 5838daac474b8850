/** f64 sums of squares on the elements that two operands both changed, over widened blocks (geometry-wide.ts). */
import { beginWidening, LANES, STRIDE, wide, wideBytes, widenNext } from './geometry-wide';

/** See kernels/abi.ts. */
export function sumOverlapEnergy(table: usize, operands: i32, count: i32, lanes: usize): void {
  beginWidening();
  let offset: usize = 0;
  for (let rest = count; rest > 0; ) {
    const taken = widenNext(table, operands, offset, rest, true);
    for (let j = 0; j < operands; j++) {
      for (let k = j + 1; k < operands; k++) addOverlap(j, k, wideBytes, operands, lanes);
    }
    rest -= taken;
    offset += <usize>taken << 2;
  }
}

/** Where the lanes of x_j² where x_k ≠ 0 are, j ≠ k. */
function energyAt(operands: i32, j: i32, k: i32): usize {
  return <usize>(j * (operands - 1) + k - i32(k > j)) * LANES;
}

/** Adds x_j² where x_k ≠ 0 and the other way round. */
function addOverlap(j: i32, k: i32, bytes: usize, operands: i32, lanes: usize): void {
  const zero = f64x2.splat(0);
  const apart = <usize>(k - j) * STRIDE;
  for (let pair: usize = 0; pair != LANES; pair += 32) {
    const first = lanes + energyAt(operands, j, k) + pair;
    const second = lanes + energyAt(operands, k, j) + pair;
    let firstA = v128.load(first);
    let firstB = v128.load(first, 16);
    let secondA = v128.load(second);
    let secondB = v128.load(second, 16);
    const begin = wide + <usize>j * STRIDE + pair;
    for (let x = begin, end = begin + bytes; x != end; x += LANES) {
      const xa = v128.load(x);
      const xb = v128.load(x, 16);
      const ya = v128.load(x + apart);
      const yb = v128.load(x + apart, 16);
      firstA = f64x2.add(firstA, v128.and(f64x2.mul(xa, xa), f64x2.ne(ya, zero)));
      firstB = f64x2.add(firstB, v128.and(f64x2.mul(xb, xb), f64x2.ne(yb, zero)));
      secondA = f64x2.add(secondA, v128.and(f64x2.mul(ya, ya), f64x2.ne(xa, zero)));
      secondB = f64x2.add(secondB, v128.and(f64x2.mul(yb, yb), f64x2.ne(xb, zero)));
    }
    v128.store(first, firstA);
    v128.store(first, firstB, 16);
    v128.store(second, secondA);
    v128.store(second, secondB, 16);
  }
}
