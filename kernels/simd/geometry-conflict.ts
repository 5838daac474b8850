/**
 * How much of the operands' changes would cancel. P is the sum of an element's positive values and M that of its
 * negative ones, which is −N bit for bit: rounding knows no sign.
 */
import { elementAt, ENTRY } from './geometry-operands';

/** Bytes from the lanes of min(P, N) to those of P + N. */
const TOTALS: usize = 64;

/** See kernels/abi.ts. */
export function sumConflict(table: usize, operands: i32, count: i32, lanes: usize): i32 {
  const end = table + <usize>operands * ENTRY;
  const zero = f64x2.splat(0);
  let cancelled = zero;
  let offset: usize = 0;
  let rest = count;
  for (; rest >= 8; rest -= 8, offset += 32) {
    let positiveA = zero;
    let positiveB = zero;
    let positiveC = zero;
    let positiveD = zero;
    let negativeA = zero;
    let negativeB = zero;
    let negativeC = zero;
    let negativeD = zero;
    for (let entry = table; entry != end; entry += ENTRY) {
      const x = elementAt(entry, offset);
      const a = f64x2.promote_low_f32x4(v128.load64_zero(x));
      const b = f64x2.promote_low_f32x4(v128.load64_zero(x, 8));
      const c = f64x2.promote_low_f32x4(v128.load64_zero(x, 16));
      const d = f64x2.promote_low_f32x4(v128.load64_zero(x, 24));
      // Of a NaN and 0 both choices are the NaN.
      positiveA = f64x2.add(positiveA, f64x2.pmax(a, zero));
      negativeA = f64x2.add(negativeA, f64x2.pmin(a, zero));
      positiveB = f64x2.add(positiveB, f64x2.pmax(b, zero));
      negativeB = f64x2.add(negativeB, f64x2.pmin(b, zero));
      positiveC = f64x2.add(positiveC, f64x2.pmax(c, zero));
      negativeC = f64x2.add(negativeC, f64x2.pmin(c, zero));
      positiveD = f64x2.add(positiveD, f64x2.pmax(d, zero));
      negativeD = f64x2.add(negativeD, f64x2.pmin(d, zero));
    }
    cancelled = i64x2.sub(cancelled, addConflict(lanes, positiveA, negativeA));
    cancelled = i64x2.sub(cancelled, addConflict(lanes + 16, positiveB, negativeB));
    cancelled = i64x2.sub(cancelled, addConflict(lanes + 32, positiveC, negativeC));
    cancelled = i64x2.sub(cancelled, addConflict(lanes + 48, positiveD, negativeD));
  }
  let found = <i32>(i64x2.extract_lane(cancelled, 0) + i64x2.extract_lane(cancelled, 1));
  for (let lane = lanes; rest > 0; rest--, offset += 4, lane += 8) found += addConflictOf(table, end, offset, lane);
  return found;
}

/** Adds min(P, N) and P + N of two elements to their lanes; returns −1 (i64) for those that cancel. */
function addConflict(lanes: usize, positive: v128, minus: v128): v128 {
  const zero = f64x2.splat(0);
  const negative = f64x2.sub(zero, minus);
  v128.store(lanes, f64x2.add(v128.load(lanes), f64x2.pmin(positive, negative)));
  v128.store(lanes, f64x2.add(v128.load(lanes, TOTALS), f64x2.add(positive, negative)), TOTALS);
  return v128.and(f64x2.eq(positive, negative), f64x2.gt(positive, zero));
}

/** The same for the element at byte `offset`; returns 1 if it cancels. */
function addConflictOf(table: usize, end: usize, offset: usize, lane: usize): i32 {
  let positive: f64 = 0;
  let negative: f64 = 0;
  for (let entry = table; entry != end; entry += ENTRY) {
    const x = <f64>load<f32>(elementAt(entry, offset));
    positive += max(x, 0);
    negative += max(-x, 0);
  }
  store<f64>(lane, load<f64>(lane) + min(positive, negative));
  store<f64>(lane, load<f64>(lane, TOTALS) + (positive + negative), TOTALS);
  return i32(positive == negative && positive > 0);
}
