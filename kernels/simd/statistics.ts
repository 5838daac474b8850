/** Statistics of magnitudes. Histograms are u32 counters that the caller zeroes. */
import { F32_MAGNITUDE } from './format';

function increment(bins: usize, bin: i32): void {
  const at = bins + (<usize>bin << 2);
  store<u32>(at, load<u32>(at) + 1);
}

/** Adds to `bins[bits >>> 16]` all elements, and to `inexactBins` those whose lower 16 bits are not 0. */
export function histogramMagnitude(source: usize, count: i32, bins: usize, inexactBins: usize): void {
  for (let i: i32 = 0; i < count; i++) {
    const bits = load<i32>(source + (<usize>i << 2)) & F32_MAGNITUDE;
    increment(bins, bits >> 16);
    if (bits & 0xffff) increment(inexactBins, bits >> 16);
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
  let from = source;
  let rest = count;
  for (; rest >= 8; rest -= 8, from += 32) {
    const low = f32x4.abs(v128.load(from));
    const high = f32x4.abs(v128.load(from, 16));
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
