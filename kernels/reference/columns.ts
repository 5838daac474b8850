/** What is done along the first dimension of a matrix. */
import type { ColumnKernels } from '../abi-columns.js';
import type { ReferenceMemory } from './memory.js';

export function columns(memory: ReferenceMemory): ColumnKernels {
  return {
    addColumnProducts(a, b, count, first, width, sums) {
      const [x, y] = [memory.f32(a, count), memory.f32(b, count)];
      const [aa, ab, bb] = [0, 1, 2].map((k) => memory.f64(sums + 8 * k * width, width));
      for (let i = 0; i < count; i++) {
        const column = (first + i) % width;
        aa![column]! += x[i]! * x[i]!;
        ab![column]! += x[i]! * y[i]!;
        bb![column]! += y[i]! * y[i]!;
      }
    },
    combineColumns(a, b, count, first, width, coefficients, destination) {
      const [x, y, to] = [memory.f32(a, count), memory.f32(b, count), memory.f32(destination, count)];
      const [c, d] = [0, 1].map((k) => memory.f64(coefficients + 8 * k * width, width));
      for (let i = 0; i < count; i++) {
        const column = (first + i) % width;
        to[i] = c![column]! * x[i]! + d![column]! * y[i]!;
      }
    },
  };
}
