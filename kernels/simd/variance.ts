/** Selection by how much operands differ. `table` is the byte offset of an operand table. */
import { nonZero } from './bits';
import { ENTRY, WEIGHT } from './operands';

/** Two to four operands, as types, so that each has a loop of its own in which their values stay in registers. */
export type Two = i8;
export type Three = i16;
export type Four = i32;

/** See kernels/abi-selection.ts. */
export function variance(table: usize, operands: i32, destination: usize, count: i32): void {
  const end = table + <usize>operands * ENTRY;
  const n = <f64>operands;
  const whole = <usize>(count & -4) << 2;
  if (operands == 2) ofFew<Two>(table, destination, whole);
  else if (operands == 3) ofFew<Three>(table, destination, whole);
  else if (operands == 4) ofFew<Four>(table, destination, whole);
  else ofAny(table, end, n, destination, whole);
  for (let at = whole; at < <usize>count << 2; at += 4) store<f32>(destination + at, varianceAt(table, end, n, at));
}

/** `N` as a number. */
export function operandsOf<N>(): i32 {
  return sizeof<N>() == sizeof<Two>() ? 2 : sizeof<N>() == sizeof<Three>() ? 3 : 4;
}

/** `bytes` of f32, a multiple of 16. */
export function ofFew<N>(table: usize, destination: usize, bytes: usize): void {
  const n = <f64>operandsOf<N>();
  const a = <usize>load<u32>(table);
  const b = <usize>load<u32>(table, ENTRY);
  const c = sizeof<N>() >= sizeof<Three>() ? <usize>load<u32>(table, 2 * ENTRY) : 0;
  const d = sizeof<N>() >= sizeof<Four>() ? <usize>load<u32>(table, 3 * ENTRY) : 0;
  const times = f64x2.splat(n);
  const share = f64x2.splat(1 / (n * n * n));
  for (let at: usize = 0; at < bytes; at += 16) {
    const low = f64x2.mul(squaresOfTwo<N>(times, a + at, b + at, c + at, d + at), share);
    const high = f64x2.mul(squaresOfTwo<N>(times, a + at + 8, b + at + 8, c + at + 8, d + at + 8), share);
    v128.store(destination + at, v128.shuffle<i64>(f32x4.demote_f64x2_zero(low), f32x4.demote_f64x2_zero(high), 0, 2));
  }
}

/** Σ(n·xᵢ − S)² of two elements. */
function squaresOfTwo<N>(times: v128, fromA: usize, fromB: usize, fromC: usize, fromD: usize): v128 {
  const a = f64x2.promote_low_f32x4(v128.load64_zero(fromA));
  const b = f64x2.promote_low_f32x4(v128.load64_zero(fromB));
  let sum = f64x2.add(a, b);
  let c = sum;
  let d = sum;
  if (sizeof<N>() >= sizeof<Three>()) {
    c = f64x2.promote_low_f32x4(v128.load64_zero(fromC));
    sum = f64x2.add(sum, c);
  }
  if (sizeof<N>() >= sizeof<Four>()) {
    d = f64x2.promote_low_f32x4(v128.load64_zero(fromD));
    sum = f64x2.add(sum, d);
  }
  let squares = f64x2.add(squareFrom(times, a, sum), squareFrom(times, b, sum));
  if (sizeof<N>() >= sizeof<Three>()) squares = f64x2.add(squares, squareFrom(times, c, sum));
  if (sizeof<N>() >= sizeof<Four>()) squares = f64x2.add(squares, squareFrom(times, d, sum));
  return squares;
}

/** (n·x − S)². */
function squareFrom(times: v128, x: v128, sum: v128): v128 {
  const from = f64x2.sub(f64x2.mul(times, x), sum);
  return f64x2.mul(from, from);
}

function ofAny(table: usize, end: usize, n: f64, destination: usize, bytes: usize): void {
  const times = f64x2.splat(n);
  const share = f64x2.splat(1 / (n * n * n));
  for (let at: usize = 0; at < bytes; at += 16) {
    let low = f64x2.splat(0);
    let high = low;
    for (let entry = table; entry != end; entry += ENTRY) {
      const from = <usize>load<u32>(entry) + at;
      low = f64x2.add(low, f64x2.promote_low_f32x4(v128.load64_zero(from)));
      high = f64x2.add(high, f64x2.promote_low_f32x4(v128.load64_zero(from, 8)));
    }
    let lowSquares = f64x2.splat(0);
    let highSquares = lowSquares;
    for (let entry = table; entry != end; entry += ENTRY) {
      const from = <usize>load<u32>(entry) + at;
      lowSquares = f64x2.add(lowSquares, squareFrom(times, f64x2.promote_low_f32x4(v128.load64_zero(from)), low));
      highSquares = f64x2.add(highSquares, squareFrom(times, f64x2.promote_low_f32x4(v128.load64_zero(from, 8)), high));
    }
    const lowest = f32x4.demote_f64x2_zero(f64x2.mul(lowSquares, share));
    const highest = f32x4.demote_f64x2_zero(f64x2.mul(highSquares, share));
    v128.store(destination + at, v128.shuffle<i64>(lowest, highest, 0, 2));
  }
}

/** The same for the single element at byte `offset`. */
function varianceAt(table: usize, end: usize, n: f64, offset: usize): f32 {
  let sum: f64 = 0;
  for (let entry = table; entry != end; entry += ENTRY) sum += <f64>load<f32>(<usize>load<u32>(entry) + offset);
  let squares: f64 = 0;
  for (let entry = table; entry != end; entry += ENTRY) {
    const from = n * <f64>load<f32>(<usize>load<u32>(entry) + offset) - sum;
    squares += from * from;
  }
  return <f32>(squares * (1 / (n * n * n)));
}

/** See kernels/abi-selection.ts. */
export function markNonZero(source: usize, destination: usize, count: i32): void {
  let rest = count;
  for (; rest >= 64; rest -= 64, source += 256, destination += 8) store<u64>(destination, nonZero(source, 64));
  if (!rest) return;
  for (let bits = nonZero(source, rest); rest > 0; rest -= 8, bits >>>= 8) store<u8>(destination++, <u8>bits);
}

/** See kernels/abi-selection.ts. */
export function eraseUnshared(table: usize, operands: i32, destination: usize, count: i32, agreement: f64): void {
  const end = table + <usize>operands * ENTRY;
  const needed = i32x4.splat(<i32>Math.ceil(agreement));
  let offset: usize = 0;
  let rest = count;
  for (; rest >= 4; rest -= 4, offset += 16) {
    let sum = f32x4.splat(0);
    for (let entry = table; entry != end; entry += ENTRY) {
      sum = f32x4.add(sum, v128.load(<usize>load<u32>(entry) + offset));
    }
    let caring = i32x4.splat(0);
    for (let entry = table; entry != end; entry += ENTRY) {
      const x = v128.load(<usize>load<u32>(entry) + offset);
      const others = f32x4.mul(v128.load32_splat(entry, WEIGHT), f32x4.abs(f32x4.sub(sum, x)));
      caring = i32x4.sub(caring, f32x4.gt(f32x4.abs(x), others));
    }
    v128.store(destination + offset, v128.and(v128.load(destination + offset), i32x4.ge_s(caring, needed)));
  }
  for (; rest > 0; rest--, offset += 4) {
    if (<f64>caringAt(table, end, offset) < agreement) store<f32>(destination + offset, 0);
  }
}

/** How many operands care about the single element at byte `offset`. */
function caringAt(table: usize, end: usize, offset: usize): i32 {
  let sum: f32 = 0;
  for (let entry = table; entry != end; entry += ENTRY) sum += load<f32>(<usize>load<u32>(entry) + offset);
  let caring: i32 = 0;
  for (let entry = table; entry != end; entry += ENTRY) {
    const x = load<f32>(<usize>load<u32>(entry) + offset);
    caring += i32(abs(x) > load<f32>(entry, WEIGHT) * abs(sum - x));
  }
  return caring;
}
