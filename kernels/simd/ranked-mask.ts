/**
 * DELLA's mask: the probability to keep an element grows with the rank of its magnitude in its row. Elements that are 0
 * are left out, as keeping them changes nothing. The others are ranked by counting, where few magnitudes are possible,
 * as among differences of stored bf16, or else sorted, digit by digit.
 */
import { F32_MAGNITUDE } from './format';
import { drawEight, STREAM_RANKED_MASK, useKey } from './philox';

/** Elements that share a draw: two of 16 bits to each of its 32 words. */
const GROUP: i32 = 64;
const words = memory.data(128, 16);

const DIGIT_BITS: i32 = 8;
const starts = memory.data(4 * 256, 16);

/** Writes 16 random bits for each element. */
function drawRandoms(to: usize, count: i32, firstIndex: u64): void {
  for (let done: i32 = 0; done < count; ) {
    const index = firstIndex + <u64>done;
    const begin = <i32>(index & (GROUP - 1));
    const taken = min(count - done, GROUP - begin);
    drawEight(words, index >> 6, STREAM_RANKED_MASK);
    memory.copy(to + (<usize>done << 1), words + (<usize>begin << 1), <usize>taken << 1);
    done += taken;
  }
}

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

/** Different magnitudes that a row may have, by the bits that differ at all, to be ranked by counting. */
const SPAN: u32 = 4096;
/** How many collected elements are smaller than each magnitude; then, how many come before the next of its size. */
const smaller = memory.data(4 * 4096, 16);

/** Of the row that was collected last: its elements ≠ 0, the bits that any of them has, the smallest, the largest. */
let found: i32 = 0;
let used: u32 = 0;
let smallest: u32 = 0;
let largest: u32 = 0;

/** Writes magnitude and position of the elements ≠ 0 from `first` on, 8 bytes each. */
function collect(source: usize, first: i32, count: i32, pairs: usize): void {
  survey(source + (<usize>first << 2), count);
  let to = pairs;
  const end = first + count;
  for (let block = first; block < end; block += 64) {
    const here = min(end - block, 64);
    for (let bits = nonZero(source + (<usize>block << 2), here); bits; bits &= bits - 1, to += 8) {
      const i = block + <i32>ctz(bits);
      store<u64>(to, <u64>(load<u32>(source + (<usize>i << 2)) & F32_MAGNITUDE) | (<u64>i << 32));
    }
  }
  found = <i32>((to - pairs) >> 3);
}

/** A bit for each of up to 64 elements that is not ±0. */
function nonZero(source: usize, count: i32): u64 {
  let bits: u64 = 0;
  if (count < 64) {
    for (let i = 0; i < count; i++) {
      bits |= u64((load<u32>(source + (<usize>i << 2)) & F32_MAGNITUDE) != 0) << <u64>i;
    }
    return bits;
  }
  const zero = f32x4.splat(0);
  for (let at: usize = 0; at < 256; at += 64) {
    const a = f32x4.ne(v128.load(source + at), zero);
    const b = f32x4.ne(v128.load(source + at, 16), zero);
    const c = f32x4.ne(v128.load(source + at, 32), zero);
    const d = f32x4.ne(v128.load(source + at, 48), zero);
    const sixteen = i8x16.narrow_i16x8_s(i16x8.narrow_i32x4_s(a, b), i16x8.narrow_i32x4_s(c, d));
    bits |= <u64>i8x16.bitmask(sixteen) << <u64>(at >> 2);
  }
  return bits;
}

/** Finds what the magnitudes of a row have in common. */
function survey(row: usize, count: i32): void {
  let bits = i32x4.splat(0);
  let high = bits;
  // One less than a magnitude, so that zero becomes the largest of all.
  let low = i32x4.splat(-1);
  const end = row + (<usize>count << 2);
  for (let at = row; at < end; ) {
    const isWhole = at + 16 <= end;
    // The last ones come alone, and three zeros with each change nothing.
    const bare = v128.and(isWhole ? v128.load(at) : v128.load32_zero(at), i32x4.splat(F32_MAGNITUDE));
    bits = v128.or(bits, bare);
    high = i32x4.max_u(high, bare);
    low = i32x4.min_u(low, i32x4.sub(bare, i32x4.splat(1)));
    at += isWhole ? 16 : 4;
  }
  bits = v128.or(bits, swapHalves(bits));
  high = i32x4.max_u(high, swapHalves(high));
  low = i32x4.min_u(low, swapHalves(low));
  used = i32x4.extract_lane(v128.or(bits, swapPairs(bits)), 0);
  largest = i32x4.extract_lane(i32x4.max_u(high, swapPairs(high)), 0);
  smallest = i32x4.extract_lane(i32x4.min_u(low, swapPairs(low)), 0) + 1;
}

function swapHalves(x: v128): v128 {
  return v128.shuffle<i32>(x, x, 2, 3, 0, 1);
}

function swapPairs(x: v128): v128 {
  return v128.shuffle<i32>(x, x, 1, 0, 3, 2);
}

/**
 * Decides on what was collected, in the order of the row: each rank is a count of what is smaller or comes before.
 * `limits` are those of the ranks from the row's first element ≠ 0 on.
 */
function decideByCounts(pairs: usize, shift: u32, limits: usize, randoms: usize, kept: usize): void {
  const origin = smallest >>> shift;
  const span = (largest >>> shift) - origin + 1;
  const end = pairs + (<usize>found << 3);
  memory.fill(smaller, 0, <usize>span << 2);
  for (let at = pairs; at != end; at += 8) {
    const counter = smaller + (<usize>((load<u32>(at) >>> shift) - origin) << 2);
    store<u32>(counter, load<u32>(counter) + 1);
  }
  let next: u32 = 0;
  for (let counter = smaller; counter != smaller + (<usize>span << 2); counter += 4) {
    const here = load<u32>(counter);
    store<u32>(counter, next);
    next += here;
  }
  for (let at = pairs; at != end; at += 8) {
    const counter = smaller + (<usize>((load<u32>(at) >>> shift) - origin) << 2);
    const rank = load<u32>(counter);
    store<u32>(counter, rank + 1);
    decide(load<u32>(at, 4), limits + (<usize>rank << 2), randoms, kept);
  }
}

/** Decides on what was collected after sorting it, digit by digit. */
function decideBySorting(pairs: usize, spare: usize, limits: usize, randoms: usize, kept: usize): void {
  let sorted = pairs;
  let other = spare;
  // Digits that are 0 everywhere need no pass.
  for (let shift: i32 = 0; shift < 32; shift += DIGIT_BITS) {
    if (!((used >>> shift) & 255)) continue;
    sortByDigit(sorted, other, found, shift);
    const swapped = sorted;
    sorted = other;
    other = swapped;
  }
  for (let k: usize = 0; k < <usize>found; k++) {
    decide(load<u32>(sorted + (k << 3), 4), limits + (k << 2), randoms, kept);
  }
}

function decide(i: u32, limit: usize, randoms: usize, kept: usize): void {
  store<u8>(kept + <usize>i, <u8>(<u32>load<u16>(randoms + (<usize>i << 1)) < load<u32>(limit)));
}

/** Below which 16 random bits keep an element, by rank; u32. */
function fillLimits(to: usize, count: i32, lowest: f64, highest: f64): void {
  const step = count > 1 ? (highest - lowest) / <f64>(count - 1) : 0;
  const start = count > 1 ? lowest : (lowest + highest) * 0.5;
  for (let rank = 0; rank < count; rank++) {
    store<u32>(to + (<usize>rank << 2), <u32>ceil((start + step * <f64>rank) * 65536));
  }
}

/** Makes bits of bytes that are 0 or 1; behind the bytes there is room for 15 more. */
function pack(bytes: usize, count: i32, destination: usize): void {
  const zero = i8x16.splat(0);
  memory.fill(bytes + <usize>count, 0, 15);
  const whole = count & -16;
  for (let i: i32 = 0; i < whole; i += 16) {
    store<u16>(destination + (<usize>i >> 3), <u16>i8x16.bitmask(i8x16.ne(v128.load(bytes + <usize>i), zero)));
  }
  let rest = <u32>i8x16.bitmask(i8x16.ne(v128.load(bytes + <usize>whole), zero));
  for (let i = whole; i < count; i += 8, rest >>>= 8) store<u8>(destination + (<usize>i >> 3), <u8>rest);
}

/** See kernels/abi-selection.ts. */
export function drawRankedMask(
  source: usize, rows: i32, rowElements: i32, lowest: f64, highest: f64, keyLow: i32, keyHigh: i32, firstIndex: f64,
  scratch: usize, destination: usize,
): void {
  const count = rows * rowElements;
  const pairs = scratch;
  const limits = pairs + (<usize>rowElements << 4);
  const randoms = limits + (<usize>rowElements << 2);
  const kept = randoms + (<usize>count << 1);
  useKey(keyLow, keyHigh);
  drawRandoms(randoms, count, <u64>firstIndex);
  fillLimits(limits, rowElements, lowest, highest);
  memory.fill(kept, 0, count);
  for (let first = 0; first < count; first += rowElements) {
    collect(source, first, rowElements, pairs);
    if (!found) continue;
    // Differences of bf16 are small multiples of a power of two: few bits tell them apart.
    const shift = ctz(used);
    const ownLimits = limits + (<usize>(rowElements - found) << 2);
    if ((largest >>> shift) - (smallest >>> shift) < SPAN) decideByCounts(pairs, shift, ownLimits, randoms, kept);
    else decideBySorting(pairs, pairs + (<usize>rowElements << 3), ownLimits, randoms, kept);
  }
  pack(kept, count, destination);
}
