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

/**
 * Widens as `widen` does and subtracts `base` (f32): the task vector of one operand. Where both have the same infinity (as
 * buffers of attention masks do) or NaN, nothing has changed, and the difference is 0.
 */
export function widenDifference(
  kernels: Kernels,
  dtype: MergeableDtype,
  raw: Slot,
  offset: number,
  base: Slot,
  destination: Slot,
  count: number,
): number {
  if (dtype === 'BF16' && kernels.differBf16(raw + offset * 2, base, destination, count) === 0) return 0;
  const nonFinite = widen(kernels, dtype, raw, offset, destination, count);
  if (nonFinite === 0) kernels.subtract(destination, destination, base, count);
  else subtractOthers(kernels, destination, base, count);
  return nonFinite;
}

/** values − base, and 0 where their bits are the same. */
function subtractOthers({ memory: { buffer } }: Kernels, values: Slot, base: Slot, count: number): void {
  const [minuend, subtrahend] = [new Float32Array(buffer, values, count), new Float32Array(buffer, base, count)];
  const [bits, bitsOfBase] = [new Uint32Array(buffer, values, count), new Uint32Array(buffer, base, count)];
  for (let i = 0; i < count; i++) minuend[i] = bits[i] === bitsOfBase[i] ? 0 : minuend[i]! - subtrahend[i]!;
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
