/** Inner products with the operands' rank-1 heads Hᵢ = τᵢ vᵢ vᵢᵀ, v being their leading directions. */
import type { Statistic } from '../statistic.js';
import { OrderedTotals } from '../statistics/ordered-totals.js';
import type { Directions } from './leading-directions.js';
import { alongDirection } from './row-products.js';

/** Row-major, one row for each i: ⟨τᵢ, Hⱼ⟩ and ⟨Hᵢ, Hⱼ⟩. Empty for what is no matrix. */
export interface HeadProducts {
  readonly mixed: Float64Array;
  readonly heads: Float64Array;
}

/** The statistic whose value for a unit is the `HeadProducts` of its tensor, after `directions` have concluded. */
export function headProducts(name: string, directions: string): Statistic {
  return {
    name,
    scope: 'tensor',
    typicalPasses: 1,
    observer({ kernels, statistics }) {
      const leading = statistics[directions] as Directions;
      const size = leading.length;
      const sums = new Float64Array(2 * size * size);
      return {
        observe({ operands, count }) {
          if (size === 0) return;
          const along = operands.map((slot) => {
            const values = new Float32Array(kernels.memory.buffer, slot, count);
            return leading.map((direction) => alongDirection(values, direction));
          });
          for (let i = 0; i < size; i++) {
            for (let j = 0; j < size; j++) {
              const [own, other, crossed] = [along[i]![i]!, along[j]![j]!, along[i]![j]!];
              for (let row = 0; row < own.length; row++) {
                sums[i * size + j]! += other[row]! * crossed[row]!;
                sums[size * size + i * size + j]! += own[row]! * other[row]!;
              }
            }
          }
        },
        finish: () => sums,
      };
    },
    collector: ({ tensors: [tensor] }) => new OrderedTotals(2 * tensor!.operands.length ** 2),
    valueForUnit: (value, _position, { operands }): HeadProducts => {
      const sums = value as Float64Array;
      const half = operands.length ** 2;
      return { mixed: sums.slice(0, half), heads: sums.slice(half) };
    },
  };
}
