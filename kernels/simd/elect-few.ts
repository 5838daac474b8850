/**
 * Election among one to four operands with the usual settings: a product is computed once and stays in its register from
 * the sum that elects a sign to the sum of those who agree. Fewer operands than four are filled up with ones that do
 * not differ from the base, which elect nobody and agree with nobody. Splatted coefficients lie in memory, since there are
 * more than registers.
 */
import { BITS, EVERY_OTHER } from './bits';
import { BF16_INFINITY, BF16_OVERFLOW, F32_INFINITY } from './format';
import { interleaveHalves, roundBf16, roundInPlace } from './narrow';
import { reaches16, reaches32 } from './nonfinite';
import { ENTRY, SCALE, SELECTOR, SMALLEST_DIVISOR, WEIGHT } from './operands';
import { AtLeast, kept, Masked, magnitudeOf } from './selection';
import { Differences, Even, Odd, Stored, widenParity } from './stored';

/** The most operands that this takes. */
const FEW: i32 = 4;

/** Scales, then weights, then what lies below the selectors, each in all lanes of a vector, for four operands. */
const coefficients = memory.data(192, 16);
const WEIGHTS: usize = 64;
const LIMITS: usize = 128;

/** Elements between two looks at the operands' slots, so that what stands in for a missing operand can be short. */
const BLOCK: i32 = 1024;
/** A block of the differences of a missing operand. Its stored values are those of the base. */
const zeros = memory.data(4096, 16);
/** A block of the mask of an operand that is kept whole. */
const ones = memory.data(128, 16);
memory.fill(ones, 0xff, 128);
/** In memory, since engines make a vector constant anew at each use. */
const magnitude16 = memory.data<i32>([0x7fff7fff, 0x7fff7fff, 0x7fff7fff, 0x7fff7fff], 16);
/** The last few elements of base, four operands and result, each in the room of eight. */
const tails = memory.data(96, 16);
const TAIL_BYTES: usize = 16;

/** As types, so that both kinds of loops come without a branch. */
type Divides = i8;
type Sums = i16;
/** What elects the sign: the sum of the products, or of the values themselves. */
type Products = i8;
type Values = i16;
/** A mask that all operands have in common. */
type Shared = f64;

/**
 * The merge of the first `count` − `count` mod 4 elements; returns how many those are, or 0 when the general way has to
 * be taken: for more operands, nobody elected at zero, or weights too small to divide by.
 *
 * With −1 for zeros, everything is mirrored: scales and factor change their sign, and +1 is elected.
 */
export function electFew<S>(
  table: usize, operands: i32, destination: usize, count: i32, zeroSign: i32, divide: i32, factor: f32,
): i32 {
  if (!isSimple(table, operands, zeroSign, divide)) return 0;
  const mirror: f32 = zeroSign < 0 ? -1 : 1;
  fillCoefficients(table, operands, mirror);
  const end = count & -4;
  for (let first: i32 = 0; first < end; first += BLOCK) {
    const length = <usize>min(end - first, BLOCK) << 2;
    const to = destination + (<usize>first << 2);
    placeBlock<Differences>(table, operands, first, zeros);
    if (divide) electBlock<S, Divides, Products, Differences>(0, to, length, factor * mirror);
    else electBlock<S, Sums, Products, Differences>(0, to, length, factor * mirror);
  }
  return end;
}

/** See kernels/abi-stored.ts. */
export function electStoredBf16(
  table: usize, operands: i32, base: usize, destination: usize, count: i32, zeroSign: i32, divide: i32, factor: f32,
  masked: i32, byValues: i32,
): i32 {
  if (!isSimple(table, operands, zeroSign, divide)) return 0;
  const mirror: f32 = zeroSign < 0 ? -1 : 1;
  const scale = factor * mirror;
  fillCoefficients(table, operands, mirror);
  if (byValues) {
    return i32(masked && divide && haveSameSelector(table, operands)
      && electStored<Shared, Divides, Values>(table, operands, base, destination, count, scale));
  }
  if (masked) {
    return i32(divide
      ? electStored<Masked, Divides, Products>(table, operands, base, destination, count, scale)
      : electStored<Masked, Sums, Products>(table, operands, base, destination, count, scale));
  }
  if (!isSelectable(table, operands)) return 0;
  return i32(divide
    ? electStored<AtLeast, Divides, Products>(table, operands, base, destination, count, scale)
    : electStored<AtLeast, Sums, Products>(table, operands, base, destination, count, scale));
}

function electStored<S, D, V>(
  table: usize, operands: i32, base: usize, destination: usize, count: i32, factor: f32,
): bool {
  const end = count & -8;
  for (let first: i32 = 0; first < end; first += BLOCK) {
    const length = <usize>min(end - first, BLOCK) << 2;
    const at = <usize>first << 1;
    placeBlock<Stored>(table, operands, first, base + at);
    if (!electStoredBlock<S, D, V>(base + at, destination + at, length, factor)) return false;
  }
  const at = <usize>end << 1;
  placeBlock<Stored>(table, operands, end, base + at);
  return electTail<S, D, V>(base + at, destination + at, <usize>(count - end) << 1, factor);
}

/** The last `bytes` < 16 of the result, made of copies that have room behind them. */
function electTail<S, D, V>(base: usize, destination: usize, bytes: usize, factor: f32): bool {
  const result = tails + 5 * TAIL_BYTES;
  memory.fill(tails, 0, 5 * TAIL_BYTES);
  memory.copy(tails, base, bytes);
  for (let operand: usize = 0; operand < <usize>FEW; operand++) {
    const place = places + (operand << 2);
    const tail = tails + (operand + 1) * TAIL_BYTES;
    memory.copy(tail, load<u32>(place), bytes);
    store<u32>(place, <u32>tail);
  }
  const isDone = electStoredBlock<S, D, V>(tails, result, 2 * TAIL_BYTES, factor);
  memory.copy(destination, result, bytes);
  return isDone;
}

/** Whether this file knows how to do it. */
function isSimple(table: usize, operands: i32, zeroSign: i32, divide: i32): bool {
  return operands >= 1 && operands <= FEW && zeroSign != 0 && (!divide || divisible(table, operands));
}

/** Whether no selector drops what is infinite, which then would not show in a sum. */
function isSelectable(table: usize, operands: i32): bool {
  for (let operand = 0; operand < operands; operand++) {
    if (load<u32>(table + <usize>operand * ENTRY, SELECTOR) > <u32>F32_INFINITY) return false;
  }
  return true;
}

function haveSameSelector(table: usize, operands: i32): bool {
  for (let operand = 1; operand < operands; operand++) {
    if (load<u32>(table + <usize>operand * ENTRY, SELECTOR) != load<u32>(table, SELECTOR)) return false;
  }
  return true;
}

/** Whether any sum of weights of those who agree can be divided by, so that only none at all needs care. */
function divisible(table: usize, operands: i32): bool {
  for (let operand = 0; operand < operands; operand++) {
    if (!(load<f32>(table + <usize>operand * ENTRY, WEIGHT) >= SMALLEST_DIVISOR)) return false;
  }
  return true;
}

/** Where a block of each operand begins, then where its mask does; u32. */
const places = memory.data(32, 16);
const MASKS: usize = 16;

/** Finds the block of each operand from element `first`, which is a multiple of 4, on; `missing` is that of one. */
function placeBlock<L>(table: usize, operands: i32, first: i32, missing: usize): void {
  const width = sizeof<L>() == sizeof<Stored>() ? 1 : 2;
  for (let operand = 0; operand < FEW; operand++) {
    const entry = table + <usize>operand * ENTRY;
    const isThere = operand < operands;
    const at = places + (<usize>operand << 2);
    const mask = isThere ? <usize>load<u32>(entry, SELECTOR) : 0;
    store<u32>(at, isThere ? load<u32>(entry) + (first << width) : <u32>missing);
    store<u32>(at, mask ? <u32>(mask + (<usize>first >> 3)) : <u32>ones, MASKS);
  }
}

/** `length` bytes of f32, a multiple of 32, of which each stored value of the result stands for four. */
function electStoredBlock<S, D, V>(base: usize, to: usize, length: usize, factor: f32): bool {
  return electBlock<S, D, V, Even>(base, to, length, factor) && electBlock<S, D, V, Odd>(base, to, length, factor);
}

/**
 * `length` bytes of result. Where the elected sign is −, the sign bit of the products is flipped, so that those above
 * zero agree everywhere. `pmax` takes what is not above zero, NaN too, as +0, which changes no sum. Where nobody agrees
 * 0 is divided by the smallest divisor, and the last addition makes every zero +0.
 *
 * Of stored operands the result is added to `base` and rounded; false when something is not finite, or nearly so. The
 * even elements come first, as words, and the odd ones then fill these up.
 */
function electBlock<S, D, V, L>(base: usize, to: usize, length: usize, factor: f32): bool {
  const zero = f32x4.splat(0);
  const factors = f32x4.splat(factor);
  const smallest = f32x4.splat(SMALLEST_DIVISOR);
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
  const step = sizeof<L>() == sizeof<Differences>() ? 16 : 32;
  for (let at: usize = 0; at < length; at += step) {
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
    const merged = f32x4.add(f32x4.mul(factors, v128.xor(size, flip)), zero);
    if (sizeof<L>() == sizeof<Differences>()) {
      v128.store(to + at, merged);
    } else {
      const result = f32x4.add(merged, origin);
      largest = i32x4.max_s(largest, i32x4.max_s(magnitudeOf(sum), magnitudeOf(result)));
      const place = to + (at >> 1);
      if (sizeof<L>() == sizeof<Even>()) v128.store(place, roundBf16(result));
      else v128.store(place, interleaveHalves(v128.load(place), roundInPlace(result)));
    }
  }
  if (sizeof<L>() == sizeof<Differences>()) return true;
  return !reaches32(largest, BF16_OVERFLOW) && !reaches16(largestStored, BF16_INFINITY);
}

/** Eight stored bf16 without their signs, at byte `at` of the block's f32. */
function magnitudesAt(source: usize, at: usize): v128 {
  return v128.and(v128.load(source + (at >> 1)), v128.load(magnitude16));
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
