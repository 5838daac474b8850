/**
 * Election among one to four operands with the usual settings: a product is computed once and stays in its register from
 * the sum that elects a sign to the sum of those who agree. Fewer operands than four are filled up with zeros, which
 * elect nobody and agree with nobody. Splatted coefficients lie in memory, since there are more than registers.
 */
import { ENTRY, SCALE, SELECTOR, SMALLEST_DIVISOR, WEIGHT } from './operands';
import { kept } from './selection';

/** The most operands that this takes. */
const FEW: i32 = 4;

/** Scales, then weights, then what lies below the selectors, each in all lanes of a vector, for four operands. */
const coefficients = memory.data(192, 16);
const WEIGHTS: usize = 64;
const LIMITS: usize = 128;

/** Elements between two looks at the operands' slots, so that what stands in for a missing operand can be short. */
const BLOCK: i32 = 1024;
/** A block of a missing operand. */
const zeros = memory.data(4096, 16);

/** As types, so that both kinds of loops come without a branch. */
type Divides = i8;
type Sums = i16;

/**
 * The merge of the first `count` − `count` mod 4 elements; returns how many those are, or 0 when the general way has to
 * be taken: for more operands, nobody elected at zero, or weights too small to divide by.
 *
 * With −1 for zeros, everything is mirrored: scales and factor change their sign, and +1 is elected.
 */
export function electFew<S>(
  table: usize, operands: i32, destination: usize, count: i32, zeroSign: i32, divide: i32, factor: f32,
): i32 {
  if (operands < 1 || operands > FEW || zeroSign == 0 || (divide && !divisible(table, operands))) return 0;
  const mirror: f32 = zeroSign < 0 ? -1 : 1;
  fillCoefficients(table, operands, mirror);
  const end = count & -4;
  for (let first: i32 = 0; first < end; first += BLOCK) {
    const length = <usize>min(end - first, BLOCK) << 2;
    const to = destination + (<usize>first << 2);
    if (divide) electBlock<S, Divides>(table, operands, first, to, length, factor * mirror);
    else electBlock<S, Sums>(table, operands, first, to, length, factor * mirror);
  }
  return end;
}

/** Whether any sum of weights of those who agree can be divided by, so that only none at all needs care. */
function divisible(table: usize, operands: i32): bool {
  for (let operand = 0; operand < operands; operand++) {
    if (!(load<f32>(table + <usize>operand * ENTRY, WEIGHT) >= SMALLEST_DIVISOR)) return false;
  }
  return true;
}

/**
 * `length` bytes of result. Where the elected sign is −, the sign bit of the products is flipped, so that those above
 * zero agree everywhere. `pmax` takes what is not above zero, NaN too, as +0, which changes no sum. Where nobody agrees
 * 0 is divided by the smallest divisor, and the last addition makes every zero +0.
 */
function electBlock<S, D>(table: usize, operands: i32, first: i32, to: usize, length: usize, factor: f32): void {
  const slot0 = slotOf(table, 0, operands, first);
  const slot1 = slotOf(table, 1, operands, first);
  const slot2 = slotOf(table, 2, operands, first);
  const slot3 = slotOf(table, 3, operands, first);
  const zero = f32x4.splat(0);
  const factors = f32x4.splat(factor);
  const smallest = f32x4.splat(SMALLEST_DIVISOR);
  for (let at: usize = 0; at < length; at += 16) {
    const a = f32x4.mul(kept<S>(v128.load(slot0 + at), v128.load(coefficients, LIMITS)), v128.load(coefficients));
    const b = f32x4.mul(kept<S>(v128.load(slot1 + at), v128.load(coefficients, LIMITS + 16)), v128.load(coefficients, 16));
    const c = f32x4.mul(kept<S>(v128.load(slot2 + at), v128.load(coefficients, LIMITS + 32)), v128.load(coefficients, 32));
    const d = f32x4.mul(kept<S>(v128.load(slot3 + at), v128.load(coefficients, LIMITS + 48)), v128.load(coefficients, 48));
    const sum = f32x4.add(f32x4.add(f32x4.add(a, b), c), d);
    const flip = i32x4.shl(f32x4.lt(sum, zero), 31);
    const agreeingA = f32x4.pmax(zero, v128.xor(a, flip));
    const agreeingB = f32x4.pmax(zero, v128.xor(b, flip));
    const agreeingC = f32x4.pmax(zero, v128.xor(c, flip));
    const agreeingD = f32x4.pmax(zero, v128.xor(d, flip));
    let size = f32x4.add(f32x4.add(f32x4.add(agreeingA, agreeingB), agreeingC), agreeingD);
    if (sizeof<D>() == sizeof<Divides>()) {
      const weightA = v128.and(v128.load(coefficients, WEIGHTS), f32x4.lt(zero, agreeingA));
      const weightB = v128.and(v128.load(coefficients, WEIGHTS + 16), f32x4.lt(zero, agreeingB));
      const weightC = v128.and(v128.load(coefficients, WEIGHTS + 32), f32x4.lt(zero, agreeingC));
      const weightD = v128.and(v128.load(coefficients, WEIGHTS + 48), f32x4.lt(zero, agreeingD));
      const weight = f32x4.add(f32x4.add(f32x4.add(weightA, weightB), weightC), weightD);
      size = f32x4.div(size, f32x4.pmax(smallest, weight));
    }
    v128.store(to + at, f32x4.add(f32x4.mul(factors, v128.xor(size, flip)), zero));
  }
}

function slotOf(table: usize, operand: i32, operands: i32, first: i32): usize {
  return operand < operands ? <usize>load<u32>(table + <usize>operand * ENTRY) + (<usize>first << 2) : zeros;
}

function fillCoefficients(table: usize, operands: i32, mirror: f32): void {
  const nothing = f32x4.splat(0);
  for (let operand = 0; operand < FEW; operand++) {
    const entry = table + <usize>operand * ENTRY;
    const at = coefficients + (<usize>operand << 4);
    const isThere = operand < operands;
    v128.store(at, isThere ? f32x4.splat(load<f32>(entry, SCALE) * mirror) : nothing);
    v128.store(at, isThere ? v128.load32_splat(entry, WEIGHT) : nothing, WEIGHTS);
    v128.store(at, i32x4.splat((isThere ? load<i32>(entry, SELECTOR) : 0) - 1), LIMITS);
  }
}
