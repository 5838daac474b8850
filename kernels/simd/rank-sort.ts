/** Verdicts on the elements of a row by sorting pairs of magnitude and place, digit by digit: for rows of any kind. */
import { F32_MAGNITUDE } from './format';
import { verdictOn } from './rank-verdicts';

const DIGIT_BITS: i32 = 8;
const starts = memory.data(4 * 256, 16);

/** One pass of a stable sort of (magnitude, position) pairs, 8 bytes each, by the digit at `shift`. */
function sortByDigit(from: usize, to: usize, count: i32, shift: i32): void {
  memory.fill(starts, 0, 1024);
  for (let at = from; at != from + (<usize>count << 3); at += 8) {
    const counter = starts + (<usize>((load<u32>(at) >>> shift) & 255) << 2);
    store<u32>(counter, load<u32>(counter) + 1);
  }
  let next: u32 = 0;
  for (let digit: usize = 0; digit < 256; digit++) {
    const counter = starts + (digit << 2);
    const found = load<u32>(counter);
    store<u32>(counter, next);
    next += found;
  }
  for (let at = from; at != from + (<usize>count << 3); at += 8) {
    const counter = starts + (<usize>((load<u32>(at) >>> shift) & 255) << 2);
    const place = load<u32>(counter);
    store<u32>(counter, place + 1);
    store<u64>(to + (<usize>place << 3), load<u64>(at));
  }
}

/**
 * Ranks a row by sorting, and returns where the verdict on each element ≠ 0 is, by its place; `pairs` has room for two
 * pairs of 8 bytes an element, `changed` is as above.
 */
export function rankBySorting(row: usize, count: i32, changed: usize, pairs: usize): usize {
  let used: u32 = 0;
  let to = pairs;
  for (let block = 0; block < count; block += 64, changed += 8) {
    for (let bits = load<u64>(changed); bits; bits &= bits - 1, to += 8) {
      const i = <usize>block + <usize>ctz(bits);
      const magnitude = load<u32>(row + (i << 2)) & F32_MAGNITUDE;
      used |= magnitude;
      store<u64>(to, <u64>magnitude | (<u64>i << 32));
    }
  }
  const found = <i32>((to - pairs) >> 3);
  let sorted = pairs;
  let other = pairs + (<usize>count << 3);
  // Digits that are 0 everywhere need no pass.
  for (let shift: i32 = 0; shift < 32; shift += DIGIT_BITS) {
    if (!((used >>> shift) & 255)) continue;
    sortByDigit(sorted, other, found, shift);
    const swapped = sorted;
    sorted = other;
    other = swapped;
  }
  writeVerdicts(sorted, found, <u32>(count - found), other);
  return other;
}

/** Writes the verdict on each of the sorted pairs to the place of its element; `before` elements precede them. */
function writeVerdicts(sorted: usize, found: i32, before: u32, verdicts: usize): void {
  const end = sorted + (<usize>found << 3);
  for (let at = sorted; at != end; ) {
    let next = at + 8;
    while (next != end && load<u32>(next) == load<u32>(at)) next += 8;
    const equal = <u32>((next - at) >> 3);
    const verdict = verdictOn(before, equal);
    for (; at != next; at += 8) store<u32>(verdicts + (<usize>load<u32>(at, 4) << 2), verdict);
    before += equal;
  }
}
