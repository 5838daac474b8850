/** Sums of |x|: f32 within runs of 64 elements, eight of them to a lane, and f64 from there on. */
import { BITS } from './bits';
import { F32_MAGNITUDE } from './format';
import { Differences, differences, Stored, widenFour, widenOne } from './stored';

/** Lanes without their sign, in memory because engines make a vector constant anew at each use. */
const MAGNITUDE = memory.data<i32>([F32_MAGNITUDE], 16);

/** Elements of a run, and bytes of them. */
const RUN: i32 = 64;
const RUN_BYTES: usize = 256;

/** Adds |xᵢ| to the f64 `lanes[i mod 8]`. */
export function sumMagnitude(source: usize, count: i32, lanes: usize): void {
  const magnitude = v128.load32_splat(MAGNITUDE);
  let from = source;
  let rest = count;
  for (; rest >= RUN; rest -= RUN) {
    let low = f32x4.splat(0);
    let high = low;
    for (const end = from + RUN_BYTES; from < end; from += 32) {
      low = f32x4.add(low, v128.and(v128.load(from), magnitude));
      high = f32x4.add(high, v128.and(v128.load(from, 16), magnitude));
    }
    addRun(lanes, low, high);
  }
  if (rest > 0) sumTail(from, 0, rest, lanes, 0);
}

/** Adds |xᵢ| to the f64 `before[i mod 8]`, and to `after[i mod 8]` where the element's bit of `mask` is set. */
export function sumMasked(source: usize, mask: usize, count: i32, before: usize, after: usize): void {
  sumWhere<Differences>(source, 0, mask, count, before, after);
}

/** See kernels/abi-stored.ts. */
export function sumMaskedStored(
  source: usize, base: usize, mask: usize, count: i32, before: usize, after: usize,
): void {
  sumWhere<Stored>(source, base, mask, count, before, after);
}

function sumWhere<L>(source: usize, base: usize, mask: usize, count: i32, before: usize, after: usize): void {
  const lowBits = v128.load(BITS);
  const highBits = v128.load(BITS, 16);
  const magnitude = v128.load32_splat(MAGNITUDE);
  const runs = <usize>(count / RUN) * RUN_BYTES;
  for (let at: usize = 0; at < runs; ) {
    let low = f32x4.splat(0);
    let high = low;
    let keptLow = low;
    let keptHigh = low;
    for (const end = at + RUN_BYTES; at < end; at += 32, mask++) {
      const bits = v128.load8_splat(mask);
      const a = v128.and(differences<L>(source, at, origin<L>(base, at)), magnitude);
      const b = v128.and(differences<L>(source, at + 16, origin<L>(base, at + 16)), magnitude);
      low = f32x4.add(low, a);
      high = f32x4.add(high, b);
      keptLow = f32x4.add(keptLow, v128.and(a, i32x4.eq(v128.and(bits, lowBits), lowBits)));
      keptHigh = f32x4.add(keptHigh, v128.and(b, i32x4.eq(v128.and(bits, highBits), highBits)));
    }
    addRun(before, low, high);
    addRun(after, keptLow, keptHigh);
  }
  const rest = count % RUN;
  if (rest == 0) return;
  const index = <usize>(count - rest);
  if (sizeof<L>() == sizeof<Stored>()) sumStoredTail(source + (index << 1), base + (index << 1), mask, rest, before, after);
  else sumTail(source + (index << 2), mask, rest, before, after);
}

/** Four values of the base, where there is one. */
function origin<L>(base: usize, at: usize): v128 {
  return sizeof<L>() == sizeof<Stored>() ? widenFour(base + (at >> 1)) : i32x4.splat(0);
}

/** Differences of the last run. */
const tail = memory.data(256, 16);

function sumStoredTail(source: usize, base: usize, mask: usize, count: i32, before: usize, after: usize): void {
  for (let i: usize = 0; i < <usize>count; i++) {
    store<f32>(tail + (i << 2), widenOne(source + (i << 1)) - widenOne(base + (i << 1)));
  }
  sumTail(tail, mask, count, before, after);
}

/** Adds the eight f32 sums of a run to eight f64. */
function addRun(lanes: usize, low: v128, high: v128): void {
  addPair(lanes, low);
  addPair(lanes + 16, v128.shuffle<i64>(low, low, 1, 1));
  addPair(lanes + 32, high);
  addPair(lanes + 48, v128.shuffle<i64>(high, high, 1, 1));
}

function addPair(lanes: usize, pair: v128): void {
  v128.store(lanes, f64x2.add(v128.load(lanes), f64x2.promote_low_f32x4(pair)));
}

/** The last run, of `count` < 64 elements; without `after` all of them count in `before` only. */
function sumTail(source: usize, mask: usize, count: i32, before: usize, after: usize): void {
  for (let lane = 0; lane < min(count, 8); lane++) {
    let all: f32 = 0;
    let kept: f32 = 0;
    for (let i = lane; i < count; i += 8) {
      const x = abs(load<f32>(source + (<usize>i << 2)));
      all += x;
      if (after && (load<u8>(mask + <usize>(i >> 3)) >> (i & 7)) & 1) kept += x;
    }
    const at = <usize>lane << 3;
    store<f64>(before + at, load<f64>(before + at) + <f64>all);
    if (after) store<f64>(after + at, load<f64>(after + at) + <f64>kept);
  }
}
