/** Inner products with the operands' rank-1 heads Hᵢ = τᵢ vᵢ vᵢᵀ, v being their leading directions. */
import type { Statistic } from '../statistic.js';
import { OrderedTotals } from '../statistics/ordered-totals.js';
import type { LeadingDirections } from './leading-directions.js';
import { placeVectors, rowProducts } from './row-products.js';

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
    observer(context) {
      const { directions: leading } = context.statistics[directions] as LeadingDirections;
      const size = leading.length;
      const sums = new Float64Array(2 * size * size);
      if (size === 0) return { observe() {}, finish: () => sums };
      const multiply = rowProducts(context, placeVectors(context, leading), size);
      return {
        observe(tile) {
          // Each in memory of its own, as the products of all are needed at once.
          const along = leading.map((_, operand) => multiply(tile, operand, 0, size).slice());
          addProducts(along, sums);
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

/** Adds row after row; `along` has of each operand the products of a row with all directions, then those of the next. */
function addProducts(along: readonly Float64Array[], sums: Float64Array): void {
  const size = along.length;
  for (let i = 0; i < size; i++) {
    for (let j = 0; j < size; j++) {
      const [own, other] = [along[i]!, along[j]!];
      let mixed = sums[i * size + j]!;
      let heads = sums[size * size + i * size + j]!;
      for (let row = 0; row < own.length; row += size) {
        mixed += other[row + j]! * own[row + j]!;
        heads += own[row + i]! * other[row + j]!;
      }
      sums[i * size + j] = mixed;
      sums[size * size + i * size + j] = heads;
    }
  }
}
