/**
 * Counts the magnitudes of a row of which few differ, as among differences of stored bf16. Counters that are so often the
 * same wait for each other; so the four magnitudes that were most frequent in a row before are counted by comparing whole
 * vectors, and only the others one by one. Each element is noted as one of the four or not, by which most are decided.
 */
import { sumOfBytes } from './lane-sums';
import { touched } from './bits';
import { F32_MAGNITUDE } from './format';
import {
  FREQUENT, forgetClasses, judge, LOWER_BITS, mostFrequent, NONE, tally, tallyUppers, verdictOnUpper,
} from './magnitude-classes';
import { copyLanes } from './packing';
import { upperHalves } from './selection';

/** Elements between two looks at the 8-bit lanes that count them, of which each sees one of 16. */
const BLOCK: i32 = 255 * 16;
/** In memory, since engines make a vector constant anew at each use. */
const lowerBits = memory.data<i32>([0xffff, 0xffff, 0xffff, 0xffff], 16);

/** Upper halves of the most frequent magnitudes, u32 each; NONE where there are fewer. */
const frequent = memory.data<u32>([NONE, NONE, NONE, NONE], 16);
/** How often each of them came in 16 lanes. */
const found = memory.data(64, 16);
/** Whether others are so frequent by now that they should be looked for anew. */
let isOutdated: bool = false;

/** Kinds of 16 elements: the place of its magnitude among the frequent ones, from 1 on, or 0. */
const kindOf = memory.data<u8>([
  1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2,
  3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4,
], 16);

/**
 * Ranks a row, and returns how many of its elements are not 0, or −1 where too many magnitudes differ, and there are no
 * verdicts. Writes a bit for each element that is not 0, 64 to a word, and the kind of each, a byte, with room for 16
 * more; `scratch` has room for as many f32.
 */
export function rankByCounting(row: usize, count: i32, changed: usize, kinds: usize, scratch: usize): i32 {
  if (isOutdated) mostFrequent(frequent);
  isOutdated = false;
  forgetClasses();
  store<u64>(changed + ((<usize>(count - 1) >> 6) << 3), 0);
  if (!countRow(row, count, changed, kinds, scratch)) return -1;
  const some = total(changed, count);
  judge(<u32>(count - some));
  return some;
}

/** The verdict on elements of a kind ≥ 1; any where the row has none of it. */
export function verdictOnKind(kind: i32): u32 {
  const upper = load<u32>(frequent + (<usize>(kind - 1) << 2));
  return upper == NONE ? 0 : verdictOnUpper(upper);
}

/** Bits that are set. */
function total(changed: usize, count: i32): i32 {
  let bits: i32 = 0;
  for (let done: i32 = 0; done < count; done += 64, changed += 8) bits += <i32>popcnt(load<u64>(changed));
  return bits;
}

function countRow(row: usize, count: i32, changed: usize, kinds: usize, scratch: usize): bool {
  for (let first: i32 = 0; first < count; first += BLOCK) {
    const at = <usize>first;
    const length = min(count - first, BLOCK);
    if (!countBlock(row + (at << 2), length, changed + (at >> 3), kinds + at, scratch)) return false;
  }
  return true;
}

function countBlock(row: usize, count: i32, changed: usize, kinds: usize, list: usize): bool {
  const whole = count & -16;
  const others = pack(row, whole, changed, kinds, list);
  if (others < 0) return false;
  for (let i: usize = 0; i < FREQUENT; i++) {
    const upper = load<u32>(frequent + (i << 2));
    const times = sumOfBytes(v128.load(found + (i << 4)));
    if (times && !tally(upper << 16, times)) return false;
  }
  if (others > whole >> 3) isOutdated = true;
  return tallyUppers(list, others) && countTail(row, whole, count, changed, kinds);
}

/** Elements of the block from `first` on, which are fewer than 16. */
function countTail(row: usize, first: i32, count: i32, changed: usize, kinds: usize): bool {
  if (first == count) return true;
  let bits: u32 = 0;
  v128.store(kinds + <usize>first, i8x16.splat(0));
  for (let i = first; i < count; i++) {
    const magnitude = load<u32>(row + (<usize>i << 2)) & F32_MAGNITUDE;
    if (!magnitude) continue;
    bits |= 1 << (i - first);
    if (!tally(magnitude, 1)) return false;
  }
  store<u16>(changed + (<usize>first >> 3), <u16>bits);
  return true;
}

/**
 * Counts the most frequent magnitudes, copies the upper halves of the others that are bf16 side by side, and counts what
 * is no bf16. Returns how many are copied, or −1 when too many of the last differ; `count` is a multiple of 16.
 */
function pack(row: usize, count: i32, changed: usize, kinds: usize, list: usize): i32 {
  const zero = i8x16.splat(0);
  const a = i16x8.splat(load<i16>(frequent));
  const b = i16x8.splat(load<i16>(frequent, 4));
  const c = i16x8.splat(load<i16>(frequent, 8));
  const d = i16x8.splat(load<i16>(frequent, 12));
  let countA = zero;
  let countB = zero;
  let countC = zero;
  let countD = zero;
  let to = list;
  for (const end = row + (<usize>count << 2); row < end; row += 64, changed += 2, kinds += 16) {
    let first = upperHalves(row);
    let second = upperHalves(row + 32);
    let some: i32 = 0;
    if (isAnyInexact(row)) {
      if (!tallyInexact(row)) return -1;
      some = i8x16.bitmask(touched(row));
      first = v128.and(first, exactOnes(row));
      second = v128.and(second, exactOnes(row + 32));
    }
    const isA = equal16(first, second, a);
    const isB = equal16(first, second, b);
    const isC = equal16(first, second, c);
    const isD = equal16(first, second, d);
    countA = i8x16.sub(countA, isA);
    countB = i8x16.sub(countB, isB);
    countC = i8x16.sub(countC, isC);
    countD = i8x16.sub(countD, isD);
    const kind = v128.or(
      v128.or(v128.and(isA, v128.load(kindOf)), v128.and(isB, v128.load(kindOf, 16))),
      v128.or(v128.and(isC, v128.load(kindOf, 32)), v128.and(isD, v128.load(kindOf, 48))),
    );
    v128.store(kinds, kind);
    const isZero = equal16(first, second, zero);
    store<u16>(changed, <u16>(~i8x16.bitmask(isZero) | some));
    const lanes = <u32>i8x16.bitmask(i8x16.eq(v128.or(kind, isZero), zero));
    to = copyLanes(to, first, lanes & 0xff);
    to = copyLanes(to, second, lanes >>> 8);
  }
  v128.store(found, countA);
  v128.store(found, countB, 16);
  v128.store(found, countC, 32);
  v128.store(found, countD, 48);
  return <i32>((to - list) >> 1);
}

/** All ones, a byte, for those of 16 u16 that equal the lane of `value`. */
function equal16(first: v128, second: v128, value: v128): v128 {
  return i8x16.narrow_i16x8_s(i16x8.eq(first, value), i16x8.eq(second, value));
}

/** Whether any of 16 f32 is no bf16. */
function isAnyInexact(row: usize): bool {
  const low = v128.or(v128.load(row), v128.load(row, 16));
  const high = v128.or(v128.load(row, 32), v128.load(row, 48));
  return v128.any_true(v128.and(v128.or(low, high), v128.load(lowerBits)));
}

/** All ones for those of eight f32 that are bf16. */
function exactOnes(row: usize): v128 {
  return i16x8.narrow_i32x4_s(isExact(v128.load(row)), isExact(v128.load(row, 16)));
}

function isExact(four: v128): v128 {
  return i32x4.eq(v128.and(four, v128.load(lowerBits)), i32x4.splat(0));
}

/** Counts those of 16 elements that are no bf16; false when too many differ. */
function tallyInexact(row: usize): bool {
  for (let at = row; at != row + 64; at += 4) {
    const magnitude = load<u32>(at) & F32_MAGNITUDE;
    if (magnitude & LOWER_BITS && !tally(magnitude, 1)) return false;
  }
  return true;
}
