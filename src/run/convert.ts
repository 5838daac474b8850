/** Dispatch of stored dtypes to the conversion kernels. */
import type { Kernels, Slot } from '../../kernels/abi.js';
import type { Tile } from '../../kernels/unit.js';
import { bytesPerElement, type MergeableDtype } from '../checkpoint/dtype.js';
import type { OutputVector } from './task.js';

const WIDEN = {
  BF16: 'widenBf16',
  F16: 'widenF16',
  F32: 'widenF32',
  F64: 'widenF64',
  F8_E4M3: 'widenF8E4M3',
  F8_E5M2: 'widenF8E5M2',
} as const satisfies Record<MergeableDtype, keyof Kernels>;

/** Widens `count` elements from element `offset` of a raw vector to f32; returns how many are NaN or infinite. */
export function widen(
  kernels: Kernels,
  dtype: MergeableDtype,
  raw: Slot,
  offset: number,
  destination: Slot,
  count: number,
): number {
  return kernels[WIDEN[dtype]](raw + offset * bytesPerElement(dtype), destination, count);
}

/** Widens as `widen` does and subtracts `base` (f32): the task vector of one operand. */
export function widenDifference(
  kernels: Kernels,
  dtype: MergeableDtype,
  raw: Slot,
  offset: number,
  base: Slot,
  destination: Slot,
  count: number,
): number {
  if (dtype === 'BF16') return kernels.differBf16(raw + offset * 2, base, destination, count);
  const nonFinite = widen(kernels, dtype, raw, offset, destination, count);
  kernels.subtract(destination, destination, base, count);
  return nonFinite;
}

/** Rounds a step's f32 to the output dtype; returns how many written values are NaN or infinite. */
export function narrow(
  kernels: Kernels,
  output: OutputVector,
  source: Slot,
  raw: Slot,
  { count, firstIndex }: Tile,
): number {
  if (output.dtype === 'F32') return kernels.narrowF32(source, raw, count);
  if (output.rounding === 'stochastic') {
    const [low, high] = output.randomKey;
    const round = output.dtype === 'BF16' ? 'narrowBf16Stochastic' : 'narrowF16Stochastic';
    return kernels[round](source, raw, count, low, high, firstIndex);
  }
  return kernels[output.dtype === 'BF16' ? 'narrowBf16' : 'narrowF16'](source, raw, count);
}
