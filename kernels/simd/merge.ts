/**
 * Across operands, any number of them. `table` is the byte offset of an operand table.
 *
 *   for each block of 16 elements
 *     for each operand: accumulators += scale · x[block], in registers
 *     store the block
 *
 * so an element of the result is stored once, however many operands there are, and `destination` may be an operand.
 * Election needs the sum S before it can choose: S of some elements goes to a buffer first, then a second loop of the
 * same kind sums the operands that agree. Two loops with few accumulators beat one that needs more than the registers.
 */

import { electFew } from './elect-few';
import { divisor, ENTRY, SCALE, SELECTOR, SMALLEST_DIVISOR, WEIGHT } from './operands';
import { All, AtLeast, kept, keptOne } from './selection';

/** What a sum starts with: −0 + x is x bit for bit, also when x is −0. */
const NOTHING: f32 = -0.0;

/** Elements whose S is held at a time. With the operands' share of them it fits the first-level cache. */
const SUMS: i32 = 1024;
const sums = memory.data(4096, 16);

/** destination = ((scale₀·x₀ + scale₁·x₁) + …). */
export function weightedSum(table: usize, operands: i32, destination: usize, count: i32): void {
  if (operands > 0) sumProducts<All>(table, table + <usize>operands * ENTRY, 0, destination, count);
  else memory.fill(destination, 0, <usize>count << 2);
}

/** The weighted sum of `count` elements of the operands from byte `offset` on. */
function sumProducts<S>(table: usize, end: usize, offset: usize, to: usize, count: i32): void {
  let rest = count;
  for (; rest >= 16; rest -= 16, offset += 64, to += 64) {
    let a = f32x4.splat(NOTHING);
    let b = a;
    let c = a;
    let d = a;
    for (let entry = table; entry != end; entry += ENTRY) {
      const scale = v128.load32_splat(entry, SCALE);
      const x = <usize>load<u32>(entry) + offset;
      const limit = i32x4.splat(load<i32>(entry, SELECTOR) - 1);
      a = f32x4.add(a, f32x4.mul(kept<S>(v128.load(x), limit), scale));
      b = f32x4.add(b, f32x4.mul(kept<S>(v128.load(x, 16), limit), scale));
      c = f32x4.add(c, f32x4.mul(kept<S>(v128.load(x, 32), limit), scale));
      d = f32x4.add(d, f32x4.mul(kept<S>(v128.load(x, 48), limit), scale));
    }
    v128.store(to, a);
    v128.store(to, b, 16);
    v128.store(to, c, 32);
    v128.store(to, d, 48);
  }
  for (; rest > 0; rest--, offset += 4, to += 4) {
    let sum = NOTHING;
    for (let entry = table; entry != end; entry += ENTRY) {
      sum += keptValue<S>(entry, offset) * load<f32>(entry, SCALE);
    }
    store<f32>(to, sum);
  }
}

/** The element at byte `offset` of an operand, or +0 where it is dropped. */
function keptValue<S>(entry: usize, offset: usize): f32 {
  return keptOne<S>(load<f32>(<usize>load<u32>(entry) + offset), load<i32>(entry, SELECTOR));
}

/** See kernels/abi.ts. */
export function electedSum(
  table: usize, operands: i32, destination: usize, count: i32, zeroSign: i32, divide: i32, factor: f32, selects: i32,
): void {
  if (selects) elect<AtLeast>(table, operands, destination, count, zeroSign, divide, factor);
  else elect<All>(table, operands, destination, count, zeroSign, divide, factor);
}

function elect<S>(
  table: usize, operands: i32, destination: usize, count: i32, zeroSign: i32, divide: i32, factor: f32,
): void {
  const end = table + <usize>operands * ENTRY;
  const done = electFew<S>(table, operands, destination, count, zeroSign, divide, factor);
  let offset = <usize>done << 2;
  for (let rest = count - done; rest > 0; rest -= SUMS, offset += <usize>SUMS << 2) {
    const block = min(rest, SUMS);
    sumProducts<S>(table, end, offset, sums, block);
    sumAgreeing<S>(table, end, offset, destination + offset, block, zeroSign, divide, factor);
  }
}

/**
 * The merge of `count` elements of the operands from byte `offset` on, whose sums S are in `sums`. Where the elected
 * sign is −, the sign bit of the products is flipped, so that those above zero agree everywhere. NaN never agrees.
 * Products that do not agree are added as +0, which changes no sum: sums start at +0 and never become −0.
 */
function sumAgreeing<S>(
  table: usize, end: usize, offset: usize, to: usize, count: i32, zeroSign: i32, divide: i32, factor: f32,
): void {
  const zero = f32x4.splat(0);
  const zeroIsNegative = i32x4.splat(zeroSign < 0 ? -1 : 0);
  const zeroIsNobody = i32x4.splat(zeroSign == 0 ? -1 : 0);
  const factors = f32x4.splat(factor);
  let from = sums;
  let rest = count;
  for (; rest >= 8; rest -= 8, offset += 32, from += 32, to += 32) {
    const flipA = signToFlip(v128.load(from), zeroIsNegative);
    const flipB = signToFlip(v128.load(from, 16), zeroIsNegative);
    let mergedA = zero;
    let mergedB = zero;
    let weightA = zero;
    let weightB = zero;
    for (let entry = table; entry != end; entry += ENTRY) {
      const scale = v128.load32_splat(entry, SCALE);
      const weight = v128.load32_splat(entry, WEIGHT);
      const x = <usize>load<u32>(entry) + offset;
      const limit = i32x4.splat(load<i32>(entry, SELECTOR) - 1);
      const a = f32x4.mul(kept<S>(v128.load(x), limit), scale);
      const b = f32x4.mul(kept<S>(v128.load(x, 16), limit), scale);
      const agreesA = f32x4.lt(zero, v128.xor(a, flipA));
      const agreesB = f32x4.lt(zero, v128.xor(b, flipB));
      mergedA = f32x4.add(mergedA, v128.and(a, agreesA));
      mergedB = f32x4.add(mergedB, v128.and(b, agreesB));
      weightA = f32x4.add(weightA, v128.and(weight, agreesA));
      weightB = f32x4.add(weightB, v128.and(weight, agreesB));
    }
    if (divide) {
      mergedA = f32x4.div(mergedA, divisor(weightA));
      mergedB = f32x4.div(mergedB, divisor(weightB));
    }
    const electedA = v128.andnot(mergedA, nobody(v128.load(from), zeroIsNobody));
    const electedB = v128.andnot(mergedB, nobody(v128.load(from, 16), zeroIsNobody));
    v128.store(to, f32x4.add(f32x4.mul(factors, electedA), zero));
    v128.store(to, f32x4.add(f32x4.mul(factors, electedB), zero), 16);
  }
  for (; rest > 0; rest--, offset += 4, from += 4, to += 4) {
    const sum = load<f32>(from);
    const elected: f32 = sum > 0 ? 1 : sum < 0 ? -1 : <f32>zeroSign;
    store<f32>(to, factor * agreeingSum<S>(table, end, offset, elected, divide) + 0);
  }
}

/** The sign bit where S, or what counts for a zero or NaN, is negative. */
function signToFlip(sum: v128, zeroIsNegative: v128): v128 {
  const zero = f32x4.splat(0);
  const isNegative = v128.or(f32x4.lt(sum, zero), v128.andnot(zeroIsNegative, f32x4.gt(sum, zero)));
  return i32x4.shl(isNegative, 31);
}

/** Where nobody is elected. */
function nobody(sum: v128, zeroIsNobody: v128): v128 {
  const zero = f32x4.splat(0);
  return v128.andnot(zeroIsNobody, v128.or(f32x4.lt(sum, zero), f32x4.gt(sum, zero)));
}

/** N, or N / W, of the single element at byte `offset`. `elected` is 1, −1 or 0. */
function agreeingSum<S>(table: usize, end: usize, offset: usize, elected: f32, divide: i32): f32 {
  let merged: f32 = 0;
  let weight: f32 = 0;
  for (let entry = table; entry != end; entry += ENTRY) {
    const p = keptValue<S>(entry, offset) * load<f32>(entry, SCALE);
    if (elected > 0 ? p > 0 : elected < 0 && p < 0) {
      merged += p;
      weight += load<f32>(entry, WEIGHT);
    }
  }
  if (!divide) return merged;
  return merged / (abs(weight) < SMALLEST_DIVISOR ? 1 : weight);
}

/** (number of elements with S > 0) − (number with S < 0). */
export function signBalance(table: usize, operands: i32, count: i32): i32 {
  const end = table + <usize>operands * ENTRY;
  let balance: i32 = 0;
  let offset: usize = 0;
  for (let rest = count; rest > 0; rest -= SUMS, offset += <usize>SUMS << 2) {
    const block = min(rest, SUMS);
    sumProducts<All>(table, end, offset, sums, block);
    balance += balanceOf(sums, block);
  }
  return balance;
}

/** (number of f32 > 0) − (number < 0). */
function balanceOf(from: usize, count: i32): i32 {
  const zero = f32x4.splat(0);
  let lanes = zero;
  let rest = count;
  for (; rest >= 4; rest -= 4, from += 16) {
    const x = v128.load(from);
    // A true comparison is −1 in each lane.
    lanes = i32x4.add(lanes, i32x4.sub(f32x4.lt(x, zero), f32x4.gt(x, zero)));
  }
  let balance = i32x4.extract_lane(lanes, 0) + i32x4.extract_lane(lanes, 1);
  balance += i32x4.extract_lane(lanes, 2) + i32x4.extract_lane(lanes, 3);
  for (; rest > 0; rest--, from += 4) balance += i32(load<f32>(from) > 0) - i32(load<f32>(from) < 0);
  return balance;
}
