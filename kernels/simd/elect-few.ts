/**
 * Election among one to four operands, the usual number: a product is computed once and stays in its register from the
 * sum that elects a sign to the sum of those who agree. Fewer operands than four are filled up with zeros, which elect
 * nobody and agree with nobody. Splatted coefficients lie in memory, since there are more than registers.
 */
import { divisor, ENTRY, SCALE, WEIGHT } from './operands';

/** The most operands that this takes. */
export const FEW: i32 = 4;

/** Scales, then weights, each in all lanes of a vector, for four operands. */
const coefficients = memory.data(128, 16);
/** What operands that are not there are read from, again and again. */
const zeros = memory.data(16, 16);

/** Elements per step. */
const STEP: i32 = 4;

/**
 * The merge of the first `count` − `count` mod 4 elements; returns how many those are. Where the elected sign is −, the
 * sign bit of the products is flipped, so that those above zero agree everywhere. `pmax` takes what is not above zero,
 * NaN too, as +0; which changes no sum, since sums start at +0 and never become −0.
 */
export function electFew(
  table: usize, operands: i32, destination: usize, count: i32, zeroSign: i32, divide: i32, factor: f32,
): i32 {
  fillCoefficients(table, operands);
  const slot0 = slotOf(table, 0, operands);
  const slot1 = slotOf(table, 1, operands);
  const slot2 = slotOf(table, 2, operands);
  const slot3 = slotOf(table, 3, operands);
  // An operand that is not there does not move on.
  const moves1: usize = operands > 1 ? -1 : 0;
  const moves2: usize = operands > 2 ? -1 : 0;
  const moves3: usize = operands > 3 ? -1 : 0;
  const zero = f32x4.splat(0);
  const factors = f32x4.splat(factor);
  const end = <usize>(count & -STEP) << 2;
  for (let at: usize = 0; at < end; at += 16) {
    const a = f32x4.mul(v128.load(slot0 + at), v128.load(coefficients));
    const b = f32x4.mul(v128.load(slot1 + (at & moves1)), v128.load(coefficients, 16));
    const c = f32x4.mul(v128.load(slot2 + (at & moves2)), v128.load(coefficients, 32));
    const d = f32x4.mul(v128.load(slot3 + (at & moves3)), v128.load(coefficients, 48));
    const sum = f32x4.add(f32x4.add(f32x4.add(a, b), c), d);
    const isNegative = zeroSign < 0 ? v128.not(f32x4.gt(sum, zero)) : f32x4.lt(sum, zero);
    const flip = i32x4.shl(isNegative, 31);
    const agreeingA = f32x4.pmax(zero, v128.xor(a, flip));
    const agreeingB = f32x4.pmax(zero, v128.xor(b, flip));
    const agreeingC = f32x4.pmax(zero, v128.xor(c, flip));
    const agreeingD = f32x4.pmax(zero, v128.xor(d, flip));
    const size = f32x4.add(f32x4.add(f32x4.add(agreeingA, agreeingB), agreeingC), agreeingD);
    // Adding +0 turns the −0 of a negative sign that nobody agrees with into +0.
    let merged = f32x4.add(v128.xor(size, flip), zero);
    if (divide) {
      merged = f32x4.div(merged, divisor(agreeingWeight(agreeingA, agreeingB, agreeingC, agreeingD)));
    }
    if (!zeroSign) merged = v128.and(merged, v128.or(isNegative, f32x4.gt(sum, zero)));
    v128.store(destination + at, f32x4.mul(factors, merged));
  }
  return count & -STEP;
}

/** Sum of the weights of those who agree, from +0, since a weight may be −0. */
function agreeingWeight(agreeingA: v128, agreeingB: v128, agreeingC: v128, agreeingD: v128): v128 {
  const zero = f32x4.splat(0);
  const a = v128.and(v128.load(coefficients, 64), f32x4.lt(zero, agreeingA));
  const b = v128.and(v128.load(coefficients, 80), f32x4.lt(zero, agreeingB));
  const c = v128.and(v128.load(coefficients, 96), f32x4.lt(zero, agreeingC));
  const d = v128.and(v128.load(coefficients, 112), f32x4.lt(zero, agreeingD));
  return f32x4.add(f32x4.add(f32x4.add(f32x4.add(zero, a), b), c), d);
}

function slotOf(table: usize, operand: i32, operands: i32): usize {
  return operand < operands ? <usize>load<u32>(table + <usize>operand * ENTRY) : zeros;
}

function fillCoefficients(table: usize, operands: i32): void {
  for (let operand = 0; operand < FEW; operand++) {
    const entry = table + <usize>operand * ENTRY;
    const at = coefficients + (<usize>operand << 4);
    v128.store(at, operand < operands ? v128.load32_splat(entry, SCALE) : f32x4.splat(0));
    v128.store(at, operand < operands ? v128.load32_splat(entry, WEIGHT) : f32x4.splat(0), 64);
  }
}
