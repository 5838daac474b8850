/** Inner products of two operands along the first dimension: one set for each column. */
import type { Statistic } from '../statistic.js';
import type { TensorMerge } from '../unit.js';
import { OrderedTotals } from './ordered-totals.js';

/** ⟨a,a⟩, ⟨a,b⟩ and ⟨b,b⟩ of each column, f64, one array after the other; `columns` of each. */
export type ColumnProducts = Float64Array;

/** How many vectors along the first dimension a tensor has. */
export function columnCount({ elements, shape }: TensorMerge): number {
  const rows = shape[0] ?? 1;
  return rows === 0 ? 0 : elements / rows;
}

/** The statistic whose value for a unit is the `ColumnProducts` of the first two operands over the whole tensor. */
export function columnProducts(name: string): Statistic {
  return {
    name,
    scope: 'tensor',
    typicalPasses: 1,
    observer({ kernels, merge }) {
      const columns = columnCount(merge);
      const sums = new Float64Array(3 * columns);
      return {
        observe({ operands, firstIndex, count }) {
          const [a, b] = [operands[0]!, operands[1]!].map(
            (slot) => new Float32Array(kernels.memory.buffer, slot, count),
          );
          for (let i = 0, column = firstIndex % columns; i < count; i++) {
            const [x, y] = [a![i]!, b![i]!];
            sums[column]! += x * x;
            sums[columns + column]! += x * y;
            sums[2 * columns + column]! += y * y;
            if (++column === columns) column = 0;
          }
        },
        finish: () => sums,
      };
    },
    collector: ({ tensors: [tensor] }) => new OrderedTotals(3 * columnCount(tensor!)),
    valueForUnit: (value) => value,
  };
}
