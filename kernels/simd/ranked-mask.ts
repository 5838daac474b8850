/**
 * DELLA's mask: the probability to keep an element grows with the rank of its magnitude in its row. Elements that are 0
 * are left out, as keeping them changes nothing.
 */
import { nonZero } from './bits';
import { rankByCounting } from './magnitude-ranks';
import { drawBlock, MASK_BLOCK, MASK_GROUP, maskBits } from './mask-bits';
import { writeDigits } from './mask-digits';
import { useKey } from './philox';
import { decideBlock, decideRow, decideWaiting, useKinds, useRowElements } from './rank-decisions';
import { rankBySorting } from './rank-sort';
import { useProbabilities } from './rank-verdicts';

/** A group of which only some digits are wanted. */
const group = memory.data(128, 16);
/** Flat index of the first element. */
let firstOfAll: u64 = 0;
/** The first random digit of each element, a byte. */
let digitsOfAll: usize = 0;

/** Writes the first digit of each element. */
function drawDigits(to: usize, count: i32): void {
  for (let done: i32 = 0; done < count; ) {
    const index = firstOfAll + <u64>done;
    const begin = <i32>(index & (MASK_BLOCK - 1));
    const end = done + min(count - done, MASK_BLOCK - begin);
    drawBlock(index / MASK_BLOCK);
    takeDigits(to, begin, done, end);
    done = end;
  }
}

/** The digits of elements `position` … `end` − 1, which begin with element `begin` of the block that was drawn. */
function takeDigits(to: usize, begin: i32, position: i32, end: i32): void {
  while (position < end) {
    const inGroup = begin & (MASK_GROUP - 1);
    const taken = min(end - position, MASK_GROUP - inGroup);
    const isWhole = taken == MASK_GROUP;
    writeDigits(isWhole ? to + <usize>position : group, maskBits + <usize>(begin - inGroup));
    if (!isWhole) memory.copy(to + <usize>position, group + <usize>inGroup, taken);
    begin += taken;
    position += taken;
  }
}

/** Writes a bit for each element of a row that is not 0, 64 to a word; returns whether there is any. */
function findChanged(row: usize, count: i32, changed: usize): bool {
  let any: u64 = 0;
  for (let block = 0; block < count; block += 64, changed += 8) {
    const bits = nonZero(row + (<usize>block << 2), min(count - block, 64));
    store<u64>(changed, bits);
    any |= bits;
  }
  return any != 0;
}

/** The mask that is being drawn, zeros at first. */
let mask: usize = 0;

/** Sets those of `count` bits from `position` on that are set in `bits`. */
function setBits(position: i32, bits: u64, count: i32): void {
  let to = mask + (<usize>position >> 3);
  const used = position & 7;
  if (count == 64) {
    store<u64>(to, load<u64>(to) | (bits << <u64>used));
    if (used) store<u8>(to + 8, <u8>(bits >>> <u64>(64 - used)));
    return;
  }
  store<u8>(to, <u8>(<u64>load<u8>(to) | (bits << <u64>used)));
  bits >>>= <u64>(8 - used);
  for (let rest = count + used - 8; rest > 0; rest -= 8, bits >>>= 8) store<u8>(++to, <u8>bits);
}

/** Decides on a row by its verdicts, or where `verdicts` is 0 by those that counting led to, and its kinds if there. */
function decide(
  row: usize, count: i32, changed: usize, verdicts: usize, kinds: usize, list: usize, position: i32,
): void {
  const digits = digitsOfAll + <usize>position;
  decideRow(list);
  for (let block = 0; block < count; block += 64, changed += 8) {
    const here = min(count - block, 64);
    const at = <usize>block;
    setBits(position + block, decideBlock(block, here, load<u64>(changed), kinds ? kinds + at : 0, digits + at), here);
  }
  decideWaiting(row, verdicts, digits, firstOfAll + <u64>position, mask, position);
}

/** See kernels/abi-selection.ts. */
export function drawRankedMask(
  source: usize, rows: i32, rowElements: i32, lowest: f64, highest: f64, keyLow: i32, keyHigh: i32, firstIndex: f64,
  scratch: usize, destination: usize,
): void {
  const count = rows * rowElements;
  const pairs = scratch;
  const changed = pairs + (<usize>rowElements << 4) + 16;
  const kinds = changed + (<usize>((rowElements + 63) >> 6) << 3);
  digitsOfAll = kinds + <usize>rowElements + 16;
  useProbabilities(lowest, highest, rowElements);
  useRowElements(rowElements);
  useKey(keyLow, keyHigh);
  firstOfAll = <u64>firstIndex;
  drawDigits(digitsOfAll, count);
  mask = destination;
  memory.fill(mask, 0, (<usize>count + 7) >> 3);
  let isVaried = false;
  for (let first = 0; first < count; first += rowElements) {
    const row = source + (<usize>first << 2);
    // A row after one that is too varied to count most likely is so too.
    const found = isVaried ? -1 : rankByCounting(row, rowElements, changed, kinds, pairs);
    isVaried = found < 0;
    if (isVaried ? !findChanged(row, rowElements, changed) : !found) continue;
    const verdicts = isVaried ? rankBySorting(row, rowElements, changed, pairs) : 0;
    // Counting has left the pairs free, and verdicts take half of the room of those that they stand in.
    const list = isVaried ? verdicts + (<usize>rowElements << 2) : pairs;
    decide(row, rowElements, changed, verdicts, !isVaried && useKinds() ? kinds : 0, list, first);
  }
}
