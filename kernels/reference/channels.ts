/** Energies of the rows and columns of a matrix, of which a range of elements is at hand. */
import type { Kernels } from '../abi.js';
import type { ReferenceMemory } from './memory.js';

const LANES = 8;
const { fround } = Math;

export function channels(memory: ReferenceMemory): Pick<Kernels, 'addRowSquares' | 'addColumnSquares'> {
  return {
    addRowSquares(source, count, column, columns, lanes, rows) {
      const [from, sums] = [memory.f32(source, count), memory.f32(lanes, LANES)];
      const energies = memory.f64(rows, Math.ceil((column + count) / columns));
      for (let i = 0; i < count; i++) {
        const at = column + i;
        sums[(at % columns) % LANES]! += fround(from[i]! * from[i]!);
        if ((at + 1) % columns !== 0) continue;
        const [a, b, c, d] = [0, 1, 2, 3].map((lane) => fround(sums[lane]! + sums[lane + 4]!));
        energies[Math.floor(at / columns)]! += fround(fround(a! + c!) + fround(b! + d!));
        sums.fill(0);
      }
    },
    addColumnSquares(source, count, column, columns, sums) {
      const [from, to] = [memory.f32(source, count), memory.f32(sums, columns)];
      for (let i = 0; i < count; i++) to[(column + i) % columns]! += fround(from[i]! * from[i]!);
    },
  };
}
