/**
 * The first digits of a mask as bytes, for decisions that differ from element to element. They are drawn as 128 numbers
 * side by side, a vector for each bit; here these become 128 bytes, in the order of the elements.
 */
import { GROUP_BYTES } from './mask-bits';

/** The drawn bits, then what becomes of them. */
const bits = memory.data(128, 16);

/** Writes the digits of the elements of a group, a byte each. */
export function writeDigits(to: usize, group: usize): void {
  memory.copy(bits, group, GROUP_BYTES);
  exchange(4, i8x16.splat(0x0f));
  exchange(2, i8x16.splat(0x33));
  exchange(1, i8x16.splat(0x55));
  interleave(to);
}

/**
 * A step of the transposition of all squares of 8 bits: swaps those bits between rows `distance` apart that are on the wrong
 * side of the diagonal. Rows are counted from the lowest bit, which is the last vector.
 */
function exchange(distance: i32, lower: v128): void {
  for (let row = 0; row < 8; row++) {
    if (row & distance) continue;
    const at = bits + (<usize>(7 - row) << 4);
    const other = at - (<usize>distance << 4);
    const a = v128.load(at);
    const b = v128.load(other);
    const swapped = v128.and(v128.xor(i16x8.shr_u(a, distance), b), lower);
    v128.store(other, v128.xor(b, swapped));
    v128.store(at, v128.xor(a, i16x8.shl(swapped, distance)));
  }
}

/** Digit B of row j is that of element 8 B + j. */
function interleave(to: usize): void {
  for (let half: usize = 0; half < 2; half++) {
    const a = pairs(0, half);
    const b = pairs(2, half);
    const c = pairs(4, half);
    const d = pairs(6, half);
    storeWhole(
      to + (half << 6),
      v128.shuffle<i16>(a, b, 0, 8, 1, 9, 2, 10, 3, 11), v128.shuffle<i16>(c, d, 0, 8, 1, 9, 2, 10, 3, 11),
    );
    storeWhole(
      to + (half << 6) + 32,
      v128.shuffle<i16>(a, b, 4, 12, 5, 13, 6, 14, 7, 15), v128.shuffle<i16>(c, d, 4, 12, 5, 13, 6, 14, 7, 15),
    );
  }
}

/** The lower or the upper eight digits of a row and the next, in turns. */
function pairs(row: usize, upper: usize): v128 {
  const at = bits + ((7 - row) << 4);
  const a = v128.load(at);
  const b = v128.load(at - 16);
  return upper
    ? v128.shuffle<i8>(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31)
    : v128.shuffle<i8>(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
}

/** Four times four digits of both, in turns. */
function storeWhole(to: usize, low: v128, high: v128): void {
  v128.store(to, v128.shuffle<i32>(low, high, 0, 4, 1, 5));
  v128.store(to, v128.shuffle<i32>(low, high, 2, 6, 3, 7), 16);
}
