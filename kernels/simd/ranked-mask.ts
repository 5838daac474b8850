/**
 * DELLA's mask: the probability to keep an element grows with the rank of its magnitude in its row. Elements that are 0
 * are left out, as keeping them changes nothing. Of the others, most need no rank: their first random digit is below
 * that of the lowest probability, or above that of the highest.
 */
import { nonZero } from './bits';
import { countedVerdict } from './magnitude-classes';
import { rankByCounting } from './magnitude-ranks';
import { MASK_GROUP } from './mask';
import { drawEight, encrypt, STREAM_MASK, STREAM_MASK_REST, useKey } from './philox';
import { rankBySorting } from './rank-sort';
import { digitOf, fractionOf, useProbabilities, verdictOn } from './rank-verdicts';

/** A draw of which only some digits are wanted. */
const drawn = memory.data(128, 16);
/** Random words that decide a single element. */
const rest = memory.data(128, 16);

/** The first digits of the lowest and the highest probability, 256 for 1. */
let leastDigit: u32 = 0;
let mostDigit: u32 = 0;
/** Flat index of the first element. */
let firstOfAll: u64 = 0;

/** Whether the element is kept whose first digit is given, at `position` from the first of all. */
function isKept(digit: u32, verdict: u32, position: i32): bool {
  const own = digitOf(verdict);
  return digit == own ? isKeptByRest(fractionOf(verdict), position) : digit < own;
}

/** The same for one that needs 32 more bits. */
function isKeptByRest(fraction: f64, position: i32): bool {
  const index = firstOfAll + <u64>position;
  const low = i32x4.splat(<i32>index);
  const high = i32x4.splat(<i32>(index >> 32));
  encrypt(rest, low, high, low, high, STREAM_MASK_REST);
  return <f64>load<u32>(rest) < floor(fraction * 4294967296);
}

/** Writes the first digit of each element. */
function drawDigits(to: usize, count: i32): void {
  for (let done: i32 = 0; done < count; ) {
    const index = firstOfAll + <u64>done;
    const begin = <i32>(index & (MASK_GROUP - 1));
    const taken = min(count - done, MASK_GROUP - begin);
    const target = to + <usize>done;
    if (taken == MASK_GROUP) {
      drawEight(target, index >> 7, STREAM_MASK);
    } else {
      drawEight(drawn, index >> 7, STREAM_MASK);
      memory.copy(target, drawn + <usize>begin, taken);
    }
    done += taken;
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

/**
 * Decides on a row: all that their digits alone decide, then the others, by the verdicts at `verdicts`, or where there
 * are none by those that counting led to.
 */
function decide(row: usize, count: i32, changed: usize, verdicts: usize, digits: usize, position: i32): void {
  for (let block = 0; block < count; block += 64, changed += 8) {
    const here = min(count - block, 64);
    const first = <usize>block << 2;
    const digit = digits + <usize>block;
    let kept = load<u64>(changed) & below(digit, here, leastDigit);
    for (let open = load<u64>(changed) & below(digit, here, mostDigit + 1) & ~kept; open; open &= open - 1) {
      const i = ctz(open);
      const at = first + (<usize>i << 2);
      const verdict = verdicts ? load<u32>(verdicts + at) : countedVerdict(row + at);
      kept |= u64(isKept(load<u8>(digit + <usize>i), verdict, position + block + <i32>i)) << i;
    }
    setBits(position + block, kept, here);
  }
}

/** A bit for each of up to 64 elements whose digit is below `limit`; reads up to the next multiple of 16. */
function below(digits: usize, count: i32, limit: u32): u64 {
  if (!limit) return 0;
  const last = i8x16.splat(<i8>min(limit - 1, 255));
  let bits: u64 = 0;
  for (let at: usize = 0; at < <usize>count; at += 16) {
    bits |= <u64>i8x16.bitmask(i8x16.le_u(v128.load(digits + at), last)) << <u64>at;
  }
  return bits;
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

/** See kernels/abi-selection.ts. */
export function drawRankedMask(
  source: usize, rows: i32, rowElements: i32, lowest: f64, highest: f64, keyLow: i32, keyHigh: i32, firstIndex: f64,
  scratch: usize, destination: usize,
): void {
  const count = rows * rowElements;
  const pairs = scratch;
  const changed = pairs + (<usize>rowElements << 4);
  const digits = changed + (<usize>((rowElements + 63) >> 6) << 3);
  useProbabilities(lowest, highest, rowElements);
  leastDigit = digitOf(verdictOn(0, 1));
  mostDigit = digitOf(verdictOn(<u32>(rowElements - 1), 1));
  useKey(keyLow, keyHigh);
  firstOfAll = <u64>firstIndex;
  drawDigits(digits, count);
  mask = destination;
  memory.fill(mask, 0, (<usize>count + 7) >> 3);
  let isVaried = false;
  for (let first = 0; first < count; first += rowElements) {
    const row = source + (<usize>first << 2);
    if (!findChanged(row, rowElements, changed)) continue;
    // A row after one that is too varied to count most likely is so too.
    isVaried = isVaried || !rankByCounting(row, rowElements, changed, pairs);
    const verdicts = isVaried ? rankBySorting(row, rowElements, changed, pairs) : 0;
    decide(row, rowElements, changed, verdicts, digits + <usize>first, first);
  }
}
