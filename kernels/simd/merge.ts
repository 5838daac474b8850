/**
 * Across operands. `table` is the byte offset of entries of 16 bytes: u32 slot, f32 scale, f32 weight, 4 unused.
 *
 *   for each block of 16 (or 8) elements
 *     for each operand: p = scale · x[block], into accumulators that stay in registers
 *     store the block
 *
 * so an element of the result is stored once, however many operands there are, and `destination` may be an operand.
 */

const ENTRY: usize = 16;
const SCALE: usize = 4;
const WEIGHT: usize = 8;

/** What a sum starts with: −0 + x is x bit for bit, also when x is −0. */
const NOTHING: f32 = -0.0;

/** destination = ((scale₀·x₀ + scale₁·x₁) + …). */
export function weightedSum(table: usize, operands: i32, destination: usize, count: i32): void {
  if (operands <= 0) return memory.fill(destination, 0, <usize>count << 2);
  const end = table + <usize>operands * ENTRY;
  let offset: usize = 0;
  let rest = count;
  for (; rest >= 16; rest -= 16, offset += 64) {
    let a = f32x4.splat(NOTHING);
    let b = a;
    let c = a;
    let d = a;
    for (let entry = table; entry != end; entry += ENTRY) {
      const scale = v128.load32_splat(entry, SCALE);
      const x = <usize>load<u32>(entry) + offset;
      a = f32x4.add(a, f32x4.mul(v128.load(x), scale));
      b = f32x4.add(b, f32x4.mul(v128.load(x, 16), scale));
      c = f32x4.add(c, f32x4.mul(v128.load(x, 32), scale));
      d = f32x4.add(d, f32x4.mul(v128.load(x, 48), scale));
    }
    const to = destination + offset;
    v128.store(to, a);
    v128.store(to, b, 16);
    v128.store(to, c, 32);
    v128.store(to, d, 48);
  }
  for (; rest > 0; rest--, offset += 4) store<f32>(destination + offset, scaledSum(table, end, offset));
}

/** Σ scaleᵢ·xᵢ of the single element at byte `offset`. */
function scaledSum(table: usize, end: usize, offset: usize): f32 {
  let sum = NOTHING;
  for (let entry = table; entry != end; entry += ENTRY) {
    sum += load<f32>(<usize>load<u32>(entry) + offset) * load<f32>(entry, SCALE);
  }
  return sum;
}

/** Below this |W| the merge does not divide. An f32, as the comparison is one of f32. */
const SMALLEST_DIVISOR: f32 = 1e-8;

/**
 * Signs as bits to flip and a limit to exceed. An operand agrees when its flipped p is above the limit: the sign bit is
 * flipped where the elected sign is −, and the limit is 0, or infinity where nobody is elected. NaN never agrees.
 */
export function electedSum(
  table: usize, operands: i32, destination: usize, count: i32, zeroSign: i32, divide: i32, factor: f32,
): void {
  const end = table + <usize>operands * ENTRY;
  const zero = f32x4.splat(0);
  const signBit = i32x4.splat(0x80000000);
  const zeroFlip = v128.and(signBit, i32x4.splat(zeroSign < 0 ? -1 : 0));
  const zeroLimit = v128.and(f32x4.splat(Infinity), i32x4.splat(zeroSign == 0 ? -1 : 0));
  const factors = f32x4.splat(factor);
  let offset: usize = 0;
  let rest = count;
  for (; rest >= 8; rest -= 8, offset += 32) {
    let sumA = zero;
    let sumB = zero;
    for (let entry = table; entry != end; entry += ENTRY) {
      const scale = v128.load32_splat(entry, SCALE);
      const x = <usize>load<u32>(entry) + offset;
      sumA = f32x4.add(sumA, f32x4.mul(v128.load(x), scale));
      sumB = f32x4.add(sumB, f32x4.mul(v128.load(x, 16), scale));
    }
    // Where S is not 0 and not NaN, its own sign is elected.
    const electedA = v128.or(f32x4.gt(sumA, zero), f32x4.lt(sumA, zero));
    const electedB = v128.or(f32x4.gt(sumB, zero), f32x4.lt(sumB, zero));
    const flipA = v128.bitselect(v128.and(sumA, signBit), zeroFlip, electedA);
    const flipB = v128.bitselect(v128.and(sumB, signBit), zeroFlip, electedB);
    const limitA = v128.andnot(zeroLimit, electedA);
    const limitB = v128.andnot(zeroLimit, electedB);
    let mergedA = zero;
    let mergedB = zero;
    let weightA = zero;
    let weightB = zero;
    for (let entry = table; entry != end; entry += ENTRY) {
      const scale = v128.load32_splat(entry, SCALE);
      const weight = v128.load32_splat(entry, WEIGHT);
      const x = <usize>load<u32>(entry) + offset;
      const a = f32x4.mul(v128.load(x), scale);
      const b = f32x4.mul(v128.load(x, 16), scale);
      const agreesA = f32x4.gt(v128.xor(a, flipA), limitA);
      const agreesB = f32x4.gt(v128.xor(b, flipB), limitB);
      mergedA = f32x4.add(mergedA, v128.and(a, agreesA));
      mergedB = f32x4.add(mergedB, v128.and(b, agreesB));
      weightA = f32x4.add(weightA, v128.and(weight, agreesA));
      weightB = f32x4.add(weightB, v128.and(weight, agreesB));
    }
    if (divide) {
      mergedA = f32x4.div(mergedA, divisor(weightA));
      mergedB = f32x4.div(mergedB, divisor(weightB));
    }
    v128.store(destination + offset, f32x4.mul(factors, mergedA));
    v128.store(destination + offset, f32x4.mul(factors, mergedB), 16);
  }
  for (; rest > 0; rest--, offset += 4) {
    const elected = electedSign(scaledSum(table, end, offset), zeroSign);
    store<f32>(destination + offset, factor * agreeingSum(table, end, offset, elected, divide));
  }
}

/** W, or 1 where |W| is below the smallest divisor. */
function divisor(weight: v128): v128 {
  const tooSmall = f32x4.lt(f32x4.abs(weight), f32x4.splat(SMALLEST_DIVISOR));
  return v128.bitselect(f32x4.splat(1), weight, tooSmall);
}

function electedSign(sum: f32, zeroSign: i32): f32 {
  return sum > 0 ? 1 : sum < 0 ? -1 : <f32>zeroSign;
}

/** N, or N / W, of the single element at byte `offset`. `elected` is 1, −1 or 0. */
function agreeingSum(table: usize, end: usize, offset: usize, elected: f32, divide: i32): f32 {
  let merged: f32 = 0;
  let weight: f32 = 0;
  for (let entry = table; entry != end; entry += ENTRY) {
    const p = load<f32>(<usize>load<u32>(entry) + offset) * load<f32>(entry, SCALE);
    if (elected > 0 ? p > 0 : elected < 0 && p < 0) {
      merged += p;
      weight += load<f32>(entry, WEIGHT);
    }
  }
  if (!divide) return merged;
  return merged / (abs(weight) < SMALLEST_DIVISOR ? 1 : weight);
}

/** (number of elements with S > 0) − (number with S < 0). */
export function signBalance(table: usize, operands: i32, count: i32): i32 {
  const end = table + <usize>operands * ENTRY;
  const zero = f32x4.splat(0);
  let balance = zero;
  let offset: usize = 0;
  let rest = count;
  for (; rest >= 16; rest -= 16, offset += 64) {
    let a = zero;
    let b = zero;
    let c = zero;
    let d = zero;
    for (let entry = table; entry != end; entry += ENTRY) {
      const scale = v128.load32_splat(entry, SCALE);
      const x = <usize>load<u32>(entry) + offset;
      a = f32x4.add(a, f32x4.mul(v128.load(x), scale));
      b = f32x4.add(b, f32x4.mul(v128.load(x, 16), scale));
      c = f32x4.add(c, f32x4.mul(v128.load(x, 32), scale));
      d = f32x4.add(d, f32x4.mul(v128.load(x, 48), scale));
    }
    // A true comparison is −1 in each lane.
    balance = i32x4.add(balance, i32x4.sub(f32x4.lt(a, zero), f32x4.gt(a, zero)));
    balance = i32x4.add(balance, i32x4.sub(f32x4.lt(b, zero), f32x4.gt(b, zero)));
    balance = i32x4.add(balance, i32x4.sub(f32x4.lt(c, zero), f32x4.gt(c, zero)));
    balance = i32x4.add(balance, i32x4.sub(f32x4.lt(d, zero), f32x4.gt(d, zero)));
  }
  let total = i32x4.extract_lane(balance, 0) + i32x4.extract_lane(balance, 1);
  total += i32x4.extract_lane(balance, 2) + i32x4.extract_lane(balance, 3);
  for (; rest > 0; rest--, offset += 4) {
    const sum = scaledSum(table, end, offset);
    total += i32(sum > 0) - i32(sum < 0);
  }
  return total;
}
