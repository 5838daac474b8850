/**
 * Random masks, one bit for each element: bit i & 7 of byte i >> 3, unused bits 0. Which elements a mask keeps is
 * defined in kernels/reference/random.ts; here most are decided by one byte of random words each, and the one in 256
 * that needs more waits until eight of its kind can be drawn at once.
 */
import { DRAW_BYTES, drawEight, encrypt, STREAM_MASK, STREAM_MASK_REST, useKey } from './philox';

/** Elements that share a draw: 32 words of 4 bytes. */
export const MASK_GROUP: i32 = 128;

/** The random words of the current group; read as bytes, they are the digits of its elements in order. */
const digits = memory.data(128, 16);

/** Elements whose digit is that of the density: u32, counted from the first of the range. */
const undecided = memory.data(1568, 16);
/** Where they are decided: 256 of them, which leaves room for all of one more group and for one store beyond. */
const UNDECIDED_BYTES: usize = 1024;
/** Random words of eight undecided elements. */
const rest = memory.data(128, 16);

/** See kernels/abi.ts. Fastest from a `firstIndex` that is a multiple of 8: later groups then fill whole bytes. */
export function drawMask(
  destination: usize, count: i32, densityByte: i32, densityRest: u32, keyLow: i32, keyHigh: i32, firstIndex: f64,
): void {
  const first = <u64>firstIndex;
  useKey(keyLow, keyHigh);
  let waiting = undecided;
  for (let done: i32 = 0; done < count; ) {
    const index = first + <u64>done;
    const begin = <i32>(index & (MASK_GROUP - 1));
    const taken = min(count - done, MASK_GROUP - begin);
    drawEight(digits, index >> 7, STREAM_MASK);
    waiting = taken == MASK_GROUP && !(done & 7)
      ? maskGroup(destination + (<usize>done >> 3), densityByte, done, waiting)
      : maskSome(destination, begin, taken, densityByte, done, waiting);
    done += taken;
    if (waiting >= undecided + UNDECIDED_BYTES) {
      decide(destination, waiting, first, densityRest);
      waiting = undecided;
    }
  }
  decide(destination, waiting, first, densityRest);
}

/**
 * Writes the bits of a whole group, whose first is element `position` of the range. Digits equal to the density count
 * as kept for now; their elements are appended at `waiting`, whose new end is returned.
 */
function maskGroup(to: usize, densityByte: i32, position: i32, waiting: usize): usize {
  const density = i8x16.splat(<i8>densityByte);
  for (let half: usize = 0; half < DRAW_BYTES; half += 64, position += 64) {
    let ties: u64 = 0;
    for (let at: usize = 0; at < 64; at += 16) {
      const drawn = v128.load(digits + half + at);
      store<u16>(to + ((half + at) >> 3), <u16>i8x16.bitmask(i8x16.le_u(drawn, density)));
      ties |= <u64>i8x16.bitmask(i8x16.eq(drawn, density)) << <u64>at;
    }
    // Every fourth half has one, hardly any has two: one is appended without a branch that would often go wrong.
    store<u32>(waiting, position + <i32>ctz(ties));
    waiting += <usize>(ties != 0) << 2;
    for (ties &= ties - 1; ties; ties &= ties - 1, waiting += 4) store<u32>(waiting, position + <i32>ctz(ties));
  }
  return waiting;
}

/** The same for `count` elements of a group from its element `begin`, bit by bit. */
function maskSome(
  destination: usize, begin: i32, count: i32, densityByte: i32, position: i32, waiting: usize,
): usize {
  for (let k = 0; k < count; k++, position++) {
    const digit = <i32>load<u8>(digits + <usize>(begin + k));
    const to = destination + (<usize>position >> 3);
    const before: i32 = position & 7 ? load<u8>(to) : 0;
    store<u8>(to, <u8>(before | (i32(digit <= densityByte) << (position & 7))));
    store<u32>(waiting, position);
    waiting += <usize>(digit == densityByte) << 2;
  }
  return waiting;
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
