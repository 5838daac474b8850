/**
 * Counts the magnitudes of a row of which few differ, as among differences of stored bf16. Counters that are so often the
 * same wait for each other; so the four magnitudes that were most frequent in a row before are counted by comparing whole
 * vectors, and only the others one by one. Each element is noted as one of the four or not, by which most are decided.
 */
import { F32_MAGNITUDE } from './format';
import {
  FREQUENT, forgetClasses, judge, LOWER_BITS, mostFrequent, NONE, tally, tallyUppers, verdictOnUpper,
} from './magnitude-classes';
import { PACKINGS } from './statistics';

/** Elements between two looks at the 16-bit lanes that count them. */
const BLOCK: i32 = 262144;
/** In memory, since engines make a vector constant anew at each use. */
const lowerBits = memory.data<i32>([0xffff, 0xffff, 0xffff, 0xffff], 16);
const magnitude16 = memory.data<i32>([0x7fff7fff, 0x7fff7fff, 0x7fff7fff, 0x7fff7fff], 16);

/** Upper halves of the most frequent magnitudes, u32 each; NONE where there are fewer. */
const frequent = memory.data<u32>([NONE, NONE, NONE, NONE], 16);
/** How often each of them came in eight lanes. */
const found = memory.data(64, 16);
/** Whether others are so frequent by now that they should be looked for anew. */
let isOutdated: bool = false;

/** Kinds of 16 elements: the place of its magnitude among the frequent ones, from 1 on, or 0. */
const kindOf = memory.data<u8>([
  1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2,
  3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4,
], 16);

/**
 * Ranks a row; `changed` has a bit for each of its elements that is not 0, 64 to a word, and `scratch` room for as many
 * f32. Writes the kind of each element, a byte, with room for 16 more. Where too many magnitudes differ, returns false,
 * and there are no verdicts.
 */
export function rankByCounting(row: usize, count: i32, changed: usize, kinds: usize, scratch: usize): bool {
  if (isOutdated) mostFrequent(frequent);
  isOutdated = false;
  forgetClasses();
  if (!countRow(row, count, kinds, scratch)) return false;
  judge(<u32>(count - total(changed, count)));
  return true;
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

function countRow(row: usize, count: i32, kinds: usize, scratch: usize): bool {
  for (let first: i32 = 0; first < count; first += BLOCK) {
    const from = row + (<usize>first << 2);
    if (!countBlock(from, min(count - first, BLOCK), kinds + <usize>first, scratch)) return false;
  }
  return true;
}

function countBlock(row: usize, count: i32, kinds: usize, list: usize): bool {
  const whole = count & -16;
  const others = pack(row, whole, kinds, list);
  if (others < 0) return false;
  for (let i: usize = 0; i < FREQUENT; i++) {
    const upper = load<u32>(frequent + (i << 2));
    const times = sumOfLanes(v128.load(found + (i << 4)));
    if (times && !tally(upper << 16, times)) return false;
  }
  if (!tallyUppers(list, others)) return false;
  v128.store(kinds + <usize>whole, i8x16.splat(0));
  for (let i = whole; i < count; i++) {
    const magnitude = load<u32>(row + (<usize>i << 2)) & F32_MAGNITUDE;
    if (magnitude && !tally(magnitude, 1)) return false;
  }
  if (others > whole >> 3) isOutdated = true;
  return true;
}

/**
 * Counts the most frequent magnitudes, copies the upper halves of the others that are bf16 side by side, and counts what
 * is no bf16. Returns how many are copied, or −1 when too many of the last differ; `count` is a multiple of 16.
 */
function pack(row: usize, count: i32, kinds: usize, list: usize): i32 {
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
  for (const end = row + (<usize>count << 2); row < end; row += 64, kinds += 16) {
    let first = upperHalves(row);
    let second = upperHalves(row + 32);
    if (isAnyInexact(row)) {
      if (!tallyInexact(row)) return -1;
      first = v128.and(first, exactOnes(row));
      second = v128.and(second, exactOnes(row + 32));
    }
    const firstA = i16x8.eq(first, a);
    const secondA = i16x8.eq(second, a);
    const firstB = i16x8.eq(first, b);
    const secondB = i16x8.eq(second, b);
    const firstC = i16x8.eq(first, c);
    const secondC = i16x8.eq(second, c);
    const firstD = i16x8.eq(first, d);
    const secondD = i16x8.eq(second, d);
    countA = i16x8.sub(i16x8.sub(countA, firstA), secondA);
    countB = i16x8.sub(i16x8.sub(countB, firstB), secondB);
    countC = i16x8.sub(i16x8.sub(countC, firstC), secondC);
    countD = i16x8.sub(i16x8.sub(countD, firstD), secondD);
    const kind = v128.or(
      v128.or(
        v128.and(i8x16.narrow_i16x8_s(firstA, secondA), v128.load(kindOf)),
        v128.and(i8x16.narrow_i16x8_s(firstB, secondB), v128.load(kindOf, 16)),
      ),
      v128.or(
        v128.and(i8x16.narrow_i16x8_s(firstC, secondC), v128.load(kindOf, 32)),
        v128.and(i8x16.narrow_i16x8_s(firstD, secondD), v128.load(kindOf, 48)),
      ),
    );
    v128.store(kinds, kind);
    const isZero = i8x16.narrow_i16x8_s(i16x8.eq(first, zero), i16x8.eq(second, zero));
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

/** Those of eight u16 whose bit is set, side by side; returns their end. */
function copyLanes(to: usize, eight: v128, lanes: u32): usize {
  v128.store(to, v128.swizzle(eight, v128.load(PACKINGS + (<usize>lanes << 4))));
  return to + (<usize>popcnt(lanes) << 1);
}

/** The upper halves of eight f32, without their signs. */
function upperHalves(row: usize): v128 {
  const low = i32x4.shr_u(v128.load(row), 16);
  const high = i32x4.shr_u(v128.load(row, 16), 16);
  return v128.and(i16x8.narrow_i32x4_u(low, high), v128.load(magnitude16));
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

function sumOfLanes(counts: v128): u32 {
  const pairs = i32x4.extadd_pairwise_i16x8_u(counts);
  return (
    i32x4.extract_lane(pairs, 0) + i32x4.extract_lane(pairs, 1) +
    i32x4.extract_lane(pairs, 2) + i32x4.extract_lane(pairs, 3)
  );
}
