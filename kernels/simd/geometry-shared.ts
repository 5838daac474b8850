/**
 * Sums over the elements that two or more operands changed.
 *
 * Few pairs meet at an element, and which do is known from its mask. So elements are sorted by mask first; the elements
 * of one mask are then dense vectors of just the operands that changed them, and every product is one that counts.
 */
import { elementAt, ENTRY } from './geometry-operands';
import { packingOrder16 } from './geometry-packing';

/** Elements searched at a time, and the indices (u16) found there; room for a last whole vector. */
const BLOCK: i32 = 1024;
const found = memory.data(2064, 16);

/** Elements collected of a mask before they are summed up, their indices (u32) for each mask, and how many (u32). */
const CAPACITY: i32 = 64;
const BUCKET_SHIFT: usize = 8;
const buckets = memory.data(65536, 16);
const fills = memory.data(1024, 16);

/** f64 of the operands of a mask: a bucket of each, with room for what fills up the first and the last four. */
const STRIDE: usize = 576;
const wide = memory.data(4608, 16);
/** Where the f32 of the second of two members begin in `wide`. */
const SECOND: usize = 576;
/** The operands of a mask (u32). */
const members = memory.data(32, 16);

/** Bytes of the four lanes of a sum. */
const LANES: usize = 32;

/** See kernels/abi.ts. */
export function sumShared(
  table: usize, operands: i32, mask: usize, count: i32, ranks: usize, lanes: usize, counters: usize,
): void {
  for (let first = 0; first < count; first += BLOCK) {
    const end = found + (<usize>findShared(mask + <usize>first, min(count - first, BLOCK)) << 1);
    for (let at = found; at != end; at += 2) {
      const index = first + <i32>load<u16>(at);
      const mark = <usize>load<u8>(mask + <usize>index);
      const counter = fills + (mark << 2);
      const fill = load<i32>(counter);
      store<i32>(buckets + (mark << BUCKET_SHIFT) + (<usize>fill << 2), index);
      store<i32>(counter, fill + 1);
      if (fill + 1 == CAPACITY) emptyBucket(table, operands, <i32>mark, ranks, lanes, counters);
    }
  }
  for (let mark = 3; mark < 1 << operands; mark++) {
    if (load<i32>(fills + (<usize>mark << 2))) emptyBucket(table, operands, mark, ranks, lanes, counters);
  }
}

/** Writes the indices of the elements with two or more marks to `found`; returns how many. */
function findShared(mask: usize, count: i32): i32 {
  const zero = i8x16.splat(0);
  const one = i8x16.splat(1);
  const eight = i16x8.splat(8);
  let indices = i16x8(0, 1, 2, 3, 4, 5, 6, 7);
  let to = found;
  let index: i32 = 0;
  for (; index + 16 <= count; index += 16) {
    const marks = v128.load(mask + <usize>index);
    // A number shares no bit with the one below it only if it is a power of two, or 0.
    const few = i8x16.bitmask(i8x16.eq(v128.and(marks, i8x16.sub(marks, one)), zero));
    const lanes = ~few;
    v128.store(to, v128.swizzle(indices, packingOrder16(lanes & 0xff)));
    to += <usize>popcnt(lanes & 0xff) << 1;
    indices = i16x8.add(indices, eight);
    v128.store(to, v128.swizzle(indices, packingOrder16((lanes >> 8) & 0xff)));
    to += <usize>popcnt((lanes >> 8) & 0xff) << 1;
    indices = i16x8.add(indices, eight);
  }
  for (; index < count; index++) {
    const mark = <i32>load<u8>(mask + <usize>index);
    store<u16>(to, <u16>index);
    to += <usize>((mark & (mark - 1)) != 0) << 1;
  }
  return <i32>((to - found) >> 1);
}

/** Adds up the elements of a bucket, which has some, and empties it. */
function emptyBucket(table: usize, operands: i32, mark: i32, ranks: usize, lanes: usize, counters: usize): void {
  const counter = fills + (<usize>mark << 2);
  const count = load<i32>(counter);
  const rank = ranks + <usize>mark;
  const begin = <i32>load<u8>(rank);
  store<i32>(counter, 0);
  store<u8>(rank, <u8>((begin + count) & 3));
  let size = 0;
  for (let rest = mark; rest; rest &= rest - 1, size++) store<i32>(members + (<usize>size << 2), ctz(rest));
  const padded = <usize>((begin + count + 3) & ~3);
  const bytes = padded << 3;
  const indices = buckets + (<usize>mark << BUCKET_SHIFT);
  const pairs = (operands * (operands - 1)) >> 1;
  const sums = lanes + <usize>mark * <usize>(2 * pairs + operands + 1) * LANES;
  if (size == 2) {
    gatherTwo(table, indices, count, begin, padded);
    addTwo(padded, sums, operands, pairs, counters);
    return;
  }
  for (let member = 0; member < size; member++) {
    const from = elementAt(table + <usize>operandOf(member) * ENTRY, 0);
    gather(from, indices, count, wide + <usize>member * STRIDE, begin, bytes);
  }
  for (let j = 0; j < size; j++) {
    const first = operandOf(j);
    addSquares(wide + <usize>j * STRIDE, bytes, sums + <usize>(2 * pairs + first) * LANES);
    for (let k = j + 1; k < size; k++) {
      const pair = <usize>pairOf(first, operandOf(k), operands);
      const dots = sums + pair * LANES;
      addProducts(j, k, bytes, dots, dots + <usize>pairs * LANES, counters + (pair << 2));
    }
  }
  addConflict(size, bytes, sums + <usize>(2 * pairs + operands) * LANES, counters + (<usize>pairs << 2));
}

function operandOf(member: i32): i32 {
  return load<i32>(members + (<usize>member << 2));
}

/** Index of the pair j < k. */
function pairOf(j: i32, k: i32, operands: i32): i32 {
  return j * (operands - 1) - ((j * (j - 1)) >> 1) + k - j - 1;
}

/** Widens `count` chosen f32 to `to`, from its element `begin` (0…3) on; +0 fills up the first and last four. */
function gather(from: usize, indices: usize, count: i32, to: usize, begin: i32, bytes: usize): void {
  const zero = i32x4.splat(0);
  v128.store(to, zero);
  v128.store(to, zero, 16);
  v128.store(to + bytes - 32, zero);
  v128.store(to + bytes - 16, zero);
  to += <usize>begin << 3;
  for (let end = indices + (<usize>count << 2); indices != end; indices += 4, to += 8) {
    store<f64>(to, <f64>load<f32>(from + (<usize>load<u32>(indices) << 2)));
  }
}

/** Copies `count` chosen f32 of the two members to `wide`, padded as `gather` does. */
function gatherTwo(table: usize, indices: usize, count: i32, begin: i32, padded: usize): void {
  const zero = i32x4.splat(0);
  const last = (padded << 2) - 16;
  v128.store(wide, zero);
  v128.store(wide + SECOND, zero);
  v128.store(wide + last, zero);
  v128.store(wide + SECOND + last, zero);
  const x = elementAt(table + <usize>operandOf(0) * ENTRY, 0);
  const y = elementAt(table + <usize>operandOf(1) * ENTRY, 0);
  let to = wide + (<usize>begin << 2);
  for (let end = indices + (<usize>count << 2); indices != end; indices += 4, to += 4) {
    const offset = <usize>load<u32>(indices) << 2;
    store<u32>(to, load<u32>(x + offset));
    store<u32>(to, load<u32>(y + offset), SECOND);
  }
}

/** Everything that the elements of two members add, in one pass; the same operations as for more of them. */
function addTwo(padded: usize, sums: usize, operands: i32, pairs: i32, counters: usize): void {
  const zero = f64x2.splat(0);
  const pair = <usize>pairOf(operandOf(0), operandOf(1), operands);
  const dots = sums + pair * LANES;
  const squares = dots + <usize>pairs * LANES;
  const ownX = sums + <usize>(2 * pairs + operandOf(0)) * LANES;
  const ownY = sums + <usize>(2 * pairs + operandOf(1)) * LANES;
  const conflicts = sums + <usize>(2 * pairs + operands) * LANES;
  let opposed = zero;
  let cancelled = zero;
  for (let half: usize = 0; half != 2; half++) {
    const lane = half << 4;
    let dot = v128.load(dots + lane);
    let square = v128.load(squares + lane);
    let squareX = v128.load(ownX + lane);
    let squareY = v128.load(ownY + lane);
    let conflict = v128.load(conflicts + lane);
    for (let at = wide + (half << 3), end = at + (padded << 2); at != end; at += 16) {
      const x = f64x2.promote_low_f32x4(v128.load64_zero(at));
      const y = f64x2.promote_low_f32x4(v128.load64_zero(at, SECOND));
      const product = f64x2.mul(x, y);
      dot = f64x2.add(dot, product);
      square = f64x2.add(square, f64x2.mul(product, product));
      squareX = f64x2.add(squareX, f64x2.mul(x, x));
      squareY = f64x2.add(squareY, f64x2.mul(y, y));
      opposed = i64x2.add(opposed, f64x2.lt(product, zero));
      const positive = f64x2.add(f64x2.pmax(x, zero), f64x2.pmax(y, zero));
      const negative = f64x2.sub(zero, f64x2.add(f64x2.pmin(x, zero), f64x2.pmin(y, zero)));
      conflict = f64x2.add(conflict, f64x2.pmin(positive, negative));
      cancelled = i64x2.add(cancelled, v128.and(f64x2.eq(positive, negative), f64x2.gt(positive, zero)));
    }
    v128.store(dots + lane, dot);
    v128.store(squares + lane, square);
    v128.store(ownX + lane, squareX);
    v128.store(ownY + lane, squareY);
    v128.store(conflicts + lane, conflict);
  }
  countDown(counters + (pair << 2), opposed);
  countDown(counters + (<usize>pairs << 2), cancelled);
}

function addSquares(x: usize, bytes: usize, lanes: usize): void {
  let a = v128.load(lanes);
  let b = v128.load(lanes, 16);
  for (let end = x + bytes; x != end; x += 32) {
    const low = v128.load(x);
    const high = v128.load(x, 16);
    a = f64x2.add(a, f64x2.mul(low, low));
    b = f64x2.add(b, f64x2.mul(high, high));
  }
  v128.store(lanes, a);
  v128.store(lanes, b, 16);
}

/** Adds the products of members j and k, their squares, and counts those below 0. */
function addProducts(j: i32, k: i32, bytes: usize, dots: usize, squares: usize, counter: usize): void {
  const zero = f64x2.splat(0);
  const apart = <usize>(k - j) * STRIDE;
  let dotA = v128.load(dots);
  let dotB = v128.load(dots, 16);
  let squareA = v128.load(squares);
  let squareB = v128.load(squares, 16);
  let opposed = zero;
  const begin = wide + <usize>j * STRIDE;
  for (let x = begin, end = begin + bytes; x != end; x += 32) {
    const a = f64x2.mul(v128.load(x), v128.load(x + apart));
    const b = f64x2.mul(v128.load(x, 16), v128.load(x + apart, 16));
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
  countDown(counter, opposed);
}

/** Subtracts both lanes (i64) from a counter. */
function countDown(counter: usize, lanes: v128): void {
  const sum = <i32>(i64x2.extract_lane(lanes, 0) + i64x2.extract_lane(lanes, 1));
  store<i32>(counter, load<i32>(counter) - sum);
}

/**
 * Adds min(P,N) and counts where P = N ≠ 0. The sum of an element's negative values is −N bit for bit: rounding knows
 * no sign. Of a NaN and 0 both choices are the NaN.
 */
function addConflict(size: i32, bytes: usize, lanes: usize, counter: usize): void {
  const zero = f64x2.splat(0);
  let a = v128.load(lanes);
  let b = v128.load(lanes, 16);
  let cancelled = zero;
  const last = <usize>size * STRIDE;
  for (let x = wide, end = wide + bytes; x != end; x += 32) {
    let positiveA = zero;
    let positiveB = zero;
    let minusA = zero;
    let minusB = zero;
    for (let at = x, stop = x + last; at != stop; at += STRIDE) {
      const low = v128.load(at);
      const high = v128.load(at, 16);
      positiveA = f64x2.add(positiveA, f64x2.pmax(low, zero));
      minusA = f64x2.add(minusA, f64x2.pmin(low, zero));
      positiveB = f64x2.add(positiveB, f64x2.pmax(high, zero));
      minusB = f64x2.add(minusB, f64x2.pmin(high, zero));
    }
    const negativeA = f64x2.sub(zero, minusA);
    const negativeB = f64x2.sub(zero, minusB);
    a = f64x2.add(a, f64x2.pmin(positiveA, negativeA));
    b = f64x2.add(b, f64x2.pmin(positiveB, negativeB));
    const both = v128.and(f64x2.eq(positiveA, negativeA), f64x2.gt(positiveA, zero));
    cancelled = i64x2.add(cancelled, both);
    cancelled = i64x2.add(cancelled, v128.and(f64x2.eq(positiveB, negativeB), f64x2.gt(positiveB, zero)));
  }
  v128.store(lanes, a);
  v128.store(lanes, b, 16);
  countDown(counter, cancelled);
}
