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
    observer({ kernels, merge, allocate }) {
      const columns = columnCount(merge);
      const sums = allocate(3 * columns * Float64Array.BYTES_PER_ELEMENT);
      return {
        observe({ operands: [a, b], firstIndex, count }) {
          kernels.addColumnProducts(a!, b!, count, firstIndex % columns, columns, sums);
        },
        finish: () => new Float64Array(kernels.memory.buffer, sums, 3 * columns).slice(),
      };
    },
    collector: ({ tensors: [tensor] }) => new OrderedTotals(3 * columnCount(tensor!)),
    valueForUnit: (value) => value,
  };
}
