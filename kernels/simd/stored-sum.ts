/**
 * A whole merge of stored bf16 in one pass: widen, subtract, weigh, add up, add the base, round.
 *
 *   for each block of 16 elements
 *     the base's values stay in registers
 *     for each operand: accumulators += scale · (x − base)
 *     round and store the block
 *
 * Nothing in between is written down, which takes half the time of one stage after the other. It is for finite values
 * alone: a running maximum tells whether there were others, and then the caller starts over, stage by stage. Rounding
 * leaves a NaN one that shows: those that processors make, and those of stored bf16, have no bits below for it to carry.
 */
import { BF16_INFINITY, BF16_OVERFLOW, F32_MAGNITUDE } from './format';
import { roundBf16, roundPairsBf16 } from './narrow';
import { reaches16 } from './nonfinite';
import { ENTRY, SCALE, SELECTOR } from './operands';
import { All, Masked, magnitudeOf16 } from './selection';
import { widenEven, widenOdd, widenOne } from './stored';

const NOTHING: f32 = -0.0;

/**
 * In memory, since engines make a vector constant anew at each use: bits of 16 elements by quarters, which are every other
 * one of the first eight, those between them, and so on.
 */
const bitsOfFour = memory.data<i32>(
  [1, 4, 16, 64, 2, 8, 32, 128, 256, 1024, 4096, 16384, 512, 2048, 8192, 32768], 16,
);

/** See kernels/abi-stored.ts. */
export function sumStoredBf16(
  table: usize, operands: i32, base: usize, baseScale: f32, destination: usize, count: i32, masked: i32,
): i32 {
  const end = table + <usize>operands * ENTRY;
  return masked
    ? i32(sumStored<Masked>(table, end, base, baseScale, destination, count))
    : i32(sumStored<All>(table, end, base, baseScale, destination, count));
}

function sumStored<M>(
  table: usize, end: usize, base: usize, baseScale: f32, destination: usize, count: i32,
): bool {
  const zero = i32x4.splat(0);
  const weightOfBase = f32x4.splat(baseScale);
  let largest = zero;
  let largestMasked = zero;
  const whole = <usize>(count & -16) << 1;
  for (let at: usize = 0; at < whole; at += 32) {
    const lowBase = v128.load(base + at);
    const highBase = v128.load(base + at, 16);
    const baseA = widenEven(lowBase);
    const baseB = widenOdd(lowBase);
    const baseC = widenEven(highBase);
    const baseD = widenOdd(highBase);
    let a = f32x4.splat(NOTHING);
    let b = a;
    let c = a;
    let d = a;
    for (let entry = table; entry != end; entry += ENTRY) {
      const from = <usize>load<u32>(entry) + at;
      const scale = v128.load32_splat(entry, SCALE);
      const low = v128.load(from);
      const high = v128.load(from, 16);
      let x = f32x4.sub(widenEven(low), baseA);
      let y = f32x4.sub(widenOdd(low), baseB);
      let z = f32x4.sub(widenEven(high), baseC);
      let w = f32x4.sub(widenOdd(high), baseD);
      if (sizeof<M>() == sizeof<Masked>()) {
        // What a mask drops may be infinite, and does not show in the sum.
        largestMasked = i16x8.max_s(largestMasked, magnitudeOf16(low));
        largestMasked = i16x8.max_s(largestMasked, magnitudeOf16(high));
        const kept = maskOf(entry, at);
        x = v128.and(x, keptOf(kept, 0));
        y = v128.and(y, keptOf(kept, 16));
        z = v128.and(z, keptOf(kept, 32));
        w = v128.and(w, keptOf(kept, 48));
      }
      a = f32x4.add(a, f32x4.mul(x, scale));
      b = f32x4.add(b, f32x4.mul(y, scale));
      c = f32x4.add(c, f32x4.mul(z, scale));
      d = f32x4.add(d, f32x4.mul(w, scale));
    }
    a = f32x4.add(a, f32x4.mul(baseA, weightOfBase));
    b = f32x4.add(b, f32x4.mul(baseB, weightOfBase));
    c = f32x4.add(c, f32x4.mul(baseC, weightOfBase));
    d = f32x4.add(d, f32x4.mul(baseD, weightOfBase));
    const lowSum = roundPairsBf16(a, b);
    const highSum = roundPairsBf16(c, d);
    v128.store(destination + at, lowSum);
    v128.store(destination + at, highSum, 16);
    largest = i16x8.max_s(largest, magnitudeOf16(lowSum));
    largest = i16x8.max_s(largest, magnitudeOf16(highSum));
  }
  if (reaches16(largest, BF16_INFINITY) || reaches16(largestMasked, BF16_INFINITY)) return false;
  return sumSome<M>(table, end, base, baseScale, destination, whole, count);
}

/** The bits of 16 elements, in all lanes. */
function maskOf(entry: usize, at: usize): v128 {
  const mask = <usize>load<u32>(entry, SELECTOR);
  return mask ? v128.load16_splat(mask + (at >> 4)) : i32x4.splat(-1);
}

/** All ones in those of four lanes whose bit is set. */
function keptOf(mask: v128, quarter: usize): v128 {
  const bits = v128.load(bitsOfFour + quarter);
  return i32x4.eq(v128.and(mask, bits), bits);
}

/** Elements from byte `at` on, one by one. */
function sumSome<M>(
  table: usize, end: usize, base: usize, baseScale: f32, destination: usize, at: usize, count: i32,
): bool {
  for (; at < <usize>count << 1; at += 2) {
    const origin = widenOne(base + at);
    let sum = NOTHING;
    for (let entry = table; entry != end; entry += ENTRY) {
      const x = widenOne(<usize>load<u32>(entry) + at);
      if (sizeof<M>() == sizeof<Masked>() && !(abs<f32>(x) < Infinity)) return false;
      sum += (isKept<M>(entry, at >> 1) ? x - origin : 0) * load<f32>(entry, SCALE);
    }
    sum += origin * baseScale;
    const bits = reinterpret<i32>(sum);
    if ((bits & F32_MAGNITUDE) >= BF16_OVERFLOW) return false;
    store<u16>(destination + at, <u16>i32x4.extract_lane(roundBf16(f32x4.splat(sum)), 0));
  }
  return true;
}

function isKept<M>(entry: usize, index: usize): bool {
  if (sizeof<M>() == sizeof<All>()) return true;
  const mask = <usize>load<u32>(entry, SELECTOR);
  return !mask || (load<u8>(mask + (index >> 3)) >> <u8>(index & 7)) & 1;
}
