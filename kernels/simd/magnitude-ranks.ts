/**
 * Ranks of the magnitudes of a row, among which zeros come first and equal ones share the mean of their places. Where
 * few magnitudes differ, as among differences of stored bf16, a small hash table counts them; else pairs are sorted,
 * digit by digit.
 */
import { F32_MAGNITUDE } from './format';

/** Different magnitudes that a row may have to be counted: as many as are put in order faster than all of its elements. */
const MOST_DIFFERENT: u32 = 128;
/** Slots of 8 bytes, by a hash of 10 bits: magnitude (0 where free), and its count, later twice its rank. */
const table = memory.data(8 * 1024, 16);
/** Of byte offsets in the table. */
const TABLE_MASK: usize = 8191;
const HASH_SHIFT: u32 = 22;
/** The magnitudes that are in the table, 8 bytes each: slot, magnitude. */
const entries = memory.data(8 * 128, 16);
let different: u32 = 0;

/** Twice the mean rank of `count` equal magnitudes that `before` elements precede. */
function doubledMeanRank(before: u32, count: u32): u32 {
  return (before << 1) + count - 1;
}

/** Where a magnitude ≠ 0 is in the table, or where it is free for it. */
function slotOf(magnitude: u32): usize {
  let slot = table + (<usize>((magnitude * 0x9e3779b1) >>> HASH_SHIFT) << 3);
  for (let found = load<u32>(slot); found && found != magnitude; found = load<u32>(slot)) {
    slot = table + ((slot - table + 8) & TABLE_MASK);
  }
  return slot;
}

/** Twice the rank of an element of a row that `rankByCounting` has taken. */
export function doubledRankOf(element: usize): u32 {
  return load<u32>(slotOf(load<u32>(element) & F32_MAGNITUDE), 4);
}

/**
 * Ranks a row by counting; `changed` has a bit for each of its elements that is not 0, 64 to a word. Where too many
 * magnitudes differ, returns false, and there are no ranks. Ranks are there until `forgetRanks`.
 */
export function rankByCounting(row: usize, count: i32, changed: usize): bool {
  let zeros = <u32>count;
  for (let from = row, word = changed; from < row + (<usize>count << 2); from += 256, word += 8) {
    let bits = load<u64>(word);
    zeros -= <u32>popcnt(bits);
    for (; bits; bits &= bits - 1) {
      const magnitude = load<u32>(from + (<usize>ctz(bits) << 2)) & F32_MAGNITUDE;
      const slot = slotOf(magnitude);
      const known = load<u32>(slot, 4);
      store<u32>(slot, known + 1, 4);
      if (!known && !enter(slot, magnitude)) return false;
    }
  }
  let before = zeros;
  sortEntries();
  for (let entry = entries; entry != entries + (<usize>different << 3); entry += 8) {
    const slot = <usize>load<u32>(entry);
    const equal = load<u32>(slot, 4);
    store<u32>(slot, doubledMeanRank(before, equal), 4);
    before += equal;
  }
  return true;
}

/** Notes a magnitude that is new; false and no entries when there are too many. */
function enter(slot: usize, magnitude: u32): bool {
  if (different == MOST_DIFFERENT) {
    store<u64>(slot, 0);
    forgetRanks();
    return false;
  }
  store<u32>(slot, magnitude);
  store<u64>(entries + (<usize>different << 3), (<u64>magnitude << 32) | <u64>slot);
  different++;
  return true;
}

/** Puts the entries in ascending order. */
function sortEntries(): void {
  for (let next = entries + 8; next < entries + (<usize>different << 3); next += 8) {
    const entry = load<u64>(next);
    let to = next;
    for (; to != entries && load<u64>(to - 8) > entry; to -= 8) store<u64>(to, load<u64>(to - 8));
    store<u64>(to, entry);
  }
}

/** Empties the table. */
export function forgetRanks(): void {
  for (let entry = entries; entry != entries + (<usize>different << 3); entry += 8) {
    store<u64>(<usize>load<u32>(entry), 0);
  }
  different = 0;
}

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
 * Ranks a row by sorting, and returns where twice the rank of each element ≠ 0 is, by its place; `pairs` has room for two
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
  writeRanks(sorted, found, <u32>(count - found), other);
  return other;
}

/** Writes twice the rank of each of the sorted pairs to the place of its element; `before` elements precede them. */
function writeRanks(sorted: usize, found: i32, before: u32, ranks: usize): void {
  const end = sorted + (<usize>found << 3);
  for (let at = sorted; at != end; ) {
    let next = at + 8;
    while (next != end && load<u32>(next) == load<u32>(at)) next += 8;
    const equal = <u32>((next - at) >> 3);
    const rank = doubledMeanRank(before, equal);
    for (; at != next; at += 8) store<u32>(ranks + (<usize>load<u32>(at, 4) << 2), rank);
    before += equal;
  }
}
