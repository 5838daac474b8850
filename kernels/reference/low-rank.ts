/** The low-rank product of an adapter, added to a piece of a matrix. Every operation is rounded to f32 at once. */
import type { Kernels } from '../abi.js';
import type { ReferenceMemory } from './memory.js';

const { fround } = Math;

export function lowRank(memory: ReferenceMemory): Pick<Kernels, 'addLowRank'> {
  return {
    addLowRank(values, count, firstColumn, columns, left, right, rank, scale) {
      const rows = Math.ceil((firstColumn + count) / columns);
      const [to, l, r] = [memory.f32(values, count), memory.f32(left, rows * rank), memory.f32(right, rank * columns)];
      const scaleF32 = fround(scale);
      for (let i = 0; i < count; i++) {
        const row = Math.floor((firstColumn + i) / columns);
        const column = (firstColumn + i) % columns;
        let sum = 0;
        for (let k = 0; k < rank; k++) sum = fround(sum + fround(l[row * rank + k]! * r[k * columns + column]!));
        to[i] = to[i]! + fround(scaleF32 * sum);
      }
    },
  };
}
