/** Statistics of magnitudes. Histograms are u32 counters that the caller zeroes. */
import { F32_MAGNITUDE } from './format';
import { BITS } from './sparsify';

/** Lanes without their sign, in memory because engines make a vector constant anew at each use. */
const MAGNITUDE = memory.data<i32>([F32_MAGNITUDE], 16);

/** Elements compacted at a time; two such blocks of f32 lie in the first-level cache with room for counters. */
const BLOCK: i32 = 1024;
/** The non-zero elements of a block, and room for the vector that the last store may write beyond them. */
const changed = memory.data(4112, 16);

/** For each of the 16 masks of four lanes, the byte order that moves the lanes in the mask to the front. */
const PACKINGS = memory.data(256, 16);

function fillPackings(): void {
  for (let lanes = 0; lanes < 16; lanes++) {
    let to = PACKINGS + (<usize>lanes << 4);
    for (let rest = lanes; rest; rest &= rest - 1, to += 4) {
      store<u32>(to, 0x03020100 + 0x04040404 * ctz(rest));
    }
  }
}
fillPackings();

function increment(bins: usize, bin: i32): void {
  const at = bins + (<usize>bin << 2);
  store<u32>(at, load<u32>(at) + 1);
}

/** Copies the elements that are not ±0 to `changed` in order, without their signs; returns how many. */
function packChanged(source: usize, count: i32): i32 {
  const magnitude = i32x4.splat(F32_MAGNITUDE);
  const zero = i32x4.splat(0);
  let to = changed;
  let rest = count;
  for (; rest >= 4; rest -= 4, source += 16) {
    const bare = v128.and(v128.load(source), magnitude);
    const lanes = <usize>i32x4.bitmask(i32x4.gt_s(bare, zero));
    v128.store(to, v128.swizzle(bare, v128.load(PACKINGS + (lanes << 4))));
    to += <usize>popcnt(lanes) << 2;
  }
  for (; rest > 0; rest--, source += 4) {
    const bare = load<i32>(source) & F32_MAGNITUDE;
    store<i32>(to, bare);
    to += <usize>(bare != 0) << 2;
  }
  return <i32>((to - changed) >> 2);
}

/**
 * Adds to `bins[bits >>> 16]` all elements, and to `inexactBins` those whose lower 16 bits are not 0.
 *
 * Most differences of checkpoints are 0, and counting them one by one would wait for the counter's last store each
 * time; so zeros are squeezed out first, without a branch, and added as one number.
 */
export function histogramMagnitude(source: usize, count: i32, bins: usize, inexactBins: usize): void {
  let zeros = count;
  for (let rest = count; rest > 0; rest -= BLOCK, source += <usize>BLOCK << 2) {
    const packed = packChanged(source, min(rest, BLOCK));
    countMagnitudes(packed, bins, inexactBins);
    zeros -= packed;
  }
  store<u32>(bins, load<u32>(bins) + zeros);
}

/** Counts the first `count` of the `changed` elements, which have no signs. */
function countMagnitudes(count: i32, bins: usize, inexactBins: usize): void {
  const lower = i32x4.splat(0xffff);
  let from = changed;
  let rest = count;
  for (; rest >= 4; rest -= 4, from += 16) {
    const x = v128.load(from);
    // Both paths read the bins as the upper halves in memory: four loads are cheaper than four lane extractions.
    const a = <i32>load<u16>(from, 2);
    const b = <i32>load<u16>(from, 6);
    const c = <i32>load<u16>(from, 10);
    const d = <i32>load<u16>(from, 14);
    increment(bins, a);
    increment(bins, b);
    increment(bins, c);
    increment(bins, d);
    if (v128.any_true(v128.and(x, lower))) {
      if (load<u16>(from)) increment(inexactBins, a);
      if (load<u16>(from, 4)) increment(inexactBins, b);
      if (load<u16>(from, 8)) increment(inexactBins, c);
      if (load<u16>(from, 12)) increment(inexactBins, d);
    }
  }
  for (; rest > 0; rest--, from += 4) {
    const bin = <i32>load<u16>(from, 2);
    increment(bins, bin);
    if (load<u16>(from)) increment(inexactBins, bin);
  }
}

/** Adds the elements whose bits(|x|) >>> 16 equals `bin` to `bins[bits & 0xffff]`. */
export function histogramLowBits(source: usize, count: i32, bin: i32, bins: usize): void {
  const upper = i32x4.splat(0x7fff0000);
  const wanted = i32x4.splat(bin << 16);
  let from = source;
  let rest = count;
  for (; rest >= 4; rest -= 4, from += 16) {
    let hits = i32x4.bitmask(i32x4.eq(v128.and(v128.load(from), upper), wanted));
    for (; hits; hits &= hits - 1) increment(bins, <i32>load<u16>(from + (<usize>ctz(hits) << 2)));
  }
  for (; rest > 0; rest--, from += 4) {
    const bits = load<i32>(from) & F32_MAGNITUDE;
    if (bits >> 16 == bin) increment(bins, bits & 0xffff);
  }
}

/** Adds |xᵢ| in f64 to `lanes[i mod 8]`. */
export function sumMagnitude(source: usize, count: i32, lanes: usize): void {
  let a = v128.load(lanes);
  let b = v128.load(lanes, 16);
  let c = v128.load(lanes, 32);
  let d = v128.load(lanes, 48);
  const magnitude = v128.load32_splat(MAGNITUDE);
  let from = source;
  let rest = count;
  for (; rest >= 8; rest -= 8, from += 32) {
    const low = v128.and(v128.load(from), magnitude);
    const high = v128.and(v128.load(from, 16), magnitude);
    a = f64x2.add(a, f64x2.promote_low_f32x4(low));
    b = f64x2.add(b, f64x2.promote_low_f32x4(v128.shuffle<i64>(low, low, 1, 1)));
    c = f64x2.add(c, f64x2.promote_low_f32x4(high));
    d = f64x2.add(d, f64x2.promote_low_f32x4(v128.shuffle<i64>(high, high, 1, 1)));
  }
  v128.store(lanes, a);
  v128.store(lanes, b, 16);
  v128.store(lanes, c, 32);
  v128.store(lanes, d, 48);
  for (let lane = lanes; rest > 0; rest--, from += 4, lane += 8) {
    store<f64>(lane, load<f64>(lane) + <f64>abs(load<f32>(from)));
  }
}

/** Adds |xᵢ| in f64 to `before[i mod 8]`, and to `after[i mod 8]` where the element's bit of `mask` is set. */
export function sumMasked(source: usize, mask: usize, count: i32, before: usize, after: usize): void {
  const lowBits = v128.load(BITS);
  const highBits = v128.load(BITS, 16);
  const magnitude = v128.load32_splat(MAGNITUDE);
  let a = v128.load(before);
  let b = v128.load(before, 16);
  let c = v128.load(before, 32);
  let d = v128.load(before, 48);
  let keptA = v128.load(after);
  let keptB = v128.load(after, 16);
  let keptC = v128.load(after, 32);
  let keptD = v128.load(after, 48);
  let from = source;
  let rest = count;
  for (; rest >= 8; rest -= 8, from += 32, mask++) {
    const bits = v128.load8_splat(mask);
    const low = v128.and(v128.load(from), magnitude);
    const high = v128.and(v128.load(from, 16), magnitude);
    a = f64x2.add(a, f64x2.promote_low_f32x4(low));
    b = f64x2.add(b, f64x2.promote_low_f32x4(v128.shuffle<i64>(low, low, 1, 1)));
    c = f64x2.add(c, f64x2.promote_low_f32x4(high));
    d = f64x2.add(d, f64x2.promote_low_f32x4(v128.shuffle<i64>(high, high, 1, 1)));
    const keptLow = v128.and(low, i32x4.eq(v128.and(bits, lowBits), lowBits));
    const keptHigh = v128.and(high, i32x4.eq(v128.and(bits, highBits), highBits));
    keptA = f64x2.add(keptA, f64x2.promote_low_f32x4(keptLow));
    keptB = f64x2.add(keptB, f64x2.promote_low_f32x4(v128.shuffle<i64>(keptLow, keptLow, 1, 1)));
    keptC = f64x2.add(keptC, f64x2.promote_low_f32x4(keptHigh));
    keptD = f64x2.add(keptD, f64x2.promote_low_f32x4(v128.shuffle<i64>(keptHigh, keptHigh, 1, 1)));
  }
  v128.store(before, a);
  v128.store(before, b, 16);
  v128.store(before, c, 32);
  v128.store(before, d, 48);
  v128.store(after, keptA);
  v128.store(after, keptB, 16);
  v128.store(after, keptC, 32);
  v128.store(after, keptD, 48);
  if (rest > 0) sumMaskedTail(from, load<u8>(mask), rest, before, after);
}

/** The same for the last `count` < 8 elements, whose bits are `bits`. */
function sumMaskedTail(from: usize, bits: i32, count: i32, before: usize, after: usize): void {
  for (let bit = 0; bit < count; bit++, from += 4, before += 8, after += 8) {
    const x = <f64>abs(load<f32>(from));
    store<f64>(before, load<f64>(before) + x);
    if ((bits >> bit) & 1) store<f64>(after, load<f64>(after) + x);
  }
}
