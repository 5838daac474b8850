/**
 * Random masks, one bit for each element: bit i & 7 of byte i >> 3, unused bits 0. Which elements a mask keeps is
 * defined in kernels/reference/random.ts; here 128 are compared at once, bit by bit of their first digits, and the one in
 * 256 that needs more waits until eight of its kind can be drawn at once.
 */
import { drawBlock, GROUP_BYTES, MASK_BLOCK, MASK_GROUP, maskBits } from './mask-bits';
import { encrypt, STREAM_MASK_REST, useKey } from './philox';

/** The bits of the density's digit, the highest first, each in all lanes. */
const densityBits = memory.data(128, 16);
/** A bit for each element of the group whose digit is not above that of the density, and for each where it is equal. */
const notAbove = memory.data(16, 16);
const equal = memory.data(16, 16);

/** Elements whose digit is that of the density: u32, counted from the first of the range. */
const undecided = memory.data(17424, 16);
/** Where they are decided: 256 of them, which leaves room for all of one more block and for one store beyond. */
const UNDECIDED_BYTES: usize = 1024;
/** Random words of eight undecided elements. */
const rest = memory.data(128, 16);

/** See kernels/abi.ts. Fastest from a `firstIndex` that is a multiple of 8: later groups then fill whole bytes. */
export function drawMask(
  destination: usize, count: i32, densityByte: i32, densityRest: u32, keyLow: i32, keyHigh: i32, firstIndex: f64,
): void {
  const first = <u64>firstIndex;
  useKey(keyLow, keyHigh);
  useDensity(densityByte);
  let waiting = undecided;
  for (let done: i32 = 0; done < count; ) {
    const index = first + <u64>done;
    const begin = <i32>(index & (MASK_BLOCK - 1));
    const end = done + min(count - done, MASK_BLOCK - begin);
    drawBlock(index / MASK_BLOCK);
    waiting = takeBlock(destination, begin, done, end, waiting);
    done = end;
    if (waiting >= undecided + UNDECIDED_BYTES) {
      decide(destination, waiting, first, densityRest);
      waiting = undecided;
    }
  }
  decide(destination, waiting, first, densityRest);
}

/** Writes the bits of elements `position` … `end` − 1 of the range, which begin with element `begin` of the block. */
function takeBlock(destination: usize, begin: i32, position: i32, end: i32, waiting: usize): usize {
  while (position < end) {
    const inGroup = begin & (MASK_GROUP - 1);
    const taken = min(end - position, MASK_GROUP - inGroup);
    compareDigits(maskBits + <usize>(begin - inGroup));
    waiting = taken == MASK_GROUP && !(position & 7)
      ? takeGroup(destination + (<usize>position >> 3), position, waiting)
      : takeSome(destination, inGroup, taken, position, waiting);
    begin += taken;
    position += taken;
  }
  return waiting;
}

function useDensity(densityByte: i32): void {
  for (let bit = 0; bit < 8; bit++) {
    v128.store(densityBits + (<usize>bit << 4), i32x4.splat(-((densityByte >> (7 - bit)) & 1)));
  }
}

/** From the lowest bit on: where the two differ the digits compare as the bits do, and else as those below. */
function compareDigits(group: usize): void {
  let below = i32x4.splat(-1);
  let different = i32x4.splat(0);
  for (let at = GROUP_BYTES; at != 0; ) {
    at -= 16;
    const density = v128.load(densityBits + at);
    const differs = v128.xor(v128.load(group + at), density);
    below = v128.bitselect(density, below, differs);
    different = v128.or(different, differs);
  }
  v128.store(notAbove, below);
  v128.store(equal, v128.not(different));
}

/**
 * Writes the bits of a whole group, whose first is element `position` of the range. Digits equal to the density count
 * as kept for now; their elements are appended at `waiting`, whose new end is returned.
 */
function takeGroup(to: usize, position: i32, waiting: usize): usize {
  v128.store(to, v128.load(notAbove));
  for (let half: usize = 0; half < 16; half += 8, position += 64) {
    let ties = load<u64>(equal + half);
    // Every fourth half has one, hardly any has two: one is appended without a branch that would often go wrong.
    store<u32>(waiting, position + <i32>ctz(ties));
    waiting += <usize>(ties != 0) << 2;
    for (ties &= ties - 1; ties; ties &= ties - 1, waiting += 4) store<u32>(waiting, position + <i32>ctz(ties));
  }
  return waiting;
}

/** The same for `count` elements of a group from its element `begin`, bit by bit. */
function takeSome(destination: usize, begin: i32, count: i32, position: i32, waiting: usize): usize {
  for (let element = begin; element < begin + count; element++, position++) {
    const to = destination + (<usize>position >> 3);
    const before: i32 = position & 7 ? load<u8>(to) : 0;
    store<u8>(to, <u8>(before | (bitOf(notAbove, element) << (position & 7))));
    store<u32>(waiting, position);
    waiting += <usize>bitOf(equal, element) << 2;
  }
  return waiting;
}

function bitOf(bits: usize, element: i32): i32 {
  return (<i32>load<u8>(bits + (<usize>element >> 3)) >> (element & 7)) & 1;
}

/** Draws 32 more bits for each undecided element up to `end`, and takes back those that they do not keep. */
function decide(destination: usize, end: usize, first: u64, densityRest: u32): void {
  const start = i64x2.splat(first);
  for (let from = undecided; from < end; from += 32) {
    const positions = v128.load(from);
    const others = v128.load(from, 16);
    const a = i64x2.add(start, i64x2.extend_low_i32x4_u(positions));
    const b = i64x2.add(start, i64x2.extend_high_i32x4_u(positions));
    const c = i64x2.add(start, i64x2.extend_low_i32x4_u(others));
    const d = i64x2.add(start, i64x2.extend_high_i32x4_u(others));
    encrypt(
      rest,
      v128.shuffle<i32>(a, b, 0, 2, 4, 6), v128.shuffle<i32>(a, b, 1, 3, 5, 7),
      v128.shuffle<i32>(c, d, 0, 2, 4, 6), v128.shuffle<i32>(c, d, 1, 3, 5, 7),
      STREAM_MASK_REST,
    );
    for (let k: usize = 0; k < 8 && from + (k << 2) < end; k++) {
      const position = load<u32>(from + (k << 2));
      const to = destination + (<usize>position >> 3);
      // The first words of four counters begin a block.
      const drops = i32(load<u32>(rest + ((k & 4) << 4) + ((k & 3) << 2)) >= densityRest);
      store<u8>(to, <u8>(load<u8>(to) & ~(drops << (position & 7))));
    }
  }
}
