/** DELLA's mask: the probability to keep an element grows with the rank of its magnitude in its row. */
import type { Kernels } from '../abi.js';
import { F32 } from './formats.js';
import type { ReferenceMemory } from './memory.js';
import { densityDigits } from './random.js';
import { drawer } from './sparsify.js';

export function rankedMask(memory: ReferenceMemory): Pick<Kernels, 'drawRankedMask'> {
  return {
    drawRankedMask(source, rows, rowElements, lowest, highest, keyLow, keyHigh, firstIndex, _scratch, destination) {
      const sizes = memory.u32(source, rows * rowElements).map((bits) => bits & F32.magnitude);
      const mask = memory.u8(destination, Math.ceil(sizes.length / 8)).fill(0);
      const isDrawn = drawer(keyLow, keyHigh);
      const step = rowElements > 1 ? (highest - lowest) / (rowElements - 1) : 0;
      const start = rowElements > 1 ? lowest : (lowest + highest) * 0.5;
      for (let first = 0; first < sizes.length; first += rowElements) {
        const row = [...sizes.subarray(first, first + rowElements)];
        const ranks = meanRanks(row);
        row.forEach((size, i) => {
          const bit = first + i;
          const density = start + step * ranks.get(size)!;
          const isKept = density >= 1 || isDrawn(firstIndex + bit, densityDigits(density));
          if (size !== 0 && isKept) mask[bit >>> 3]! |= 1 << (bit & 7);
        });
      }
    },
  };
}

/** The mean place, from 0, of each value in ascending order. */
function meanRanks(values: readonly number[]): ReadonlyMap<number, number> {
  const places = new Map<number, { first: number; count: number }>();
  [...values]
    .sort((a, b) => a - b)
    .forEach((value, place) => {
      const { first, count } = places.get(value) ?? { first: place, count: 0 };
      places.set(value, { first, count: count + 1 });
    });
  return new Map([...places].map(([value, { first, count }]) => [value, first + (count - 1) / 2]));
}
