/** Selection by how much operands differ. */
import { type Kernels, OPERAND, OPERAND_BYTES, REDUCTION_LANES } from '../abi.js';
import type { ReferenceMemory } from './memory.js';
import { isSet } from './sparsify.js';

type Selection = 'variance' | 'markNonZero' | 'sumMaskedSquares' | 'eraseUnshared';

const { fround } = Math;

/** Σ(n·xᵢ − S)²·(1/n³), f64. */
export function varianceOf(values: readonly number[]): number {
  const { length } = values;
  const sum = values.reduce((total, x) => total + x, 0);
  return values.reduce((total, x) => total + (length * x - sum) ** 2, 0) * (1 / length ** 3);
}

export function selection(memory: ReferenceMemory): Pick<Kernels, Selection> {
  return {
    variance(table, operands, destination, count) {
      const vectors = Array.from({ length: operands }, (_, operand) => {
        const [slot] = memory.u32(table + operand * OPERAND_BYTES + OPERAND.slot, 1);
        return memory.f32(slot!, count);
      });
      const to = memory.f32(destination, count);
      for (let i = 0; i < count; i++) to[i] = varianceOf(vectors.map((vector) => vector[i]!));
    },
    eraseUnshared(table, operands, destination, count, agreement) {
      const entries = Array.from({ length: operands }, (_, operand) => {
        const entry = table + operand * OPERAND_BYTES;
        const [slot] = memory.u32(entry + OPERAND.slot, 1);
        return { values: memory.f32(slot!, count), weight: memory.f32(entry + OPERAND.weight, 1)[0]! };
      });
      const to = memory.f32(destination, count);
      for (let i = 0; i < count; i++) {
        const sum = entries.reduce((total, { values }) => fround(total + values[i]!), 0);
        const cares = ({ values, weight }: (typeof entries)[0]): boolean =>
          Math.abs(values[i]!) > fround(weight * Math.abs(fround(sum - values[i]!)));
        if (entries.filter(cares).length < agreement) to[i] = 0;
      }
    },
    markNonZero(source, destination, count) {
      const mask = memory.u8(destination, Math.ceil(count / 8)).fill(0);
      memory.f32(source, count).forEach((value, i) => {
        if (value !== 0) mask[i >> 3]! |= 1 << (i & 7);
      });
    },
    sumMaskedSquares(source, mask, count, lanes) {
      const [from, bits] = [memory.f32(source, count), memory.u8(mask, Math.ceil(count / 8))];
      const sums = memory.f64(lanes, REDUCTION_LANES);
      from.forEach((x, i) => {
        if (isSet(bits, i)) sums[i % REDUCTION_LANES]! += x * x;
      });
    },
  };
}
