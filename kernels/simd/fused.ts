/** Stages that follow each other on every element of every merge, in one pass. */
import { BF16_INFINITY } from './format';
import { countFrom16, reaches16 } from './nonfinite';

/** destination = f32(source) − base, for bf16 `source`; returns how many of its values are NaN or infinite. */
export function differBf16(source: usize, base: usize, destination: usize, count: i32): i32 {
  const zero = i32x4.splat(0);
  const magnitude = i16x8.splat(0x7fff);
  let maximum = zero;
  let from = source;
  let minus = base;
  let to = destination;
  let rest = count;
  for (; rest >= 16; rest -= 16, from += 32, minus += 64, to += 64) {
    const low = v128.load(from);
    const high = v128.load(from, 16);
    v128.store(to, f32x4.sub(v128.shuffle<i16>(zero, low, 0, 8, 1, 9, 2, 10, 3, 11), v128.load(minus)));
    v128.store(to, f32x4.sub(v128.shuffle<i16>(zero, low, 4, 12, 5, 13, 6, 14, 7, 15), v128.load(minus, 16)), 16);
    v128.store(to, f32x4.sub(v128.shuffle<i16>(zero, high, 0, 8, 1, 9, 2, 10, 3, 11), v128.load(minus, 32)), 32);
    v128.store(to, f32x4.sub(v128.shuffle<i16>(zero, high, 4, 12, 5, 13, 6, 14, 7, 15), v128.load(minus, 48)), 48);
    maximum = i16x8.max_s(maximum, v128.and(low, magnitude));
    maximum = i16x8.max_s(maximum, v128.and(high, magnitude));
  }
  for (; rest > 0; rest--, from += 2, minus += 4, to += 4) {
    const bits = <i32>load<u16>(from);
    store<f32>(to, reinterpret<f32>(bits << 16) - load<f32>(minus));
    maximum = i16x8.max_s(maximum, i16x8.splat(<i16>(bits & 0x7fff)));
  }
  return reaches16(maximum, BF16_INFINITY) ? countFrom16(source, count, BF16_INFINITY) : 0;
}

/** Writes the indices of the bins that are not 0 (u32, ascending) to `destination`; returns how many. */
export function filledBins(bins: usize, count: i32, destination: usize): i32 {
  let to = destination;
  let bin: i32 = 0;
  for (; bin + 16 <= count; bin += 16) {
    const at = bins + (<usize>bin << 2);
    const any = v128.or(
      v128.or(v128.load(at), v128.load(at, 16)),
      v128.or(v128.load(at, 32), v128.load(at, 48)),
    );
    if (v128.any_true(any)) to = appendFilled(bins, bin, bin + 16, to);
  }
  to = appendFilled(bins, bin, count, to);
  return <i32>((to - destination) >> 2);
}

function appendFilled(bins: usize, begin: i32, end: i32, to: usize): usize {
  for (let bin = begin; bin < end; bin++) {
    store<u32>(to, bin);
    to += <usize>(load<u32>(bins + (<usize>bin << 2)) != 0) << 2;
  }
  return to;
}
