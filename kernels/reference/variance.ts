/** Selection by how much operands differ. */
import { type Kernels, OPERAND, OPERAND_BYTES } from '../abi.js';
import type { ReferenceMemory } from './memory.js';

export function selection(memory: ReferenceMemory): Pick<Kernels, 'variance' | 'keepSelected'> {
  return {
    variance(table, operands, destination, count) {
      const vectors = Array.from({ length: operands }, (_, operand) => {
        const [slot] = memory.u32(table + operand * OPERAND_BYTES + OPERAND.slot, 1);
        return memory.f32(slot!, count);
      });
      const to = memory.f32(destination, count);
      for (let i = 0; i < count; i++) {
        const mean = vectors.reduce((sum, vector) => sum + vector[i]!, 0) / operands;
        to[i] = vectors.reduce((squares, vector) => squares + (vector[i]! - mean) ** 2, 0) / operands;
      }
    },
    keepSelected(source, selector, destination, count) {
      const [from, to] = [source, destination].map((slot) => memory.u32(slot, count));
      memory.f32(selector, count).forEach((value, i) => {
        to![i] = value !== 0 ? from![i]! : 0;
      });
    },
  };
}
