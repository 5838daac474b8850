/** How much a change matters: its size times a factor of its row (Arcee Fusion). */
import type { Kernels } from '../abi.js';
import type { ReferenceMemory } from './memory.js';

const { fround } = Math;

export function importance(memory: ReferenceMemory): Pick<Kernels, 'importances' | 'keepImportant'> {
  /** Calls `use` with each element's index and importance. */
  const forEach = (
    source: number,
    factors: number,
    rowElements: number,
    rows: number,
    use: (i: number, importance: number) => void,
  ): void => {
    const from = memory.f32(source, rows * rowElements);
    memory.f32(factors, rows).forEach((factor, row) => {
      for (let i = row * rowElements; i < (row + 1) * rowElements; i++) use(i, fround(Math.abs(from[i]!) * factor));
    });
  };
  return {
    importances(source, factors, rowElements, rows, above, below) {
      const [positive, negative] = [above, below].map((slot) => memory.f32(slot, rows * rowElements));
      forEach(source, factors, rowElements, rows, (i, size) => {
        positive![i] = Math.max(size, 0);
        negative![i] = Math.max(-size, 0);
      });
    },
    keepImportant(source, factors, rowElements, rows, limit, destination) {
      const [from, to] = [source, destination].map((slot) => memory.u32(slot, rows * rowElements));
      const least = fround(limit);
      forEach(source, factors, rowElements, rows, (i, size) => {
        to![i] = size >= least ? from![i]! : 0;
      });
    },
  };
}
