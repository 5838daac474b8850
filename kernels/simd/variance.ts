/** Selection by how much operands differ. `table` is the byte offset of an operand table. */
import { nonZero } from './bits';
import { ENTRY, WEIGHT } from './operands';

/** See kernels/abi-selection.ts. */
export function variance(table: usize, operands: i32, destination: usize, count: i32): void {
  const end = table + <usize>operands * ENTRY;
  const n = <f64>operands;
  const times = f64x2.splat(n);
  const share = f64x2.splat(1 / (n * n * n));
  let offset: usize = 0;
  let rest = count;
  for (; rest >= 4; rest -= 4, offset += 16) {
    let low = f64x2.splat(0);
    let high = low;
    for (let entry = table; entry != end; entry += ENTRY) {
      const from = <usize>load<u32>(entry) + offset;
      low = f64x2.add(low, f64x2.promote_low_f32x4(v128.load64_zero(from)));
      high = f64x2.add(high, f64x2.promote_low_f32x4(v128.load64_zero(from, 8)));
    }
    let lowSquares = f64x2.splat(0);
    let highSquares = lowSquares;
    for (let entry = table; entry != end; entry += ENTRY) {
      const from = <usize>load<u32>(entry) + offset;
      const fromLow = f64x2.sub(f64x2.mul(times, f64x2.promote_low_f32x4(v128.load64_zero(from))), low);
      const fromHigh = f64x2.sub(f64x2.mul(times, f64x2.promote_low_f32x4(v128.load64_zero(from, 8))), high);
      lowSquares = f64x2.add(lowSquares, f64x2.mul(fromLow, fromLow));
      highSquares = f64x2.add(highSquares, f64x2.mul(fromHigh, fromHigh));
    }
    const lowest = f32x4.demote_f64x2_zero(f64x2.mul(lowSquares, share));
    const highest = f32x4.demote_f64x2_zero(f64x2.mul(highSquares, share));
    v128.store(destination + offset, v128.shuffle<i64>(lowest, highest, 0, 2));
  }
  for (; rest > 0; rest--, offset += 4) store<f32>(destination + offset, varianceAt(table, end, n, offset));
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
