/**
 * Sums over the elements that two or more operands changed.
 *
 * Few pairs meet at an element, and which do is known from its mask. So elements are sorted by mask first; the elements
 * of one mask are then dense vectors of just the operands that changed them, and every product is one that counts.
 */
import { elementAt, ENTRY } from './geometry-operands';
import { lanesIn } from './packing';
import { addPair, addThreeOrFour } from './geometry-shared-few';
import { addMany } from './geometry-shared-many';
import { cancelledAt, gathered, operandOf, setMembers, STRIDE } from './geometry-shared-members';

/** Elements of a mask that are not to become more before they are summed up, at a span's end at the latest. */
const ENOUGH: i32 = 640;
/** Elements sorted at a time; together with fewer than are enough, what a bucket has room for. */
const BLOCK: i32 = 384;
/** Elements that indices of 16 bits are for. */
const SPAN: i32 = 32256;

/** The indices (u16) of elements found in a block; room for a last whole vector. */
const found = memory.data(784, 16);

/** Elements collected of a mask before they are summed up, their indices (u16) for each mask, and how many (u32). */
const BUCKET_SHIFT: usize = 11;
const buckets = memory.data(524288, 16);
const fills = memory.data(1024, 16);

/** Byte in an operand's f32 where the span begins. */
let spanOffset: usize = 0;

/** See kernels/abi.ts. */
export function sumShared(
  table: usize, operands: i32, mask: usize, count: i32, ranks: usize, lanes: usize, counters: usize,
): void {
  for (let first = 0; first < count; first += SPAN) {
    spanOffset = <usize>first << 2;
    addSpan(table, operands, mask + <usize>first, min(count - first, SPAN), ranks, lanes, counters);
  }
}

function addSpan(
  table: usize, operands: i32, mask: usize, count: i32, ranks: usize, lanes: usize, counters: usize,
): void {
  for (let first = 0; first < count; first += BLOCK) {
    const marks = mask + <usize>first;
    sortByMask(marks, findShared(marks, min(count - first, BLOCK)), first);
    const enough = first + BLOCK < count ? ENOUGH : 1;
    for (let mark = 3; mark < 1 << operands; mark++) {
      if (load<i32>(fills + (<usize>mark << 2)) < enough) continue;
      emptyBucket(table, operands, mark, ranks, lanes, counters);
    }
  }
}

/** Writes the indices of the elements with two or more marks to `found`; returns where they end. */
function findShared(mask: usize, count: i32): usize {
  const zero = i8x16.splat(0);
  const one = i8x16.splat(1);
  const eight = i16x8.splat(8);
  let origin = i16x8.splat(0);
  let to = found;
  let index: i32 = 0;
  for (; index + 16 <= count; index += 16) {
    const marks = v128.load(mask + <usize>index);
    // A number shares no bit with the one below it only if it is a power of two, or 0.
    const few = i8x16.bitmask(i8x16.eq(v128.and(marks, i8x16.sub(marks, one)), zero));
    const lanes = ~few;
    v128.store(to, i16x8.add(origin, lanesIn(lanes & 0xff)));
    to += <usize>popcnt(lanes & 0xff) << 1;
    origin = i16x8.add(origin, eight);
    v128.store(to, i16x8.add(origin, lanesIn((lanes >> 8) & 0xff)));
    to += <usize>popcnt((lanes >> 8) & 0xff) << 1;
    origin = i16x8.add(origin, eight);
  }
  for (; index < count; index++) {
    const mark = <i32>load<u8>(mask + <usize>index);
    store<u16>(to, <u16>index);
    to += <usize>((mark & (mark - 1)) != 0) << 1;
  }
  return to;
}

/** Puts the elements found up to `end`, whose masks begin at `mask` and indices at `first`, into their buckets. */
function sortByMask(mask: usize, end: usize, first: i32): void {
  for (let at = found; at != end; at += 2) {
    const index = <usize>load<u16>(at);
    const mark = <usize>load<u8>(mask + index);
    const counter = fills + (mark << 2);
    const fill = load<i32>(counter);
    store<i32>(counter, fill + 1);
    store<u16>(buckets + (mark << BUCKET_SHIFT) + (<usize>fill << 1), <u16>(first + <i32>index));
  }
}

/** Adds up the elements of a bucket, which has some, and empties it. */
function emptyBucket(table: usize, operands: i32, mark: i32, ranks: usize, lanes: usize, counters: usize): void {
  const counter = fills + (<usize>mark << 2);
  const count = load<i32>(counter);
  const rank = ranks + <usize>mark;
  const begin = <i32>load<u8>(rank);
  store<i32>(counter, 0);
  store<u8>(rank, <u8>((begin + count) & 3));
  const bytes = <usize>((begin + count + 3) & ~3) << 2;
  const size = setMembers(mark, operands, lanes, counters, bytes);
  const indices = buckets + (<usize>mark << BUCKET_SHIFT);
  for (let member = 0; member < size; member++) clearEnds(gathered + <usize>member * STRIDE, bytes);
  const to = gathered + (<usize>begin << 2);
  let member = 0;
  for (; member + 4 <= size; member += 4) gather<Four>(table, indices, count, member, to);
  if (member + 3 == size) gather<Three>(table, indices, count, member, to);
  else if (member + 2 == size) gather<Two>(table, indices, count, member, to);
  else if (member < size) gather<One>(table, indices, count, member, to);
  if (size == 2) addPair();
  else if (size <= 4) addThreeOrFour(size);
  else addMany(size);
  // The zeros that fill up the ends look like an exact cancellation.
  const cancelled = cancelledAt();
  store<i32>(cancelled, load<i32>(cancelled) - (<i32>(bytes >> 2) - count));
}

/** Fills up the first and the last four of a member with +0. */
function clearEnds(begin: usize, bytes: usize): void {
  const zero = i32x4.splat(0);
  v128.store(begin, zero);
  v128.store(begin + bytes - 16, zero);
}

function memberAt(table: usize, member: i32): usize {
  return elementAt(table + <usize>operandOf(member) * ENTRY, spanOffset);
}

/** How many members are gathered at a time: types of as many bytes or more, so that loops come without a branch. */
type One = i8;
type Two = i16;
type Three = i32;
type Four = i64;

/** Copies the `count` chosen f32 of a member, and of those that follow it, to their places beyond `to`. */
function gather<N>(table: usize, indices: usize, count: i32, member: i32, to: usize): void {
  const x = memberAt(table, member);
  const y = sizeof<N>() < sizeof<Two>() ? x : memberAt(table, member + 1);
  const z = sizeof<N>() < sizeof<Three>() ? x : memberAt(table, member + 2);
  const w = sizeof<N>() < sizeof<Four>() ? x : memberAt(table, member + 3);
  to += <usize>member * STRIDE;
  for (let end = indices + (<usize>count << 1); indices != end; indices += 2, to += 4) {
    const offset = <usize>load<u16>(indices) << 2;
    store<u32>(to, load<u32>(x + offset));
    if (sizeof<N>() >= sizeof<Two>()) store<u32>(to, load<u32>(y + offset), STRIDE);
    if (sizeof<N>() >= sizeof<Three>()) store<u32>(to, load<u32>(z + offset), 2 * STRIDE);
    if (sizeof<N>() >= sizeof<Four>()) store<u32>(to, load<u32>(w + offset), 3 * STRIDE);
  }
}
