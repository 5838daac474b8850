/**
 * The loops of an election among four operands, block by block, in two steps: the votes, and the merge of those who agree
 * with what was elected.
 */
import { BITS, EVERY_OTHER } from './bits';
import { coefficients, LIMITS, MASKS, places, WEIGHTS } from './elect-operands';
import { BF16_INFINITY, BF16_OVERFLOW } from './format';
import { interleaveHalves, roundBf16, roundInPlace } from './narrow';
import { reaches16, reaches32 } from './nonfinite';
import { SMALLEST_DIVISOR } from './operands';
import { kept, Masked, magnitudeOf, magnitudeOf16 } from './selection';
import { Differences, Even, Odd, widenParity } from './stored';

/** As types, so that both kinds of loops come without a branch. */
export type Divides = i8;
export type Sums = i16;
/** What elects the sign: the sum of the products, or of the values themselves. */
export type Products = i8;
export type Values = i16;
/** A mask that all operands have in common. */
export type Shared = f64;

/** The products of a block, operand by operand, and the sign bits where − is elected. */
const BALLOT: usize = 2112;
const ballots = memory.data(10560, 16);

/**
 * `length` bytes of result, in two loops: in one, everything would wait for one thing after the other, for longer than
 * processors look ahead. False when something stored is not finite, or nearly so.
 */
export function electBlock<S, D, V, L>(base: usize, to: usize, length: usize, factor: f32): bool {
  const areFinite = vote<S, V, L>(base, length);
  return mergeVotes<D, L>(base, to, length, factor) && areFinite;
}

/** Writes the products of a block, and the sign bit where − is elected. */
function vote<S, V, L>(base: usize, length: usize): bool {
  const zero = f32x4.splat(0);
  const slotA = <usize>load<u32>(places);
  const slotB = <usize>load<u32>(places, 4);
  const slotC = <usize>load<u32>(places, 8);
  const slotD = <usize>load<u32>(places, 12);
  const maskA = <usize>load<u32>(places, MASKS);
  const maskB = <usize>load<u32>(places, MASKS + 4);
  const maskC = <usize>load<u32>(places, MASKS + 8);
  const maskD = <usize>load<u32>(places, MASKS + 12);
  let largest = zero;
  let largestStored = zero;
  let ballot = ballots;
  const step = sizeof<L>() == sizeof<Differences>() ? 16 : 32;
  for (let at: usize = 0; at < length; at += step, ballot += 16) {
    const origin = sizeof<L>() == sizeof<Differences>() ? zero : widenParity<L>(v128.load(base + (at >> 1)));
    if (isMasked<S>() && sizeof<L>() == sizeof<Odd>()) {
      // What a mask drops may be infinite, and does not show in the sum. Vectors hold both parities.
      const ab = i16x8.max_s(magnitudesAt(slotA, at), magnitudesAt(slotB, at));
      const cd = i16x8.max_s(magnitudesAt(slotC, at), magnitudesAt(slotD, at));
      largestStored = i16x8.max_s(largestStored, i16x8.max_s(ab, cd));
    }
    const shared = sizeof<S>() == sizeof<Shared>() ? maskedLanes<L>(maskA, at) : zero;
    const keptA = chosen<S, L>(changes<L>(slotA, at, origin), 0, maskA, at, shared);
    const keptB = chosen<S, L>(changes<L>(slotB, at, origin), 1, maskB, at, shared);
    const keptC = chosen<S, L>(changes<L>(slotC, at, origin), 2, maskC, at, shared);
    const keptD = chosen<S, L>(changes<L>(slotD, at, origin), 3, maskD, at, shared);
    const a = f32x4.mul(keptA, v128.load(coefficients));
    const b = f32x4.mul(keptB, v128.load(coefficients, 16));
    const c = f32x4.mul(keptC, v128.load(coefficients, 32));
    const d = f32x4.mul(keptD, v128.load(coefficients, 48));
    const sum = sizeof<V>() == sizeof<Values>()
      ? f32x4.add(f32x4.add(f32x4.add(keptA, keptB), keptC), keptD)
      : f32x4.add(f32x4.add(f32x4.add(a, b), c), d);
    if (sizeof<L>() != sizeof<Differences>()) largest = i32x4.max_s(largest, magnitudeOf(sum));
    v128.store(ballot, a);
    v128.store(ballot, b, BALLOT);
    v128.store(ballot, c, 2 * BALLOT);
    v128.store(ballot, d, 3 * BALLOT);
    v128.store(ballot, i32x4.shl(f32x4.lt(sum, zero), 31), 4 * BALLOT);
  }
  return !reaches32(largest, BF16_OVERFLOW) && !reaches16(largestStored, BF16_INFINITY);
}

/**
 * Merges the products that agree with the elected sign. Where it is −, their sign bit is flipped, so that those above
 * zero agree everywhere. `pmax` takes what is not above zero, NaN too, as +0, which changes no sum. Where nobody agrees
 * 0 is divided by the smallest divisor, and the last addition makes every zero +0.
 *
 * Of stored operands the result is added to `base` and rounded. The even elements come first, as words, and the odd ones
 * then fill these up.
 */
function mergeVotes<D, L>(base: usize, to: usize, length: usize, factor: f32): bool {
  const zero = f32x4.splat(0);
  const factors = f32x4.splat(factor);
  const smallest = f32x4.splat(SMALLEST_DIVISOR);
  let largest = zero;
  let ballot = ballots;
  const step = sizeof<L>() == sizeof<Differences>() ? 16 : 32;
  for (let at: usize = 0; at < length; at += step, ballot += 16) {
    const flip = v128.load(ballot, 4 * BALLOT);
    const agreeingA = f32x4.pmax(zero, v128.xor(v128.load(ballot), flip));
    const agreeingB = f32x4.pmax(zero, v128.xor(v128.load(ballot, BALLOT), flip));
    const agreeingC = f32x4.pmax(zero, v128.xor(v128.load(ballot, 2 * BALLOT), flip));
    const agreeingD = f32x4.pmax(zero, v128.xor(v128.load(ballot, 3 * BALLOT), flip));
    let size = f32x4.add(f32x4.add(f32x4.add(agreeingA, agreeingB), agreeingC), agreeingD);
    if (sizeof<D>() == sizeof<Divides>()) {
      const weightA = v128.and(v128.load(coefficients, WEIGHTS), f32x4.lt(zero, agreeingA));
      const weightB = v128.and(v128.load(coefficients, WEIGHTS + 16), f32x4.lt(zero, agreeingB));
      const weightC = v128.and(v128.load(coefficients, WEIGHTS + 32), f32x4.lt(zero, agreeingC));
      const weightD = v128.and(v128.load(coefficients, WEIGHTS + 48), f32x4.lt(zero, agreeingD));
      const weight = f32x4.add(f32x4.add(f32x4.add(weightA, weightB), weightC), weightD);
      size = f32x4.div(size, f32x4.pmax(smallest, weight));
    }
    const merged = f32x4.add(f32x4.mul(factors, v128.xor(size, flip)), zero);
    if (sizeof<L>() == sizeof<Differences>()) {
      v128.store(to + at, merged);
    } else {
      const result = f32x4.add(merged, widenParity<L>(v128.load(base + (at >> 1))));
      largest = i32x4.max_s(largest, magnitudeOf(result));
      const place = to + (at >> 1);
      if (sizeof<L>() == sizeof<Even>()) v128.store(place, roundBf16(result));
      else v128.store(place, interleaveHalves(v128.load(place), roundInPlace(result)));
    }
  }
  return !reaches32(largest, BF16_OVERFLOW);
}

/** Eight stored bf16 without their signs, at byte `at` of the block's f32. */
function magnitudesAt(source: usize, at: usize): v128 {
  return magnitudeOf16(v128.load(source + (at >> 1)));
}

/** Four differences of the eight, or of the four, that lie at byte `at` of the block's f32. */
function changes<L>(source: usize, at: usize, origin: v128): v128 {
  if (sizeof<L>() == sizeof<Differences>()) return v128.load(source + at);
  return f32x4.sub(widenParity<L>(v128.load(source + (at >> 1))), origin);
}

/** What is kept of four elements of an operand at byte `at` of the block's f32. */
function chosen<S, L>(x: v128, operand: usize, mask: usize, at: usize, shared: v128): v128 {
  if (sizeof<S>() == sizeof<Shared>()) return v128.and(x, shared);
  if (sizeof<S>() == sizeof<Masked>()) return v128.and(x, maskedLanes<L>(mask, at));
  return kept<S>(x, v128.load(coefficients + (operand << 4), LIMITS));
}

function isMasked<S>(): bool {
  return sizeof<S>() == sizeof<Masked>() || sizeof<S>() == sizeof<Shared>();
}

/** All ones for those of four elements that the block's mask keeps. */
function maskedLanes<L>(mask: usize, at: usize): v128 {
  let lanes = BITS + (at & 16);
  if (sizeof<L>() == sizeof<Even>()) lanes = EVERY_OTHER;
  if (sizeof<L>() == sizeof<Odd>()) lanes = EVERY_OTHER + 16;
  const bits = v128.load(lanes);
  return i32x4.eq(v128.and(v128.load8_splat(mask + (at >> 5)), bits), bits);
}
