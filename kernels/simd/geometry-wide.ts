/**
 * Blocks of all operands widened to f64, for sums over pairs of operands.
 *
 * Most changes of different operands do not meet: where fewer than two of them are not 0, all products of pairs are 0.
 * So the elements that two or more changed are collected first, each behind those before it of the same lane (index
 * mod 8), which leaves every lane its terms in their order, and +0 for what is missing at the end. Where too many meet
 * for this to be worth it, blocks are widened as they are.
 */
import { elementAt, ENTRY } from './geometry-operands';
import { packingOrder32 } from './packing';

/** Bytes of the eight lanes of one sum, and of eight consecutive f64. */
export const LANES: usize = 64;

/** Elements of a widened block, and bytes of them; four operands take a quarter of a first-level cache. */
const BLOCK: i32 = 256;
export const STRIDE: usize = 2048;
/** Room for the ten operands that `sumProducts` may have. */
export const wide = memory.data(20480, 16);

/** Elements that are searched for shared changes at a time, for at most one block of them. */
const SPAN: i32 = 1024;
/** Elements that are not searched after a span with too many: a tensor's elements are much alike. */
const UNSEARCHED: usize = 8 * 1024;
/** Indices (u32) within the span of elements that two or more operands changed; room for a last whole vector. */
const shared = memory.data(4112, 16);
/** Where each goes (u32), in bytes from its operand's start in `wide`, and elements collected in each lane (u32). */
const places = memory.data(1024, 16);
const filled = memory.data(32, 16);

/** Bytes of each operand that the last `widenNext` left in `wide`, in whole eights of f64. */
export let wideBytes: usize = 0;
/** Offset up to which blocks are widened as they are, since too many changes meet. */
let denseUntil: usize = 0;

/** Before the first `widenNext` of a range. */
export function beginWidening(): void {
  denseUntil = 0;
}

/**
 * Widens what comes next from byte `offset` on, at most `rest` elements, and returns how many those are. With `sparse`,
 * elements may be left out where fewer than two operands are not 0.
 */
export function widenNext(table: usize, operands: i32, offset: usize, rest: i32, sparse: bool): i32 {
  if (rest < 8) {
    widenTail(table, operands, offset, rest);
    return rest;
  }
  if (sparse && offset >= denseUntil) {
    const span = min(rest, SPAN) & ~7;
    if (collectShared(table, operands, offset, span)) return span;
    denseUntil = offset + (UNSEARCHED << 2);
  }
  const block = min(rest, BLOCK) & ~7;
  widenAll(table, operands, offset, block);
  return block;
}

/** Widens `count` elements, a multiple of 8, of every operand from byte `offset` on. */
function widenAll(table: usize, operands: i32, offset: usize, count: i32): void {
  wideBytes = <usize>count << 3;
  let to = wide;
  for (let operand = 0; operand < operands; operand++, table += ENTRY, to += STRIDE) {
    let from = elementAt(table, offset);
    for (let at = to, end = to + wideBytes; at != end; at += 64, from += 32) {
      v128.store(at, f64x2.promote_low_f32x4(v128.load64_zero(from)));
      v128.store(at, f64x2.promote_low_f32x4(v128.load64_zero(from, 8)), 16);
      v128.store(at, f64x2.promote_low_f32x4(v128.load64_zero(from, 16)), 32);
      v128.store(at, f64x2.promote_low_f32x4(v128.load64_zero(from, 24)), 48);
    }
  }
}

/** Widens fewer than eight elements of every operand; +0 stands for the rest, which changes no sum that began at +0. */
function widenTail(table: usize, operands: i32, offset: usize, count: i32): void {
  wideBytes = LANES;
  let to = wide;
  for (let operand = 0; operand < operands; operand++, table += ENTRY, to += STRIDE) {
    const from = elementAt(table, offset);
    memory.fill(to, 0, LANES);
    for (let i: usize = 0; i < <usize>count; i++) store<f64>(to + (i << 3), <f64>load<f32>(from + (i << 2)));
  }
}

/** Widens the elements that two or more operands changed, in rows of eight; or returns false if they are too many. */
function collectShared(table: usize, operands: i32, offset: usize, count: i32): bool {
  const found = findShared(table, table + <usize>operands * ENTRY, offset, count);
  if (found > BLOCK) return false;
  const rows = placeShared(found);
  if (rows > BLOCK / 8) return false;
  wideBytes = <usize>rows * LANES;
  let to = wide;
  for (let operand = 0; operand < operands; operand++, table += ENTRY, to += STRIDE) {
    const from = elementAt(table, offset);
    memory.fill(to, 0, wideBytes);
    for (let at: usize = 0, end = <usize>found << 2; at != end; at += 4) {
      store<f64>(to + load<u32>(places + at), <f64>load<f32>(from + (<usize>load<u32>(shared + at) << 2)));
    }
  }
  return true;
}

/** Gives each of the first `count` shared elements the next place of its lane; returns how long the longest lane is. */
function placeShared(count: i32): i32 {
  memory.fill(filled, 0, 32);
  let longest: i32 = 0;
  for (let at: usize = 0, end = <usize>count << 2; at != end; at += 4) {
    const lane = load<u32>(shared + at) & 7;
    const counter = filled + (<usize>lane << 2);
    const row = load<i32>(counter);
    store<i32>(counter, row + 1);
    store<u32>(places + at, (<u32>row << 6) + (lane << 3));
    longest = max(longest, row + 1);
  }
  return longest;
}

/** Writes the indices of the elements that two or more operands changed to `shared`; returns how many. */
function findShared(table: usize, end: usize, offset: usize, count: i32): i32 {
  const zero = f32x4.splat(0);
  const one = i32x4.splat(-1);
  const step = i32x4.splat(4);
  let indices = i32x4(0, 1, 2, 3);
  let to = shared;
  for (let rest = count; rest > 0; rest -= 8, offset += 32) {
    // Each change counts −1.
    let low = zero;
    let high = zero;
    for (let entry = table; entry != end; entry += ENTRY) {
      const x = elementAt(entry, offset);
      low = i32x4.add(low, f32x4.ne(v128.load(x), zero));
      high = i32x4.add(high, f32x4.ne(v128.load(x, 16), zero));
    }
    const lowLanes = i32x4.bitmask(i32x4.lt_s(low, one));
    v128.store(to, v128.swizzle(indices, packingOrder32(lowLanes)));
    to += <usize>popcnt(lowLanes) << 2;
    indices = i32x4.add(indices, step);
    const highLanes = i32x4.bitmask(i32x4.lt_s(high, one));
    v128.store(to, v128.swizzle(indices, packingOrder32(highLanes)));
    to += <usize>popcnt(highLanes) << 2;
    indices = i32x4.add(indices, step);
  }
  return <i32>((to - shared) >> 2);
}
