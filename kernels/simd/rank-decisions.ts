/**
 * Which elements of a row DELLA keeps: those whose first random digit is below that of their probability. Most are decided
 * 16 at once: where the kinds of elements are known, by the digit of each kind, and else where the digit is below
 * that of the lowest probability, or above that of the highest. The others wait until the row is through, since to look
 * at them between two blocks takes longer than at all in a loop of their own.
 */
import { countedVerdict, FREQUENT } from './magnitude-classes';
import { verdictOnKind } from './magnitude-ranks';
import { encrypt, STREAM_MASK_REST } from './philox';
import { digitOf, fractionOf, verdictOn } from './rank-verdicts';

/** Random words that decide a single element. */
const rest = memory.data(128, 16);

/** The first digits of the lowest and the highest probability of a row; only the latter may be 256, for 1. */
let leastDigit: u32 = 0;
let mostDigit: u32 = 0;
/** The first digit of each kind, a byte; of the kind 0, which is any other magnitude, that of the lowest probability. */
const digitsOfKinds = memory.data(16, 16);

/** Elements whose digit does not decide, u32 each, counted from the first of the row; and their end. */
let waiting: usize = 0;
let waitingEnd: usize = 0;

/** The decisions that follow are on rows of so many elements. */
export function useRowElements(rowElements: i32): void {
  leastDigit = digitOf(verdictOn(0, 1));
  mostDigit = digitOf(verdictOn(<u32>(rowElements - 1), 1));
}

/** Takes what counting said on each kind; false where a kind is kept whatever its digits are, which no byte can say. */
export function useKinds(): bool {
  store<u8>(digitsOfKinds, <u8>leastDigit);
  for (let kind = 1; kind <= <i32>FREQUENT; kind++) {
    const digit = digitOf(verdictOnKind(kind));
    if (digit > 255) return false;
    store<u8>(digitsOfKinds + <usize>kind, <u8>digit);
  }
  return true;
}

/** Begins a row; `list` has room for a u32 an element and two more. */
export function decideRow(list: usize): void {
  waiting = list;
  waitingEnd = list;
}

/**
 * A bit for each of up to 64 elements from `place` on in their row that is kept by its digit alone, `changed` being a bit
 * for each that is not 0. `kinds` are those of the block, or 0. Reads digits and kinds up to the next multiple of 16.
 */
export function decideBlock(place: i32, count: i32, changed: u64, kinds: usize, digits: usize): u64 {
  const kept = changed & (kinds ? keptByKinds(kinds, digits, count) : keptByRange(digits, count));
  let left = open & changed;
  const end = waitingEnd + (<usize>popcnt(left) << 2);
  // Most blocks have up to two, which are appended without a branch that would often go wrong.
  store<u32>(waitingEnd, place + <i32>ctz(left));
  left &= left - 1;
  store<u32>(waitingEnd, place + <i32>ctz(left), 4);
  left &= left - 1;
  for (let to = waitingEnd + 8; left; left &= left - 1, to += 4) store<u32>(to, place + <i32>ctz(left));
  waitingEnd = end;
  return kept;
}

/**
 * Sets the bits of those that wait and are kept. The first of the row is element `position` of the mask and has the flat
 * index `firstIndex`; `verdicts` is where those of the row are, or 0 where they come from counting.
 */
export function decideWaiting(
  row: usize, verdicts: usize, digits: usize, firstIndex: u64, mask: usize, position: i32,
): void {
  for (let from = waiting; from != waitingEnd; from += 4) {
    const place = load<u32>(from);
    const element = <usize>place << 2;
    const verdict = verdicts ? load<u32>(verdicts + element) : countedVerdict(row + element);
    const digit = <u32>load<u8>(digits + <usize>place);
    const own = digitOf(verdict);
    const isKept = digit == own ? isKeptByRest(fractionOf(verdict), firstIndex + <u64>place) : digit < own;
    const bit = position + <i32>place;
    const to = mask + (<usize>bit >> 3);
    store<u8>(to, <u8>(<u32>load<u8>(to) | (u32(isKept) << (bit & 7))));
  }
}

/** Whether the element with this flat index is kept, whose digit is that of its probability; this takes 32 more bits. */
function isKeptByRest(fraction: f64, index: u64): bool {
  const low = i32x4.splat(<i32>index);
  const high = i32x4.splat(<i32>(index >> 32));
  encrypt(rest, low, high, low, high, STREAM_MASK_REST);
  return <f64>load<u32>(rest) < floor(fraction * 4294967296);
}

/** Elements that the function before left open; zeros may be among them. */
let open: u64 = 0;

function keptByKinds(kinds: usize, digits: usize, count: i32): u64 {
  const most = i8x16.splat(<i8>min(mostDigit, 255));
  const ofKinds = v128.load(digitsOfKinds);
  const other = i8x16.splat(0);
  let above: u64 = 0;
  let unsure: u64 = 0;
  for (let at: usize = 0; at < <usize>count; at += 16) {
    const digit = v128.load(digits + at);
    const kind = v128.load(kinds + at);
    const own = v128.swizzle(ofKinds, kind);
    const isAbove = i8x16.ge_u(digit, own);
    const isOpen = v128.and(v128.and(i8x16.eq(kind, other), isAbove), i8x16.le_u(digit, most));
    above |= <u64>i8x16.bitmask(isAbove) << <u64>at;
    unsure |= <u64>i8x16.bitmask(v128.or(isOpen, i8x16.eq(digit, own))) << <u64>at;
  }
  open = unsure;
  return ~above;
}

function keptByRange(digits: usize, count: i32): u64 {
  const kept = below(digits, count, leastDigit);
  open = below(digits, count, mostDigit + 1) & ~kept;
  return kept;
}

/** A bit for each of up to 64 elements whose digit is below `limit`. */
function below(digits: usize, count: i32, limit: u32): u64 {
  if (!limit) return 0;
  const last = i8x16.splat(<i8>min(limit - 1, 255));
  let bits: u64 = 0;
  for (let at: usize = 0; at < <usize>count; at += 16) {
    bits |= <u64>i8x16.bitmask(i8x16.le_u(v128.load(digits + at), last)) << <u64>at;
  }
  return bits;
}
