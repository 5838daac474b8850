/** What each operand changed, taken apart: changes within a binade are counted by size, all others are written out. */
import { packingOrder16, packingOrder32 } from './geometry-packing';

/** Elements whose counters are found before any is incremented. */
const BLOCK: i32 = 1024;
/** Indices (u16) of the block's counters, and room for the vector that the last store may write beyond them. */
const targets = memory.data(2064, 16);

/** A bf16's exponent field, and what a value shares with others of its binade: sign and exponent. */
const EXPONENT: i32 = 0x7f80;
const BINADE: i32 = 0xff80;

/** Where the next change and its base value are written. */
let nextChange: usize = 0;
let nextBase: usize = 0;

/** See kernels/abi.ts. */
export function countSteps(
  base: usize, changed: usize, count: i32, bins: usize, changes: usize, bases: usize, mask: usize, bit: i32,
): i32 {
  nextChange = changes;
  nextBase = bases;
  let rest = count;
  while (rest >= 16) {
    const block = min(rest, BLOCK) & ~15;
    countIndices(findSteps(base, changed, block, mask, bit), bins);
    rest -= block;
    base += <usize>block << 1;
    changed += <usize>block << 1;
    mask += <usize>block;
  }
  for (; rest > 0; rest--, base += 2, changed += 2, mask++) {
    if (load<u16>(base) == load<u16>(changed)) continue;
    countStep(base, changed, bins);
    store<u8>(mask, <u8>(<i32>load<u8>(mask) | bit));
  }
  return <i32>((nextChange - changes) >> 2);
}

/** Writes the counters' indices of a block, a multiple of 16 elements, to `targets`; returns how many. Marks changes. */
function findSteps(base: usize, changed: usize, count: i32, mask: usize, bit: i32): i32 {
  const exponent = i16x8.splat(<i16>EXPONENT);
  const binade = i16x8.splat(<i16>BINADE);
  const bits = i8x16.splat(<i8>bit);
  const zero = i16x8.splat(0);
  let to = targets;
  for (const end = base + (<usize>count << 1); base != end; base += 32, changed += 32, mask += 16) {
    const lowBefore = v128.load(base);
    const highBefore = v128.load(base, 16);
    const lowAfter = v128.load(changed);
    const highAfter = v128.load(changed, 16);
    const low = v128.xor(lowBefore, lowAfter);
    const high = v128.xor(highBefore, highAfter);
    const same = i8x16.narrow_i16x8_s(i16x8.eq(low, zero), i16x8.eq(high, zero));
    v128.store(mask, v128.or(v128.load(mask), v128.andnot(bits, same)));
    let lanes = i8x16.bitmask(same) ^ 0xffff;
    // About one change in thirty of RL checkpoints.
    if (v128.any_true(v128.and(v128.or(low, high), binade))) {
      const lowOdd = i16x8.ne(v128.and(low, binade), zero);
      const odd = i8x16.bitmask(i8x16.narrow_i16x8_s(lowOdd, i16x8.ne(v128.and(high, binade), zero)));
      writeOdd(base, changed, odd);
      lanes ^= odd;
    }
    const lowSteps = v128.or(v128.and(lowBefore, exponent), i16x8.abs(i16x8.sub(lowAfter, lowBefore)));
    const highSteps = v128.or(v128.and(highBefore, exponent), i16x8.abs(i16x8.sub(highAfter, highBefore)));
    v128.store(to, v128.swizzle(lowSteps, packingOrder16(lanes & 0xff)));
    const next = to + (<usize>popcnt(lanes & 0xff) << 1);
    v128.store(next, v128.swizzle(highSteps, packingOrder16(lanes >>> 8)));
    to += <usize>popcnt(lanes) << 1;
  }
  return <i32>((to - targets) >> 1);
}

/** Adds 1 to the counters of the first `count` indices in `targets`. */
function countIndices(count: i32, bins: usize): void {
  let at = targets;
  let rest = count;
  for (; rest >= 4; rest -= 4, at += 8) {
    increment(bins + (<usize>load<u16>(at) << 2));
    increment(bins + (<usize>load<u16>(at, 2) << 2));
    increment(bins + (<usize>load<u16>(at, 4) << 2));
    increment(bins + (<usize>load<u16>(at, 6) << 2));
  }
  for (; rest > 0; rest--, at += 2) increment(bins + (<usize>load<u16>(at) << 2));
}

function increment(counter: usize): void {
  store<u32>(counter, load<u32>(counter) + 1);
}

/** Counts or writes one element, which has changed. */
function countStep(base: usize, changed: usize, bins: usize): void {
  const before = <i32>load<u16>(base);
  const after = <i32>load<u16>(changed);
  if (((before ^ after) & BINADE) == 0) {
    increment(bins + (<usize>((before & EXPONENT) | abs(after - before)) << 2));
  } else {
    writeOdd(base, changed, 1);
  }
}

/** Writes the changes and base values of the elements in `lanes`. */
function writeOdd(base: usize, changed: usize, lanes: i32): void {
  for (let rest = lanes; rest; rest &= rest - 1) {
    const offset = <usize>ctz(rest) << 1;
    const before = reinterpret<f32>(<i32>load<u16>(base + offset) << 16);
    const after = reinterpret<f32>(<i32>load<u16>(changed + offset) << 16);
    store<f32>(nextChange, after - before);
    store<f32>(nextBase, before);
    nextChange += 4;
    nextBase += 4;
  }
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
