/** DELLA's mask: the probability to keep an element grows with the rank of its magnitude in its row. */
import type { Kernels } from '../abi.js';
import { F32 } from './formats.js';
import type { ReferenceMemory } from './memory.js';
import { randomWords, STREAM } from './random.js';

export function rankedMask(memory: ReferenceMemory): Pick<Kernels, 'drawRankedMask'> {
  return {
    drawRankedMask(source, rows, rowElements, lowest, highest, keyLow, keyHigh, firstIndex, _scratch, destination) {
      const sizes = memory.u32(source, rows * rowElements).map((bits) => bits & F32.magnitude);
      const mask = memory.u8(destination, Math.ceil(sizes.length / 8)).fill(0);
      const words = randomWords(keyLow, keyHigh);
      const step = rowElements > 1 ? (highest - lowest) / (rowElements - 1) : 0;
      const start = rowElements > 1 ? lowest : (lowest + highest) * 0.5;
      for (let first = 0; first < sizes.length; first += rowElements) {
        const order = Array.from({ length: rowElements }, (_, i) => first + i).sort((a, b) => sizes[a]! - sizes[b]!);
        order.forEach((i, rank) => {
          const random = half(words, firstIndex + i);
          if (sizes[i] !== 0 && random < (start + step * rank) * 65_536) mask[i >>> 3]! |= 1 << (i & 7);
        });
      }
    },
  };
}

/** The 16 random bits of an element, laid out as those of stream 2. */
function half(words: ReturnType<typeof randomWords>, index: number): number {
  const inGroup = index % 32;
  const q = 4 * Math.floor(index / 32) + ((inGroup >> 1) & 3);
  return (words(q, STREAM.rankedMask)[inGroup >> 3]! >>> (16 * (inGroup & 1))) & 0xffff;
}
