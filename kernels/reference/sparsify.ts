/** Keep or drop f32 values: dropped ones become +0, kept ones are copied by their bits. */
import type { Kernels } from '../abi.js';
import { F32 } from './formats.js';
import type { ReferenceMemory } from './memory.js';
import { randomWords, STREAM } from './random.js';

/** The first digit of the uniform number of the element at flat index `index`. */
function maskDigit(words: ReturnType<typeof randomWords>, index: number): number {
  const inGroup = index % 64;
  const q = 4 * Math.floor(index / 64) + ((inGroup >> 2) & 3);
  const word = words(q, STREAM.maskDigit)[inGroup >> 4]!;
  return (word >>> (8 * (inGroup & 3))) & 255;
}

export function sparsifiers(memory: ReferenceMemory): Pick<Kernels, 'keepLargest' | 'keepRandom'> {
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
    keepRandom(source, destination, count, densityByte, densityRest, keyLow, keyHigh, firstIndex) {
      const from = memory.u32(source, count);
      const to = memory.u32(destination, count);
      const words = randomWords(keyLow, keyHigh);
      for (let i = 0; i < count; i++) {
        const index = firstIndex + i;
        const digit = maskDigit(words, index);
        const keeps = digit === densityByte ? words(index, STREAM.maskRest)[0]! < densityRest : digit < densityByte;
        to[i] = keeps ? from[i]! : 0;
      }
    },
  };
}
