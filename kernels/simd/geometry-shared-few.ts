/**
 * What the elements of a mask of two, three or four members add to the sums of `sumShared`. The four lanes of a sum are taken
 * two at a time, so that accumulators fit into registers.
 */
import {
  bytes, cancelledAt, conflictAt, countDown, gathered, opposedAt, ownSquaresAt, pairOf, productsAt, squaresApart, STRIDE, two,
  valuesOf,
} from './geometry-shared-members';

/** Everything that the elements of a mask of two members add. */
export function addPair(): void {
  const zero = f64x2.splat(0);
  const pair = pairOf(0, 1);
  const dots = productsAt(pair);
  const squares = dots + squaresApart();
  const ownX = ownSquaresAt(0);
  const ownY = ownSquaresAt(1);
  const conflicts = conflictAt();
  let opposed = zero;
  let cancelled = zero;
  for (let half: usize = 0; half != 32; half += 16) {
    let dot = v128.load(dots + half);
    let square = v128.load(squares + half);
    let squareX = v128.load(ownX + half);
    let squareY = v128.load(ownY + half);
    let conflict = v128.load(conflicts + half);
    for (let at = gathered + (half >> 1), end = at + bytes; at != end; at += 16) {
      const x = two(at);
      const y = two(at + STRIDE);
      const product = f64x2.mul(x, y);
      dot = f64x2.add(dot, product);
      square = f64x2.add(square, f64x2.mul(product, product));
      squareX = f64x2.add(squareX, f64x2.mul(x, x));
      squareY = f64x2.add(squareY, f64x2.mul(y, y));
      // Of two that are opposed, one is P and the other N; of others, P or N is 0.
      const isOpposed = f64x2.lt(product, zero);
      opposed = i64x2.add(opposed, isOpposed);
      const sizeX = f64x2.abs(x);
      const sizeY = f64x2.abs(y);
      conflict = f64x2.add(conflict, v128.and(f64x2.pmin(sizeX, sizeY), isOpposed));
      cancelled = i64x2.add(cancelled, f64x2.eq(f64x2.add(x, y), zero));
    }
    v128.store(dots + half, dot);
    v128.store(squares + half, square);
    v128.store(ownX + half, squareX);
    v128.store(ownY + half, squareY);
    // A NaN is opposed to nothing, but makes the conflict of its lane NaN as it does its square.
    const isNaN = v128.or(f64x2.ne(squareX, squareX), f64x2.ne(squareY, squareY));
    v128.store(conflicts + half, v128.or(conflict, isNaN));
  }
  countDown(opposedAt(pair), opposed);
  countDown(cancelledAt(), cancelled);
}

/** Three pairs at a time: those of three members, or those of one with three others. */
type Triangle = i8;
type Star = i16;

/** Everything that the elements of a mask of three or four members add. */
export function addThreeOrFour(size: i32): void {
  if (size == 3) {
    addPairs<Triangle>(0, 1, 2, 0);
    addSides<Three>();
    return;
  }
  addPairs<Star>(0, 1, 2, 3);
  addPairs<Triangle>(1, 2, 3, 0);
  addSides<Four>();
}

/** Adds the pairs jk, jl and, of a triangle, kl, of a star jm. */
function addPairs<S>(j: i32, k: i32, l: i32, m: i32): void {
  const third = sizeof<S>() == sizeof<Triangle>() ? pairOf(k, l) : pairOf(j, m);
  for (let half: usize = 0; half != 32; half += 16) {
    const x = valuesOf(j) + (half >> 1);
    addHalf<S>(x, valuesOf(k) - valuesOf(j), valuesOf(l) - valuesOf(j), valuesOf(m) - valuesOf(j),
      pairOf(j, k), pairOf(j, l), third, half);
  }
}

/** The products of three pairs a, b, c, their squares, and how many are below 0, in two of four lanes. */
function addHalf<S>(
  x: usize, toK: usize, toL: usize, toM: usize, pairA: usize, pairB: usize, pairC: usize, half: usize,
): void {
  const zero = f64x2.splat(0);
  const apart = squaresApart();
  const atA = productsAt(pairA) + half;
  const atB = productsAt(pairB) + half;
  const atC = productsAt(pairC) + half;
  let dotA = v128.load(atA);
  let dotB = v128.load(atB);
  let dotC = v128.load(atC);
  let squareA = v128.load(atA + apart);
  let squareB = v128.load(atB + apart);
  let squareC = v128.load(atC + apart);
  let opposedA = zero;
  let opposedB = zero;
  let opposedC = zero;
  for (const end = x + bytes; x != end; x += 16) {
    const own = two(x);
    const second = two(x + toK);
    const third = two(x + toL);
    const a = f64x2.mul(own, second);
    const b = f64x2.mul(own, third);
    const c = sizeof<S>() == sizeof<Triangle>() ? f64x2.mul(second, third) : f64x2.mul(own, two(x + toM));
    dotA = f64x2.add(dotA, a);
    dotB = f64x2.add(dotB, b);
    dotC = f64x2.add(dotC, c);
    opposedA = i64x2.add(opposedA, f64x2.lt(a, zero));
    opposedB = i64x2.add(opposedB, f64x2.lt(b, zero));
    opposedC = i64x2.add(opposedC, f64x2.lt(c, zero));
    squareA = f64x2.add(squareA, f64x2.mul(a, a));
    squareB = f64x2.add(squareB, f64x2.mul(b, b));
    squareC = f64x2.add(squareC, f64x2.mul(c, c));
  }
  v128.store(atA, dotA);
  v128.store(atB, dotB);
  v128.store(atC, dotC);
  v128.store(atA + apart, squareA);
  v128.store(atB + apart, squareB);
  v128.store(atC + apart, squareC);
  countDown(opposedAt(pairA), opposedA);
  countDown(opposedAt(pairB), opposedB);
  countDown(opposedAt(pairC), opposedC);
}

/** How many members have sides. */
type Three = i8;
type Four = i16;

/**
 * Squares of three or four members, min(P,N), and how often P = N. The sum of an element's negative values is −N bit
 * for bit: rounding knows no sign. Of a NaN and 0 both choices are the NaN.
 */
function addSides<S>(): void {
  const hasFour = sizeof<S>() == sizeof<Four>();
  const zero = f64x2.splat(0);
  const ownW = ownSquaresAt(0);
  const ownX = ownSquaresAt(1);
  const ownY = ownSquaresAt(2);
  const ownZ = ownSquaresAt(hasFour ? 3 : 2);
  const conflicts = conflictAt();
  let cancelled = zero;
  for (let half: usize = 0; half != 32; half += 16) {
    let squareW = v128.load(ownW + half);
    let squareX = v128.load(ownX + half);
    let squareY = v128.load(ownY + half);
    let squareZ = v128.load(ownZ + half);
    let conflict = v128.load(conflicts + half);
    for (let at = gathered + (half >> 1), end = at + bytes; at != end; at += 16) {
      const w = two(at);
      const x = two(at + STRIDE);
      const y = two(at + 2 * STRIDE);
      squareW = f64x2.add(squareW, f64x2.mul(w, w));
      squareX = f64x2.add(squareX, f64x2.mul(x, x));
      squareY = f64x2.add(squareY, f64x2.mul(y, y));
      let positive = f64x2.add(f64x2.add(f64x2.pmax(w, zero), f64x2.pmax(x, zero)), f64x2.pmax(y, zero));
      let minus = f64x2.add(f64x2.add(f64x2.pmin(w, zero), f64x2.pmin(x, zero)), f64x2.pmin(y, zero));
      if (hasFour) {
        const z = two(at + 3 * STRIDE);
        squareZ = f64x2.add(squareZ, f64x2.mul(z, z));
        positive = f64x2.add(positive, f64x2.pmax(z, zero));
        minus = f64x2.add(minus, f64x2.pmin(z, zero));
      }
      const negative = f64x2.sub(zero, minus);
      conflict = f64x2.add(conflict, f64x2.pmin(positive, negative));
      cancelled = i64x2.add(cancelled, f64x2.eq(f64x2.add(positive, minus), zero));
    }
    v128.store(ownW + half, squareW);
    v128.store(ownX + half, squareX);
    v128.store(ownY + half, squareY);
    if (hasFour) v128.store(ownZ + half, squareZ);
    v128.store(conflicts + half, conflict);
  }
  countDown(cancelledAt(), cancelled);
}
