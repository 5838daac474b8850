/**
 * Variance of the differences between few stored bf16. Where an element's values lie within a factor of two or so, as nearly
 * everywhere in fine-tunes, their differences are small whole numbers of one step, and so are squares and sums, which f32
 * then holds exactly, as f64 would. Other elements are taken the way of `variance`.
 */
import { ENTRY } from './operands';
import { magnitudeOf16 } from './selection';
import { differenceOfOne, differences, Stored, widenEven, widenFour, widenOdd } from './stored';
import { Four, ofFew, operandsOf, Three, Two } from './variance';

/**
 * Steps that an element's values may lie apart, in units of the last place: as many as there are from a value to its double.
 * In whole steps of the smallest of n ≤ 4 values, n·Σx² and S² then have no more than 20 bits. Eight times, in memory, since
 * engines make a vector constant anew at each use.
 */
const span = memory.data<i32>([0x800080, 0x800080, 0x800080, 0x800080], 16);
/** Magnitudes of the base from 2^−47 to 2^50, as bf16: the first, and how many. What is squared then is normal, and finite. */
const first = memory.data<i32>([0x28002800, 0x28002800, 0x28002800, 0x28002800], 16);
const ordinary = memory.data<i32>([0x30803080, 0x30803080, 0x30803080, 0x30803080], 16);

/** Differences of eight elements, f32, for each operand; the table of them; and variances of eight. */
const gaps = memory.data(128, 16);
const table = memory.data(64, 16);
const variances = memory.data(32, 16);
for (let operand: usize = 0; operand < 4; operand++) store<u32>(table + operand * ENTRY, <u32>(gaps + (operand << 5)));

/** See kernels/abi-stored.ts. */
export function varianceStoredBf16(operandTable: usize, operands: i32, base: usize, destination: usize, count: i32): void {
  if (operands == 2) ofStored<Two>(operandTable, base, destination, count);
  else if (operands == 3) ofStored<Three>(operandTable, base, destination, count);
  else ofStored<Four>(operandTable, base, destination, count);
}

function ofStored<N>(operandTable: usize, base: usize, destination: usize, count: i32): void {
  const a = <usize>load<u32>(operandTable);
  const b = <usize>load<u32>(operandTable, ENTRY);
  const c = sizeof<N>() >= sizeof<Three>() ? <usize>load<u32>(operandTable, 2 * ENTRY) : 0;
  const d = sizeof<N>() >= sizeof<Four>() ? <usize>load<u32>(operandTable, 3 * ENTRY) : 0;
  const whole = <usize>(count & -8) << 1;
  for (let at: usize = 0; at < whole; at += 16) {
    const origin = v128.load(base + at);
    const x = v128.load(a + at);
    const y = v128.load(b + at);
    const z = sizeof<N>() >= sizeof<Three>() ? v128.load(c + at) : x;
    const w = sizeof<N>() >= sizeof<Four>() ? v128.load(d + at) : x;
    let lowest = i16x8.min_s(i16x8.min_s(origin, x), y);
    let highest = i16x8.max_s(i16x8.max_s(origin, x), y);
    if (sizeof<N>() >= sizeof<Three>()) {
      lowest = i16x8.min_s(lowest, z);
      highest = i16x8.max_s(highest, z);
    }
    if (sizeof<N>() >= sizeof<Four>()) {
      lowest = i16x8.min_s(lowest, w);
      highest = i16x8.max_s(highest, w);
    }
    const isFar = i16x8.gt_u(i16x8.sub(highest, lowest), v128.load(span));
    const isExtreme = i16x8.ge_u(i16x8.sub(magnitudeOf16(origin), v128.load(first)), v128.load(ordinary));
    const to = destination + (at << 1);
    if (v128.any_true(v128.or(isFar, isExtreme))) {
      ofEight<N>(operandTable, base, at, to);
    } else {
      const even = ofFour<N>(widenEven(origin), widenEven(x), widenEven(y), widenEven(z), widenEven(w));
      const odd = ofFour<N>(widenOdd(origin), widenOdd(x), widenOdd(y), widenOdd(z), widenOdd(w));
      v128.store(to, v128.shuffle<i32>(even, odd, 0, 4, 1, 5));
      v128.store(to, v128.shuffle<i32>(even, odd, 2, 6, 3, 7), 16);
    }
  }
  ofRest<N>(operandTable, base, destination, whole, <usize>count << 1);
}

/** (n·Σx² − S²)/n², which is `variance` where n·Σx² and S² are exact. */
function ofFour<N>(origin: v128, a: v128, b: v128, c: v128, d: v128): v128 {
  const x = f32x4.sub(a, origin);
  const y = f32x4.sub(b, origin);
  let sum = f32x4.add(x, y);
  let squares = f32x4.add(f32x4.mul(x, x), f32x4.mul(y, y));
  if (sizeof<N>() >= sizeof<Three>()) {
    const z = f32x4.sub(c, origin);
    sum = f32x4.add(sum, z);
    squares = f32x4.add(squares, f32x4.mul(z, z));
  }
  if (sizeof<N>() >= sizeof<Four>()) {
    const w = f32x4.sub(d, origin);
    sum = f32x4.add(sum, w);
    squares = f32x4.add(squares, f32x4.mul(w, w));
  }
  return inShares<N>(f32x4.sub(f32x4.mul(squares, f32x4.splat(<f32>operandsOf<N>())), f32x4.mul(sum, sum)));
}

/** Four sums over n². */
function inShares<N>(sums: v128): v128 {
  if (sizeof<N>() == sizeof<Two>()) return f32x4.mul(sums, f32x4.splat(1 / 4));
  if (sizeof<N>() == sizeof<Four>()) return f32x4.mul(sums, f32x4.splat(1 / 16));
  // A third and a rounding more, as `variance` has it.
  const low = inNinths(sums);
  const high = inNinths(v128.shuffle<i64>(sums, sums, 1, 1));
  return v128.shuffle<i64>(low, high, 0, 2);
}

/** The first two of four sums over nine. */
function inNinths(sums: v128): v128 {
  const whole = f64x2.mul(f64x2.promote_low_f32x4(sums), f64x2.splat(3));
  return f32x4.demote_f64x2_zero(f64x2.mul(whole, f64x2.splat(1 / 27)));
}

/** Eight elements from byte `at` on, by their differences. */
function ofEight<N>(operandTable: usize, base: usize, at: usize, to: usize): void {
  for (let operand: usize = 0; operand < <usize>operandsOf<N>(); operand++) {
    const source = <usize>load<u32>(operandTable + operand * ENTRY) + at;
    const gap = gaps + (operand << 5);
    v128.store(gap, differences<Stored>(source, 0, widenFour(base + at)));
    v128.store(gap, differences<Stored>(source, 16, widenFour(base + at + 8)), 16);
  }
  ofFew<N>(table, to, 32);
}

/** The last elements, fewer than eight, from byte `at` to byte `end`. */
function ofRest<N>(operandTable: usize, base: usize, destination: usize, at: usize, end: usize): void {
  if (at == end) return;
  for (let operand: usize = 0; operand < <usize>operandsOf<N>(); operand++) {
    const source = <usize>load<u32>(operandTable + operand * ENTRY);
    for (let byte = at; byte != end; byte += 2) {
      store<f32>(gaps + (operand << 5) + ((byte - at) << 1), differenceOfOne(source + byte, base + byte));
    }
  }
  ofFew<N>(table, variances, 32);
  memory.copy(destination + (at << 1), variances, (end - at) << 1);
}
