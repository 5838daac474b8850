/**
 * The different magnitudes of a row, with their counts and the verdicts that follow from them (rank-verdicts.ts). They are
 * in no order: to count for each what is below takes less than to sort them. That a magnitude is the first of its kind is
 * never branched on, because it could not be foreseen.
 */
import { F32_MAGNITUDE } from './format';
import { verdictsOn } from './rank-verdicts';

/** Magnitudes that there may be: as many as are ranked faster than all elements of a row are sorted. */
const MOST_CLASSES: usize = 128;
/** Elements that are counted between two looks at how many magnitudes there are. */
const CHUNK: usize = 64;
/**
 * By class, in no order: magnitude, where its cell lies, its count, and the verdict; u32 each. There is room for those of
 * a chunk too many, and one.
 */
const magnitudes = memory.data(784, 16);
const places = memory.data(784, 16);
const counts = memory.data(784, 16);
const verdicts = memory.data(784, 16);
/** The upper halves of the magnitudes, and the counts as far as they fit; u16 each. */
const uppers16 = memory.data(400, 16);
const counts16 = memory.data(400, 16);
/** Bytes of each that are used. */
let used: usize = 0;

/**
 * Cells of u32: the count of a magnitude, and in the end the verdict. Those of magnitudes that are bf16, as most
 * differences between bf16 are, lie here by their upper bits.
 */
const cells = memory.data(4 * 32768, 16);
export const LOWER_BITS: u32 = 0xffff;
/** Of the others, slots of 8 bytes by a hash of 10 bits: magnitude (0 where free), then the cell. */
const table = memory.data(8 * 1024, 16);
const TABLE_BYTES: usize = 8 * 1024;
const HASH_SHIFT: u32 = 22;

/** The cell of a magnitude that is a bf16, given by its upper half. */
function cellOfUpper(upper: u32): usize {
  return cells + (<usize>upper << 2);
}

/** The cell of any magnitude ≠ 0. */
function cellOf(magnitude: u32): usize {
  if (!(magnitude & LOWER_BITS)) return cellOfUpper(magnitude >>> 16);
  let slot = table + (<usize>((magnitude * 0x9e3779b1) >>> HASH_SHIFT) << 3);
  for (let found = load<u32>(slot); found && found != magnitude; found = load<u32>(slot)) {
    slot = table + ((slot - table + 8) & (TABLE_BYTES - 1));
  }
  return slot + 4;
}

/** Counts a magnitude ≠ 0 so many times; false when too many differ. */
export function tally(magnitude: u32, times: u32): bool {
  const cell = cellOf(magnitude);
  const known = load<u32>(cell);
  if (!known) {
    if (used >= MOST_CLASSES << 2) return false;
    if (magnitude & LOWER_BITS) store<u32>(cell - 4, magnitude);
    used = placeClass(used, magnitude, cell, known);
  }
  store<u32>(cell, known + times);
  return true;
}

/** Writes a class at `to`, and returns where the next goes: over it when it was there before. */
function placeClass(to: usize, magnitude: u32, cell: usize, known: u32): usize {
  store<u32>(magnitudes + to, magnitude);
  store<u32>(places + to, <u32>cell);
  return to + (<usize>(known == 0) << 2);
}

/** Counts `count` bf16, given by their upper halves, u16; false when too many differ. */
export function tallyUppers(uppers: usize, count: i32): bool {
  const end = uppers + (<usize>count << 1);
  while (uppers != end && used <= MOST_CLASSES << 2) {
    const stop = min(end, uppers + (CHUNK << 1));
    let next = used;
    for (; uppers != stop; uppers += 2) {
      const upper = <u32>load<u16>(uppers);
      const cell = cellOfUpper(upper);
      const known = load<u32>(cell);
      next = placeClass(next, upper << 16, cell, known);
      store<u32>(cell, known + 1);
    }
    used = next;
  }
  return used <= MOST_CLASSES << 2;
}

/** Before another row. */
export function forgetClasses(): void {
  for (let at: usize = 0; at != used; at += 4) {
    const cell = <usize>load<u32>(places + at);
    store<u32>(cell, 0);
    if (load<u32>(magnitudes + at) & LOWER_BITS) store<u32>(cell - 4, 0);
  }
  used = 0;
}

/** Makes counts verdicts; `zeros` elements come first. */
export function judge(zeros: u32): void {
  let lower: u32 = 0;
  let total: u32 = 0;
  for (let at: usize = 0; at != used; at += 4) {
    const magnitude = load<u32>(magnitudes + at);
    const count = load<u32>(<usize>load<u32>(places + at));
    store<u32>(counts + at, count);
    store<u16>(uppers16 + (at >> 1), <u16>(magnitude >>> 16));
    store<u16>(counts16 + (at >> 1), <u16>count);
    lower |= magnitude;
    total += count;
  }
  const isShort = !(lower & LOWER_BITS) && total < 0x10000;
  for (let at: usize = 0; at < used; at += 32) {
    const both = isShort ? countBelow16(at >> 1) : i16x8.splat(0);
    judgeFour(at, zeros, isShort ? i32x4.extend_low_i16x8_u(both) : countBelow(at));
    judgeFour(at + 16, zeros, isShort ? i32x4.extend_high_i16x8_u(both) : countBelow(at + 16));
  }
  for (let at: usize = 0; at != used; at += 4) {
    store<u32>(<usize>load<u32>(places + at), load<u32>(verdicts + at));
  }
}

/** Writes the verdicts on four classes, of which so many elements are below. */
function judgeFour(at: usize, zeros: u32, below: v128): void {
  const before = i32x4.add(i32x4.splat(zeros), below);
  v128.store(verdicts + at, verdictsOn(before, v128.load(counts + at)));
}

/** How many elements have a magnitude below that of each of four classes. */
function countBelow(four: usize): v128 {
  const own = v128.load(magnitudes + four);
  let sum = i32x4.splat(0);
  for (let at: usize = 0; at != used; at += 4) {
    const isBelow = i32x4.gt_s(own, v128.load32_splat(magnitudes + at));
    sum = i32x4.add(sum, v128.and(isBelow, v128.load32_splat(counts + at)));
  }
  return sum;
}

/** The same for eight classes, where all magnitudes are bf16 and all counts together fit. */
function countBelow16(eight: usize): v128 {
  const own = v128.load(uppers16 + eight);
  const end = used >> 1;
  let sum = i16x8.splat(0);
  for (let at: usize = 0; at != end; at += 2) {
    const isBelow = i16x8.gt_s(own, v128.load16_splat(uppers16 + at));
    sum = i16x8.add(sum, v128.and(isBelow, v128.load16_splat(counts16 + at)));
  }
  return sum;
}

/** The verdict on an element whose magnitude was counted. */
export function countedVerdict(element: usize): u32 {
  return load<u32>(cellOf(load<u32>(element) & F32_MAGNITUDE));
}

/** The verdict on elements of a magnitude that is a bf16, given by its upper half. */
export function verdictOnUpper(upper: u32): u32 {
  return load<u32>(cellOfUpper(upper));
}

/** How many places `mostFrequent` fills. */
export const FREQUENT: usize = 4;
/** Where there is no magnitude: what no upper half without its sign is. */
export const NONE: u32 = 0xffff;
const bestCounts = memory.data(16, 16);

/** Writes the upper halves of the four bf16 that the row before had most often, u32 each; NONE where it had fewer. */
export function mostFrequent(to: usize): void {
  v128.store(to, i32x4.splat(NONE));
  v128.store(bestCounts, i32x4.splat(0));
  for (let at: usize = 0; at != used; at += 4) {
    const magnitude = load<u32>(magnitudes + at);
    const count = load<u32>(counts + at);
    if (magnitude & LOWER_BITS) continue;
    let least: usize = 0;
    for (let place: usize = 4; place < FREQUENT << 2; place += 4) {
      if (load<u32>(bestCounts + place) < load<u32>(bestCounts + least)) least = place;
    }
    if (count <= load<u32>(bestCounts + least)) continue;
    store<u32>(bestCounts + least, count);
    store<u32>(to + least, magnitude >>> 16);
  }
}
