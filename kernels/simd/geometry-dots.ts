/**
 * f64 sums of the products of one vector with operands: the vector is widened once for a block, then met by two operands
 * at a time, with the sums of all eight lanes of both in registers.
 */
import { elementAt, ENTRY } from './geometry-operands';

/** Elements widened at a time: 8 KiB of f64, which stay in the first-level cache beside the operands' share. */
const BLOCK: i32 = 1024;
const widened = memory.data(8192, 16);

/** Bytes of the eight lanes of a sum, and of eight widened elements. */
const LANES: usize = 64;

/** See kernels/abi.ts. */
export function sumDots(vector: usize, table: usize, operands: i32, count: i32, lanes: usize): i32 {
  let zeros: i32 = 0;
  let offset: usize = 0;
  for (let rest = count; rest > 0; rest -= BLOCK, offset += <usize>BLOCK << 2) {
    const block = min(rest, BLOCK);
    zeros += widen(vector + offset, block, lanes);
    let k = 0;
    for (; k + 1 < operands; k += 2) {
      const x = elementAt(table + <usize>k * ENTRY, offset);
      const y = elementAt(table + <usize>(k + 1) * ENTRY, offset);
      addTwo(x, y, block, lanes + <usize>(k + 1) * LANES);
    }
    if (k < operands) addOne(elementAt(table + <usize>k * ENTRY, offset), block, lanes + <usize>(k + 1) * LANES);
  }
  return zeros;
}

function promote(from: usize): v128 {
  return f64x2.promote_low_f32x4(v128.load64_zero(from));
}

/** Widens a block to `widened` and adds its squares to `lanes`; returns how many elements are ±0. */
function widen(from: usize, count: i32, lanes: usize): i32 {
  const zero = f32x4.splat(0);
  let zeros = zero;
  let a = v128.load(lanes);
  let b = v128.load(lanes, 16);
  let c = v128.load(lanes, 32);
  let d = v128.load(lanes, 48);
  let to: usize = widened;
  let rest = count;
  for (; rest >= 8; rest -= 8, from += 32, to += LANES) {
    // A true comparison is −1 in each lane.
    zeros = i32x4.sub(zeros, f32x4.eq(v128.load(from), zero));
    zeros = i32x4.sub(zeros, f32x4.eq(v128.load(from, 16), zero));
    const xa = promote(from);
    const xb = promote(from + 8);
    const xc = promote(from + 16);
    const xd = promote(from + 24);
    v128.store(to, xa);
    v128.store(to, xb, 16);
    v128.store(to, xc, 32);
    v128.store(to, xd, 48);
    a = f64x2.add(a, f64x2.mul(xa, xa));
    b = f64x2.add(b, f64x2.mul(xb, xb));
    c = f64x2.add(c, f64x2.mul(xc, xc));
    d = f64x2.add(d, f64x2.mul(xd, xd));
  }
  v128.store(lanes, a);
  v128.store(lanes, b, 16);
  v128.store(lanes, c, 32);
  v128.store(lanes, d, 48);
  let found = i32x4.extract_lane(zeros, 0) + i32x4.extract_lane(zeros, 1);
  found += i32x4.extract_lane(zeros, 2) + i32x4.extract_lane(zeros, 3);
  for (let lane = lanes; rest > 0; rest--, from += 4, to += 8, lane += 8) {
    const x = <f64>load<f32>(from);
    store<f64>(to, x);
    store<f64>(lane, load<f64>(lane) + x * x);
    found += i32(x == 0);
  }
  return found;
}

/** Adds the products of the widened block with two operands to two sums that lie side by side. */
function addTwo(x: usize, y: usize, count: i32, lanes: usize): void {
  let xa = v128.load(lanes);
  let xb = v128.load(lanes, 16);
  let xc = v128.load(lanes, 32);
  let xd = v128.load(lanes, 48);
  let ya = v128.load(lanes, 64);
  let yb = v128.load(lanes, 80);
  let yc = v128.load(lanes, 96);
  let yd = v128.load(lanes, 112);
  let from: usize = widened;
  let rest = count;
  for (; rest >= 8; rest -= 8, from += LANES, x += 32, y += 32) {
    const a = v128.load(from);
    const b = v128.load(from, 16);
    xa = f64x2.add(xa, f64x2.mul(a, promote(x)));
    ya = f64x2.add(ya, f64x2.mul(a, promote(y)));
    xb = f64x2.add(xb, f64x2.mul(b, promote(x + 8)));
    yb = f64x2.add(yb, f64x2.mul(b, promote(y + 8)));
    const c = v128.load(from, 32);
    const d = v128.load(from, 48);
    xc = f64x2.add(xc, f64x2.mul(c, promote(x + 16)));
    yc = f64x2.add(yc, f64x2.mul(c, promote(y + 16)));
    xd = f64x2.add(xd, f64x2.mul(d, promote(x + 24)));
    yd = f64x2.add(yd, f64x2.mul(d, promote(y + 24)));
  }
  v128.store(lanes, xa);
  v128.store(lanes, xb, 16);
  v128.store(lanes, xc, 32);
  v128.store(lanes, xd, 48);
  v128.store(lanes, ya, 64);
  v128.store(lanes, yb, 80);
  v128.store(lanes, yc, 96);
  v128.store(lanes, yd, 112);
  addRest(x, from, rest, lanes);
  addRest(y, from, rest, lanes + LANES);
}

function addOne(x: usize, count: i32, lanes: usize): void {
  let a = v128.load(lanes);
  let b = v128.load(lanes, 16);
  let c = v128.load(lanes, 32);
  let d = v128.load(lanes, 48);
  let from: usize = widened;
  let rest = count;
  for (; rest >= 8; rest -= 8, from += LANES, x += 32) {
    a = f64x2.add(a, f64x2.mul(v128.load(from), promote(x)));
    b = f64x2.add(b, f64x2.mul(v128.load(from, 16), promote(x + 8)));
    c = f64x2.add(c, f64x2.mul(v128.load(from, 32), promote(x + 16)));
    d = f64x2.add(d, f64x2.mul(v128.load(from, 48), promote(x + 24)));
  }
  v128.store(lanes, a);
  v128.store(lanes, b, 16);
  v128.store(lanes, c, 32);
  v128.store(lanes, d, 48);
  addRest(x, from, rest, lanes);
}

/** Adds the products of fewer than eight elements, the first of which belongs to lane 0. */
function addRest(x: usize, from: usize, count: i32, lane: usize): void {
  for (let rest = count; rest > 0; rest--, x += 4, from += 8, lane += 8) {
    store<f64>(lane, load<f64>(lane) + load<f64>(from) * <f64>load<f32>(x));
  }
}
