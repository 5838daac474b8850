/**
 * Election among one to four operands with the usual settings. Fewer operands than four are filled up with ones that do
 * not differ from the base, which elect nobody and agree with nobody.
 */
import { Divides, electBlock, Products, Shared, Sums, Values } from './elect-block';
import { BLOCK, FEW, fillCoefficients, placeBlock, places, zeros } from './elect-operands';
import { F32_INFINITY } from './format';
import { ENTRY, SELECTOR, SMALLEST_DIVISOR, WEIGHT } from './operands';
import { AtLeast, Masked } from './selection';
import { Differences, Even, Odd, Stored } from './stored';

/** The last few elements of base, four operands and result, each in the room of eight. */
const tails = memory.data(96, 16);
const TAIL_BYTES: usize = 16;

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

/** `length` bytes of f32, a multiple of 32, of which each stored value of the result stands for four. */
function electStoredBlock<S, D, V>(base: usize, to: usize, length: usize, factor: f32): bool {
  return electBlock<S, D, V, Even>(base, to, length, factor) && electBlock<S, D, V, Odd>(base, to, length, factor);
}
