/**
 * What the rank of a magnitude in its row says on whether its elements stay: a probability that grows with the rank from
 * the lowest to the highest. Zeros come first, and equal magnitudes share the mean of their places. A verdict holds the
 * first random digit (of base 256) that is not below the probability, and twice the mean rank, for the one digit in 256
 * that needs more of the probability.
 */

/** Bits of a verdict for twice a rank: rows have at most 2^22 elements (LONGEST_RUN_ELEMENTS). */
const RANK_BITS: u32 = 23;
const RANK_MASK: u32 = (1 << RANK_BITS) - 1;

/** Probabilities times 256. */
let lowest256: f64 = 0;
let halfStep256: f64 = 0;

/** Makes ranks probabilities, from `lowest` to `highest` in a row. */
export function useProbabilities(lowest: f64, highest: f64, rowElements: i32): void {
  const isOne = rowElements == 1;
  lowest256 = (isOne ? (lowest + highest) * 0.5 : lowest) * 256;
  halfStep256 = isOne ? 0 : ((highest - lowest) / <f64>(rowElements - 1)) * 128;
}

/** 256 times the probabilities of elements whose mean rank is half of the lower two `doubledRanks`. */
function scaledProbabilities(doubledRanks: v128): v128 {
  const steps = f64x2.mul(f64x2.splat(halfStep256), f64x2.convert_low_i32x4_u(doubledRanks));
  return f64x2.add(f64x2.splat(lowest256), steps);
}

/** The verdicts on four times `counts` equal magnitudes that `before` elements precede. */
export function verdictsOn(before: v128, counts: v128): v128 {
  const doubledRanks = i32x4.sub(i32x4.add(i32x4.shl(before, 1), counts), i32x4.splat(1));
  const low = scaledProbabilities(doubledRanks);
  const high = scaledProbabilities(v128.shuffle<i32>(doubledRanks, doubledRanks, 2, 3, 2, 3));
  const digits = v128.shuffle<i32>(i32x4.trunc_sat_f64x2_u_zero(low), i32x4.trunc_sat_f64x2_u_zero(high), 0, 1, 4, 5);
  return v128.or(i32x4.shl(digits, RANK_BITS), doubledRanks);
}

/** The verdict on `count` equal magnitudes that `before` elements precede. */
export function verdictOn(before: u32, count: u32): u32 {
  return i32x4.extract_lane(verdictsOn(i32x4.splat(before), i32x4.splat(count)), 0);
}

/** The first digit of the probability, 256 for 1: elements with a lower digit stay, those with a higher one do not. */
export function digitOf(verdict: u32): u32 {
  return verdict >>> RANK_BITS;
}

/** What the probability has beyond its first digit, from 0 to 1. */
export function fractionOf(verdict: u32): f64 {
  const scaled = f64x2.extract_lane(scaledProbabilities(i32x4.splat(verdict & RANK_MASK)), 0);
  return scaled - <f64>digitOf(verdict);
}
