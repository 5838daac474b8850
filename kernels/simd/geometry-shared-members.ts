/**
 * The mask whose elements `sumShared` adds up at the moment: the f32 of the operands that changed them lie side by side, as
 * dense vectors. Where its sums are.
 */

/** The f32 of each member of the mask, with room for what fills up the first and the last four. */
export const STRIDE: usize = 4128;
export const gathered = memory.data(33024, 16);

/** The operands that are members (u32). */
const members = memory.data(32, 16);

/** Bytes of the four lanes of a sum. */
const LANES: usize = 32;

/** What `setMembers` says of the mask at hand. */
let operands: i32 = 0;
let pairs: i32 = 0;
let sums: usize = 0;
let counters: usize = 0;
export let bytes: usize = 0;

/** Begins with a mask of whose members `bytes` bytes are gathered; returns how many members there are. */
export function setMembers(mark: i32, ofOperands: i32, lanes: usize, ofCounters: usize, gatheredBytes: usize): i32 {
  let size = 0;
  for (let rest = mark; rest; rest &= rest - 1, size++) store<i32>(members + (<usize>size << 2), ctz(rest));
  operands = ofOperands;
  pairs = (operands * (operands - 1)) >> 1;
  sums = lanes + <usize>mark * <usize>(2 * pairs + operands + 1) * LANES;
  counters = ofCounters;
  bytes = gatheredBytes;
  return size;
}

export function operandOf(member: i32): i32 {
  return load<i32>(members + (<usize>member << 2));
}

/** Index of the pair of two members j < k. */
export function pairOf(j: i32, k: i32): usize {
  const first = operandOf(j);
  const second = operandOf(k);
  return <usize>(first * (operands - 1) - ((first * (first - 1)) >> 1) + second - first - 1);
}

export function valuesOf(member: i32): usize {
  return gathered + <usize>member * STRIDE;
}

/** Where the products of a pair are added; their squares go to `squaresApart()` beyond. */
export function productsAt(pair: usize): usize {
  return sums + pair * LANES;
}

export function squaresApart(): usize {
  return <usize>pairs * LANES;
}

export function ownSquaresAt(member: i32): usize {
  return sums + <usize>(2 * pairs + operandOf(member)) * LANES;
}

export function conflictAt(): usize {
  return sums + <usize>(2 * pairs + operands) * LANES;
}

export function opposedAt(pair: usize): usize {
  return counters + (pair << 2);
}

export function cancelledAt(): usize {
  return counters + (<usize>pairs << 2);
}

/** The f64 of two f32. */
export function two(at: usize): v128 {
  return f64x2.promote_low_f32x4(v128.load64_zero(at));
}

/** Subtracts both lanes (i64) from a counter. */
export function countDown(counter: usize, lanes: v128): void {
  const sum = <i32>(i64x2.extract_lane(lanes, 0) + i64x2.extract_lane(lanes, 1));
  store<i32>(counter, load<i32>(counter) - sum);
}
