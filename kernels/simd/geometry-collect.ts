/** What each operand changed, taken apart: changes within a binade are counted by size, all others are written out. */
import { packingOrder16, packingOrder32 } from './packing';
import { beginCounting, countTargets, endCounting, increment, targets } from './geometry-step-counts';

/** Elements whose counters are found before any is incremented. */
const BLOCK: i32 = 1024;
/** For each 16 elements of the block with some that cross a power of two: where they begin, and which (u16 each). */
const crossings = memory.data(264, 16);

/** A bf16's exponent field, and what a value shares with others of its binade: sign and exponent. */
const EXPONENT: i32 = 0x7f80;
const BINADE: i32 = 0xff80;
/** In memory, since engines make a vector constant anew at each use. */
const exponents = memory.data<i32>([0x7f807f80, 0x7f807f80, 0x7f807f80, 0x7f807f80], 16);
const largestByte = memory.data<i32>([0xff00ff, 0xff00ff, 0xff00ff, 0xff00ff], 16);

/** Where in `crossings` those of the last block end. */
let crossingsEnd: usize = 0;
/** How far from the next change its base value is written. */
let basesApart: usize = 0;

/** See kernels/abi.ts. */
export function countSteps(
  base: usize, changed: usize, count: i32, bins: usize, changes: usize, bases: usize, mask: usize, bit: i32,
): i32 {
  basesApart = bases - changes;
  beginCounting(bins, bit);
  let next = changes;
  let rest = count;
  while (rest >= 16) {
    const block = min(rest, BLOCK) & ~15;
    countTargets(findSteps(base, changed, block, mask, bit));
    next = writeCrossings(base, changed, next);
    rest -= block;
    base += <usize>block << 1;
    changed += <usize>block << 1;
    mask += <usize>block;
  }
  endCounting();
  for (; rest > 0; rest--, base += 2, changed += 2, mask++) {
    if (load<u16>(base) == load<u16>(changed)) continue;
    next = countStep(base, changed, bins, next);
    store<u8>(mask, <u8>(<i32>load<u8>(mask) | bit));
  }
  return <i32>((next - changes) >> 2);
}

/**
 * Writes the counters' indices of a block, a multiple of 16 elements, to `targets`; returns how many. Marks changes, and
 * lists those that have no counter in `crossings`.
 */
function findSteps(base: usize, changed: usize, count: i32, mask: usize, bit: i32): i32 {
  const bits = i8x16.splat(<i8>bit);
  const zero = i16x8.splat(0);
  const begin = base;
  let to = targets;
  let crossing = crossings;
  for (const end = base + (<usize>count << 1); base != end; base += 32, changed += 32, mask += 16) {
    const lowBefore = v128.load(base);
    const highBefore = v128.load(base, 16);
    const lowAfter = v128.load(changed);
    const highAfter = v128.load(changed, 16);
    const low = i16x8.min_u(v128.xor(lowBefore, lowAfter), v128.load(largestByte));
    const high = i16x8.min_u(v128.xor(highBefore, highAfter), v128.load(largestByte));
    // 0 where nothing changed, 1…127 within a binade, and otherwise above: with the bit of the sign.
    const difference = i8x16.narrow_i16x8_u(low, high);
    v128.store(mask, v128.or(v128.load(mask), v128.andnot(bits, i8x16.eq(difference, zero))));
    // About one change in thirty of RL checkpoints: too often for a branch to be foreseen.
    const crossed = i8x16.bitmask(difference);
    store<u32>(crossing, <u32>(crossed << 16) | <u32>(base - begin));
    crossing += <usize>(crossed != 0) << 2;
    const lanes = i8x16.bitmask(i8x16.gt_s(difference, zero));
    const exponent = v128.load(exponents);
    const lowSteps = v128.or(v128.and(lowBefore, exponent), i16x8.abs(i16x8.sub(lowAfter, lowBefore)));
    const highSteps = v128.or(v128.and(highBefore, exponent), i16x8.abs(i16x8.sub(highAfter, highBefore)));
    v128.store(to, v128.swizzle(lowSteps, packingOrder16(lanes & 0xff)));
    const next = to + (<usize>popcnt(lanes & 0xff) << 1);
    v128.store(next, v128.swizzle(highSteps, packingOrder16(lanes >>> 8)));
    to += <usize>popcnt(lanes) << 1;
  }
  crossingsEnd = crossing;
  return <i32>((to - targets) >> 1);
}

/** Counts or writes one element, which has changed; returns where the next change is written. */
function countStep(base: usize, changed: usize, bins: usize, next: usize): usize {
  const before = <i32>load<u16>(base);
  const after = <i32>load<u16>(changed);
  if ((before ^ after) & BINADE) return writeChange(base, changed, next);
  increment(bins + (<usize>((before & EXPONENT) | abs(after - before)) << 2));
  return next;
}

/** Writes what `crossings` lists of a block; returns where the next change is written. */
function writeCrossings(base: usize, changed: usize, next: usize): usize {
  for (let at = crossings; at != crossingsEnd; at += 4) {
    const begin = <usize>load<u16>(at);
    for (let rest = <i32>load<u16>(at, 2); rest; rest &= rest - 1) {
      const offset = begin + (<usize>ctz(rest) << 1);
      next = writeChange(base + offset, changed + offset, next);
    }
  }
  return next;
}

/** Writes a change and its base value; returns where the next one is written. */
function writeChange(base: usize, changed: usize, next: usize): usize {
  const before = reinterpret<f32>(<i32>load<u16>(base) << 16);
  const after = reinterpret<f32>(<i32>load<u16>(changed) << 16);
  store<f32>(next, after - before);
  store<f32>(next + basesApart, before);
  return next + 4;
}

/** See kernels/abi.ts. */
export function collectChanges(x: usize, base: usize, count: i32, changes: usize, bases: usize): i32 {
  const zero = f32x4.splat(0);
  let to: usize = 0;
  let rest = count;
  for (; rest >= 4; rest -= 4, x += 16, base += 16) {
    const values = v128.load(x);
    const lanes = i32x4.bitmask(f32x4.ne(values, zero));
    const order = packingOrder32(lanes);
    v128.store(changes + to, v128.swizzle(values, order));
    v128.store(bases + to, v128.swizzle(v128.load(base), order));
    to += <usize>popcnt(lanes) << 2;
  }
  for (; rest > 0; rest--, x += 4, base += 4) {
    store<u32>(changes + to, load<u32>(x));
    store<u32>(bases + to, load<u32>(base));
    to += <usize>(load<f32>(x) != 0) << 2;
  }
  return <i32>(to >> 2);
}
