/** Keep or drop f32 values: dropped ones become +0, kept ones are copied by their bits. */
import type { Kernels } from '../abi.js';
import { F32 } from './formats.js';
import { maskDigits } from './mask-digits.js';
import type { ReferenceMemory } from './memory.js';
import { type DensityDigits, randomWords, STREAM } from './random.js';

/** Whether the element at a flat index is kept at a density, for one key. */
export function drawer(keyLow: number, keyHigh: number): (index: number, density: DensityDigits) => boolean {
  const digitOf = maskDigits(keyLow, keyHigh);
  const words = randomWords(keyLow, keyHigh);
  return (index, { densityByte, densityRest }) => {
    const digit = digitOf(index);
    return digit === densityByte ? words(index, STREAM.maskRest)[0]! < densityRest : digit < densityByte;
  };
}

/** Whether a mask keeps element `i`. */
export function isSet(mask: Uint8Array, i: number): boolean {
  return ((mask[i >> 3]! >> (i & 7)) & 1) === 1;
}

export function sparsifiers(
  memory: ReferenceMemory,
): Pick<Kernels, 'keepLargest' | 'keepBetween' | 'keepMasked' | 'drawMask'> {
  return {
    keepLargest(source, destination, count, threshold, allowance) {
      const from = memory.u32(source, count);
      const to = memory.u32(destination, count);
      let equals = 0;
      for (let i = 0; i < count; i++) {
        const bits = from[i]!;
        const magnitude = bits & F32.magnitude;
        const keeps = magnitude > threshold || (magnitude === threshold && equals < allowance);
        if (magnitude === threshold) equals++;
        to[i] = keeps ? bits : 0;
      }
      return equals;
    },
    keepBetween(source, low, high, destination, count) {
      const from = memory.u32(source, count);
      const to = memory.u32(destination, count);
      for (let i = 0; i < count; i++) {
        const magnitude = from[i]! & F32.magnitude;
        to[i] = magnitude >= low && magnitude < high ? from[i]! : 0;
      }
    },
    keepMasked(source, mask, destination, count) {
      const from = memory.u32(source, count);
      const to = memory.u32(destination, count);
      const bits = memory.u8(mask, Math.ceil(count / 8));
      for (let i = 0; i < count; i++) to[i] = isSet(bits, i) ? from[i]! : 0;
    },
    drawMask(destination, count, densityByte, densityRest, keyLow, keyHigh, firstIndex) {
      const bits = memory.u8(destination, Math.ceil(count / 8)).fill(0);
      const isDrawn = drawer(keyLow, keyHigh);
      for (let i = 0; i < count; i++) {
        if (isDrawn(firstIndex + i, { densityByte, densityRest })) bits[i >> 3]! |= 1 << (i & 7);
      }
    },
  };
}
