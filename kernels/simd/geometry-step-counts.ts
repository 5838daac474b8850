/**
 * Counters of steps. A few are so frequent that increments of one wait for each other; so the four that were most frequent
 * before are counted by comparing whole vectors, and only the others one by one.
 */
import { sumOfShorts } from './lane-sums';
import { packingOrder16 } from './packing';

/** Indices (u16) of the counters of up to 1,024 elements, and room for a vector beyond them. */
export const targets = memory.data(2064, 16);

/** The indices (u16) of the four frequent counters, for each of eight operands; at first of none. */
const FREQUENT: i32 = 4;
const frequents = memory.data(64, 16);
memory.fill(frequents, 0xff, 64);

/** Others of a block that are looked at to find more frequent ones. */
const CANDIDATES: i32 = 64;

/** The counters (u32), the frequent ones among them, and how many elements the frequent ones and the others had. */
let counters: usize = 0;
let frequent: usize = 0;
let frequentFound: i32 = 0;
let othersFound: i32 = 0;
/** Others of the last block, of which the indices are still in `targets`. */
let lastOthers: i32 = 0;

/** Begins with the elements of the operand of `bit`. */
export function beginCounting(bins: usize, bit: i32): void {
  counters = bins;
  frequent = frequents + (<usize>ctz(bit) << 3);
  frequentFound = 0;
  othersFound = 0;
  lastOthers = 0;
}

/** Adds 1 to the counters of the first `count` indices in `targets`. */
export function countTargets(count: i32): void {
  const others = countFrequent(count);
  frequentFound += count - others;
  othersFound += others;
  lastOthers = others;
  const bins = counters;
  let at = targets;
  let rest = others;
  for (; rest >= 4; rest -= 4, at += 8) {
    increment(bins + (<usize>load<u16>(at) << 2));
    increment(bins + (<usize>load<u16>(at, 2) << 2));
    increment(bins + (<usize>load<u16>(at, 4) << 2));
    increment(bins + (<usize>load<u16>(at, 6) << 2));
  }
  for (; rest > 0; rest--, at += 2) increment(bins + (<usize>load<u16>(at) << 2));
}

/** Looks for more frequent counters where most elements had others. */
export function endCounting(): void {
  if (othersFound <= frequentFound) return;
  for (let at = targets, end = at + (<usize>min(lastOthers, CANDIDATES) << 1); at != end; at += 2) {
    const least = leastFrequent();
    const index = load<u16>(at);
    if (!isFrequent(index) && timesOf(index) > timesOf(load<u16>(least))) store<u16>(least, index);
  }
}

export function increment(counter: usize): void {
  store<u32>(counter, load<u32>(counter) + 1);
}

/** How often a counter was hit; no counter has the last index. */
function timesOf(index: u16): u32 {
  return index == 0xffff ? 0 : load<u32>(counters + (<usize>index << 2));
}

function isFrequent(index: u16): bool {
  for (let i: usize = 0; i < <usize>FREQUENT; i++) {
    if (load<u16>(frequent + (i << 1)) == index) return true;
  }
  return false;
}

/** Where the index of the least frequent of the frequent counters is. */
function leastFrequent(): usize {
  let least = frequent;
  for (let i: usize = 1; i < <usize>FREQUENT; i++) {
    const at = frequent + (i << 1);
    if (timesOf(load<u16>(at)) < timesOf(load<u16>(least))) least = at;
  }
  return least;
}

/** Counts those of the first `count` in `targets` that are frequent and moves the others to the front; returns how many. */
function countFrequent(count: i32): i32 {
  const a = v128.load16_splat(frequent);
  const b = v128.load16_splat(frequent, 2);
  const c = v128.load16_splat(frequent, 4);
  const d = v128.load16_splat(frequent, 6);
  let countA = i16x8.splat(0);
  let countB = countA;
  let countC = countA;
  let countD = countA;
  const end = targets + (<usize>count << 1);
  // What fills up the last vector is no counter of anyone and not moved.
  v128.store(end, i16x8.splat(-2));
  let to = targets;
  for (let at = targets; at < end; at += 16) {
    const indices = v128.load(at);
    const isA = i16x8.eq(indices, a);
    const isB = i16x8.eq(indices, b);
    const isC = i16x8.eq(indices, c);
    const isD = i16x8.eq(indices, d);
    countA = i16x8.sub(countA, isA);
    countB = i16x8.sub(countB, isB);
    countC = i16x8.sub(countC, isC);
    countD = i16x8.sub(countD, isD);
    const isDone = v128.or(v128.or(isA, isB), v128.or(isC, isD));
    // Not i16x8.bitmask, which in V8 waits for the swizzle of the vector before.
    const lanes = ~i8x16.bitmask(i8x16.narrow_i16x8_s(isDone, isDone)) & 0xff;
    v128.store(to, v128.swizzle(indices, packingOrder16(lanes)));
    to += <usize>popcnt(lanes) << 1;
  }
  addTimes(0, countA);
  addTimes(2, countB);
  addTimes(4, countC);
  addTimes(6, countD);
  const added = -count & 7;
  return <i32>((to - targets) >> 1) - added;
}

/** Adds the lanes to the frequent counter at `place`. */
function addTimes(place: usize, times: v128): void {
  const index = load<u16>(frequent + place);
  if (index == 0xffff) return;
  const counter = counters + (<usize>index << 2);
  store<i32>(counter, load<i32>(counter) + sumOfShorts(times));
}
