/** What the elements of a mask of more than four members add to the sums of `sumShared`: sum after sum. */
import {
  bytes, cancelledAt, conflictAt, countDown, gathered, opposedAt, ownSquaresAt, pairOf, productsAt, squaresApart, STRIDE, two,
  valuesOf,
} from './geometry-shared-members';

/** Everything that the elements of a mask of many members add. */
export function addMany(size: i32): void {
  for (let j = 0; j < size; j++) {
    addSquares(j);
    for (let k = j + 1; k < size; k++) addProducts(j, k);
  }
  addConflict(size);
}

function addSquares(member: i32): void {
  const lanes = ownSquaresAt(member);
  let a = v128.load(lanes);
  let b = v128.load(lanes, 16);
  const begin = valuesOf(member);
  for (let x = begin, end = begin + bytes; x != end; x += 16) {
    const low = two(x);
    const high = two(x + 8);
    a = f64x2.add(a, f64x2.mul(low, low));
    b = f64x2.add(b, f64x2.mul(high, high));
  }
  v128.store(lanes, a);
  v128.store(lanes, b, 16);
}

/** Adds the products of members j and k, their squares, and counts those below 0. */
function addProducts(j: i32, k: i32): void {
  const zero = f64x2.splat(0);
  const pair = pairOf(j, k);
  const dots = productsAt(pair);
  const squares = dots + squaresApart();
  const begin = valuesOf(j);
  const apart = valuesOf(k) - begin;
  let dotA = v128.load(dots);
  let dotB = v128.load(dots, 16);
  let squareA = v128.load(squares);
  let squareB = v128.load(squares, 16);
  let opposed = zero;
  for (let x = begin, end = begin + bytes; x != end; x += 16) {
    const a = f64x2.mul(two(x), two(x + apart));
    const b = f64x2.mul(two(x + 8), two(x + apart + 8));
    dotA = f64x2.add(dotA, a);
    dotB = f64x2.add(dotB, b);
    squareA = f64x2.add(squareA, f64x2.mul(a, a));
    squareB = f64x2.add(squareB, f64x2.mul(b, b));
    opposed = i64x2.add(opposed, i64x2.add(f64x2.lt(a, zero), f64x2.lt(b, zero)));
  }
  v128.store(dots, dotA);
  v128.store(dots, dotB, 16);
  v128.store(squares, squareA);
  v128.store(squares, squareB, 16);
  countDown(opposedAt(pair), opposed);
}

/** Adds min(P,N) and counts where P = N, as in geometry-shared-few.ts. */
function addConflict(size: i32): void {
  const zero = f64x2.splat(0);
  const lanes = conflictAt();
  const last = <usize>size * STRIDE;
  let cancelled = zero;
  for (let half: usize = 0; half != 32; half += 16) {
    let conflict = v128.load(lanes + half);
    for (let at = gathered + (half >> 1), end = at + bytes; at != end; at += 16) {
      let positive = zero;
      let minus = zero;
      for (let value = at, stop = at + last; value != stop; value += STRIDE) {
        const x = two(value);
        positive = f64x2.add(positive, f64x2.pmax(x, zero));
        minus = f64x2.add(minus, f64x2.pmin(x, zero));
      }
      const negative = f64x2.sub(zero, minus);
      conflict = f64x2.add(conflict, f64x2.pmin(positive, negative));
      cancelled = i64x2.add(cancelled, f64x2.eq(f64x2.add(positive, minus), zero));
    }
    v128.store(lanes + half, conflict);
  }
  countDown(cancelledAt(), cancelled);
}
