/**
 * The different magnitudes of rows, with their counts in one row and the verdicts that follow from them
 * (rank-verdicts.ts). Rows of a tensor mostly have the same ones, which therefore stay from row to row. They are in no
 * order: to count for each what is below takes less than to sort them.
 */
import { F32_MAGNITUDE } from './format';
import { verdictsOn } from './rank-verdicts';

/** Magnitudes that there may be: as many as are ranked faster than all elements of a row are sorted. */
const MOST_CLASSES: usize = 128;
/** By class, in no order: magnitude, where its cell lies, its count, and the verdict; u32 each. */
const magnitudes = memory.data(512, 16);
const places = memory.data(512, 16);
const counts = memory.data(512, 16);
const verdicts = memory.data(512, 16);
/** Bytes of each that are used. */
let used: usize = 0;

/**
 * Cells of u32: 0 as long as the magnitude has no class, else one more than its count, and in the end the verdict. Those
 * of magnitudes that are bf16, as most differences between bf16 are, lie here by their upper bits.
 */
const cells = memory.data(4 * 32768, 16);
export const LOWER_BITS: u32 = 0xffff;
/** Of the others, slots of 8 bytes by a hash of 10 bits: magnitude (0 where free), then the cell. */
const table = memory.data(8 * 1024, 16);
const TABLE_BYTES: usize = 8 * 1024;
const HASH_SHIFT: u32 = 22;

/** The cell of a magnitude that is a bf16, given by its upper half. */
export function cellOfUpper(upper: u32): usize {
  return cells + (<usize>upper << 2);
}

/** The cell of any magnitude ≠ 0. */
export function cellOf(magnitude: u32): usize {
  if (!(magnitude & LOWER_BITS)) return cellOfUpper(magnitude >>> 16);
  let slot = table + (<usize>((magnitude * 0x9e3779b1) >>> HASH_SHIFT) << 3);
  for (let found = load<u32>(slot); found && found != magnitude; found = load<u32>(slot)) {
    slot = table + ((slot - table + 8) & (TABLE_BYTES - 1));
  }
  return slot + 4;
}

/** Counts a magnitude so many times; false when too many differ. */
export function tally(magnitude: u32, cell: usize, times: u32): bool {
  const known = load<u32>(cell);
  if (!known) return addClass(magnitude, cell, times);
  store<u32>(cell, known + times);
  return true;
}

/** Makes a class of a magnitude that has none. */
function addClass(magnitude: u32, cell: usize, times: u32): bool {
  if (used == MOST_CLASSES << 2) return false;
  if (magnitude & LOWER_BITS) store<u32>(cell - 4, magnitude);
  store<u32>(cell, times + 1);
  store<u32>(magnitudes + used, magnitude);
  store<u32>(places + used, <u32>cell);
  used += 4;
  return true;
}

/** Before another row; magnitudes that are no bf16 hardly ever come again. */
export function resetCounts(): void {
  for (let at: usize = 0; at != used; ) {
    if (load<u32>(magnitudes + at) & LOWER_BITS) {
      removeClass(at);
    } else {
      store<u32>(<usize>load<u32>(places + at), 1);
      at += 4;
    }
  }
}

/**
 * Empties the cell of a class, whose place the last one takes. Cells in the table lie in each other's way, so that all of
 * them have to go before the next row.
 */
function removeClass(at: usize): void {
  const cell = <usize>load<u32>(places + at);
  store<u32>(cell, 0);
  if (load<u32>(magnitudes + at) & LOWER_BITS) store<u32>(cell - 4, 0);
  used -= 4;
  store<u32>(magnitudes + at, load<u32>(magnitudes + used));
  store<u32>(places + at, load<u32>(places + used));
}

/** Makes counts verdicts; `zeros` elements come first. What the row does not have loses its class. */
export function judge(zeros: u32): void {
  for (let at: usize = 0; at != used; ) {
    const count = load<u32>(<usize>load<u32>(places + at)) - 1;
    store<u32>(counts + at, count);
    if (count) at += 4;
    else removeClass(at);
  }
  for (let at: usize = 0; at < used; at += 16) {
    const before = i32x4.add(i32x4.splat(zeros), countBelow(at));
    v128.store(verdicts + at, verdictsOn(before, v128.load(counts + at)));
  }
  for (let at: usize = 0; at != used; at += 4) {
    store<u32>(<usize>load<u32>(places + at), load<u32>(verdicts + at));
  }
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

/** The verdict on an element whose magnitude was counted. */
export function countedVerdict(element: usize): u32 {
  return load<u32>(cellOf(load<u32>(element) & F32_MAGNITUDE));
}

/** How many places `mostFrequent` fills. */
const FREQUENT: usize = 4;
const bestCounts = memory.data(16, 16);

/** Writes the upper halves of the four bf16 that were counted most often, u32 each; 0 where there are fewer. */
export function mostFrequent(to: usize): void {
  v128.store(to, i32x4.splat(0));
  v128.store(bestCounts, i32x4.splat(0));
  for (let at: usize = 0; at != used; at += 4) {
    const magnitude = load<u32>(magnitudes + at);
    const count = load<u32>(<usize>load<u32>(places + at)) - 1;
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

export function forgetClasses(): void {
  while (used) removeClass(used - 4);
}
