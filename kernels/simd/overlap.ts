/** Which operands touch an element, and what they make of it. `table` is the byte offset of an operand table. */
import { touched } from './bits';
import { ENTRY, SCALE } from './operands';

/** Operands that a byte can count. */
const MOST_IN_A_BYTE: i32 = 255;

/** destination = source, but no further from 0 than `limit`. */
export function clampMagnitude(source: usize, limit: f32, destination: usize, count: i32): void {
  const upper = f32x4.splat(limit);
  const lower = f32x4.splat(-limit);
  let from = source;
  let to = destination;
  let rest = count;
  for (; rest >= 4; rest -= 4, from += 16, to += 16) {
    v128.store(to, f32x4.max(f32x4.min(v128.load(from), upper), lower));
  }
  for (; rest > 0; rest--, from += 4, to += 4) {
    const x = load<f32>(from);
    store<f32>(to, x > limit ? limit : x < -limit ? -limit : x);
  }
}

/** Keeps the elements whose sign is that of `direction`, where 0 and NaN count as +. */
export function keepAgreeing(source: usize, direction: usize, destination: usize, count: i32): void {
  const zero = f32x4.splat(0);
  let from = source;
  let guide = direction;
  let to = destination;
  let rest = count;
  for (; rest >= 4; rest -= 4, from += 16, guide += 16, to += 16) {
    const x = v128.load(from);
    const flip = i32x4.shl(f32x4.lt(v128.load(guide), zero), 31);
    v128.store(to, v128.and(x, f32x4.lt(zero, v128.xor(x, flip))));
  }
  for (; rest > 0; rest--, from += 4, guide += 4, to += 4) {
    const x = load<f32>(from);
    const agrees = load<f32>(guide) < 0 ? x < 0 : x > 0;
    store<f32>(to, agrees ? x : 0);
  }
}

/** See kernels/abi.ts. */
export function overlapMean(table: usize, operands: i32, destination: usize, count: i32): void {
  const end = table + <usize>operands * ENTRY;
  const zero = f32x4.splat(0);
  const one = i32x4.splat(1);
  let offset: usize = 0;
  let to = destination;
  let rest = count;
  for (; rest >= 4; rest -= 4, offset += 16, to += 16) {
    let sum = zero;
    let scaled = zero;
    let active = i32x4.splat(0);
    for (let entry = table; entry != end; entry += ENTRY) {
      const x = v128.load(<usize>load<u32>(entry) + offset);
      sum = f32x4.add(sum, x);
      scaled = f32x4.add(scaled, f32x4.mul(x, v128.load32_splat(entry, SCALE)));
      active = i32x4.sub(active, f32x4.ne(x, zero));
    }
    const mean = f32x4.div(sum, f32x4.convert_i32x4_s(i32x4.max_s(active, one)));
    v128.store(to, v128.bitselect(scaled, mean, i32x4.eq(active, one)));
  }
  for (; rest > 0; rest--, offset += 4, to += 4) store<f32>(to, meanAt(table, end, offset));
}

/** The same for the single element at byte `offset`. */
function meanAt(table: usize, end: usize, offset: usize): f32 {
  let sum: f32 = 0;
  let scaled: f32 = 0;
  let active: i32 = 0;
  for (let entry = table; entry != end; entry += ENTRY) {
    const x = load<f32>(<usize>load<u32>(entry) + offset);
    sum += x;
    scaled += x * load<f32>(entry, SCALE);
    active += i32(x != 0);
  }
  return active == 1 ? scaled : sum / <f32>max(active, 1);
}

/** See kernels/abi.ts. */
export function countOverlap(table: usize, operands: i32, count: i32, counters: usize): void {
  const end = table + <usize>operands * ENTRY;
  const one = i8x16.splat(1);
  let offset: usize = 0;
  // A byte counts the operands that touch an element.
  let rest = operands <= MOST_IN_A_BYTE ? count : 0;
  for (; rest >= 16; rest -= 16, offset += 64) {
    let active = i8x16.splat(0);
    for (let entry = table; entry != end; entry += ENTRY) {
      active = i8x16.sub(active, touched(<usize>load<u32>(entry) + offset));
    }
    const alone = i8x16.eq(active, one);
    let counter = counters;
    for (let entry = table; entry != end; entry += ENTRY, counter += 8) {
      const own = touched(<usize>load<u32>(entry) + offset);
      addTo(counter, popcnt(i8x16.bitmask(v128.and(own, alone))));
      addTo(counter + 4, popcnt(i8x16.bitmask(v128.andnot(own, alone))));
    }
  }
  rest = count - <i32>(offset >> 2);
  for (; rest > 0; rest--, offset += 4) countElement(table, end, offset, counters);
}

function countElement(table: usize, end: usize, offset: usize, counters: usize): void {
  let active: i32 = 0;
  for (let entry = table; entry != end; entry += ENTRY) {
    active += i32(load<f32>(<usize>load<u32>(entry) + offset) != 0);
  }
  let counter = counters;
  for (let entry = table; entry != end; entry += ENTRY, counter += 8) {
    if (load<f32>(<usize>load<u32>(entry) + offset) != 0) addTo(counter + (active == 1 ? 0 : 4), 1);
  }
}

function addTo(counter: usize, amount: i32): void {
  store<i32>(counter, load<i32>(counter) + amount);
}
