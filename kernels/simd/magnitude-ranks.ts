/**
 * Counts the magnitudes of a row of which few differ, as among differences of stored bf16. Counters that are so often the
 * same wait for each other; so the four magnitudes that were most frequent in a row before are counted by comparing whole
 * vectors, and only the others one by one.
 */
import { F32_MAGNITUDE } from './format';
import {
  cellOf, cellOfUpper, forgetClasses, judge, LOWER_BITS, mostFrequent, resetCounts, tally,
} from './magnitude-classes';
import { PACKINGS } from './statistics';

/** Elements between two looks at the 16-bit lanes that count them. */
const BLOCK: i32 = 262144;
/** In memory, since engines make a vector constant anew at each use. */
const lowerBits = memory.data<i32>([0xffff, 0xffff, 0xffff, 0xffff], 16);
const magnitude16 = memory.data<i32>([0x7fff7fff, 0x7fff7fff, 0x7fff7fff, 0x7fff7fff], 16);

/** Upper halves of the most frequent magnitudes, u32 each; 0 for none. */
const frequent = memory.data(16, 16);
/** How often each of them came in eight lanes. */
const found = memory.data(64, 16);

/**
 * Ranks a row; `changed` has a bit for each of its elements that is not 0, 64 to a word, and `scratch` room for as many
 * f32. Where too many magnitudes differ, returns false, and there are no verdicts.
 */
export function rankByCounting(row: usize, count: i32, changed: usize, scratch: usize): bool {
  resetCounts();
  if (!countRow(row, count, scratch)) {
    // Magnitudes of earlier rows may have filled the room.
    forgetClasses();
    if (!countRow(row, count, scratch)) {
      forgetClasses();
      return false;
    }
  }
  judge(<u32>(count - total(changed, count)));
  return true;
}

/** Bits that are set. */
function total(changed: usize, count: i32): i32 {
  let bits: i32 = 0;
  for (let done: i32 = 0; done < count; done += 64, changed += 8) bits += <i32>popcnt(load<u64>(changed));
  return bits;
}

function countRow(row: usize, count: i32, scratch: usize): bool {
  for (let first: i32 = 0; first < count; first += BLOCK) {
    const from = row + (<usize>first << 2);
    if (!countBlock(from, min(count - first, BLOCK), scratch)) return false;
  }
  return true;
}

function countBlock(row: usize, count: i32, list: usize): bool {
  const whole = count & -8;
  const others = pack(row, whole, list);
  if (others < 0) return false;
  for (let i: usize = 0; i < 4; i++) {
    const upper = load<u32>(frequent + (i << 2));
    const times = sumOfLanes(v128.load(found + (i << 4)));
    if (upper && times && !tally(upper << 16, cellOfUpper(upper), times)) return false;
  }
  for (let at = list; at != list + (<usize>others << 1); at += 2) {
    const upper = <u32>load<u16>(at);
    const cell = cellOfUpper(upper);
    // Most have a class; written out, because a call takes longer than the rest.
    const known = load<u32>(cell);
    if (known) store<u32>(cell, known + 1);
    else if (!tally(upper << 16, cell, 1)) return false;
  }
  for (let i = whole; i < count; i++) {
    const magnitude = load<u32>(row + (<usize>i << 2)) & F32_MAGNITUDE;
    if (magnitude && !tally(magnitude, cellOf(magnitude), 1)) return false;
  }
  if (others > whole >> 3) mostFrequent(frequent);
  return true;
}

/**
 * Counts the most frequent magnitudes, copies the upper halves of the others that are bf16 side by side, and counts what
 * is no bf16. Returns how many are copied, or −1 when too many of the last differ; `count` is a multiple of 8.
 */
function pack(row: usize, count: i32, list: usize): i32 {
  const zero = i16x8.splat(0);
  const a = i16x8.splat(load<i16>(frequent));
  const b = i16x8.splat(load<i16>(frequent, 4));
  const c = i16x8.splat(load<i16>(frequent, 8));
  const d = i16x8.splat(load<i16>(frequent, 12));
  let countA = zero;
  let countB = zero;
  let countC = zero;
  let countD = zero;
  let to = list;
  for (const end = row + (<usize>count << 2); row < end; row += 32) {
    const low = v128.load(row);
    const high = v128.load(row, 16);
    let upper = v128.and(i16x8.narrow_i32x4_u(i32x4.shr_u(low, 16), i32x4.shr_u(high, 16)), v128.load(magnitude16));
    if (v128.any_true(v128.and(v128.or(low, high), v128.load(lowerBits)))) {
      if (!tallyInexact(row)) return -1;
      upper = v128.and(upper, i16x8.narrow_i32x4_s(isExact(low), isExact(high)));
    }
    const isA = i16x8.eq(upper, a);
    const isB = i16x8.eq(upper, b);
    const isC = i16x8.eq(upper, c);
    const isD = i16x8.eq(upper, d);
    countA = i16x8.sub(countA, isA);
    countB = i16x8.sub(countB, isB);
    countC = i16x8.sub(countC, isC);
    countD = i16x8.sub(countD, isD);
    const isDone = v128.or(v128.or(v128.or(isA, isB), v128.or(isC, isD)), i16x8.eq(upper, zero));
    // Not i16x8.bitmask, which in V8 waits for the swizzle of the vector before.
    const lanes = <usize>(~i8x16.bitmask(i8x16.narrow_i16x8_s(isDone, isDone)) & 0xff);
    v128.store(to, v128.swizzle(upper, v128.load(PACKINGS + (lanes << 4))));
    to += <usize>popcnt(lanes) << 1;
  }
  v128.store(found, countA);
  v128.store(found, countB, 16);
  v128.store(found, countC, 32);
  v128.store(found, countD, 48);
  return <i32>((to - list) >> 1);
}

function isExact(four: v128): v128 {
  return i32x4.eq(v128.and(four, v128.load(lowerBits)), i32x4.splat(0));
}

/** Counts those of eight elements that are no bf16; false when too many differ. */
function tallyInexact(eight: usize): bool {
  for (let at = eight; at != eight + 32; at += 4) {
    const magnitude = load<u32>(at) & F32_MAGNITUDE;
    if (magnitude & LOWER_BITS && !tally(magnitude, cellOf(magnitude), 1)) return false;
  }
  return true;
}

function sumOfLanes(counts: v128): u32 {
  const pairs = i32x4.extadd_pairwise_i16x8_u(counts);
  return (
    i32x4.extract_lane(pairs, 0) + i32x4.extract_lane(pairs, 1) +
    i32x4.extract_lane(pairs, 2) + i32x4.extract_lane(pairs, 3)
  );
}
