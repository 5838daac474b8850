/**
 * The majority sign of the whole merged task vector: what the TIES authors' code gives to elements whose sum is zero.
 */
import { fillOperandTable, operandTable, weightsOf } from '../operand-table.js';
import type { Statistic } from '../statistic.js';
import type { UnitContext } from '../unit.js';
import type { TileView } from '../view.js';

/**
 * The statistic whose value is +1, −1, or 0 when positive and negative sums are equally many. The sums are those that are
 * elected: of what `input` shows, by weight and by `factorsOf` the unit's tensor.
 */
export function majoritySign(
  name: string,
  input: TileView,
  factorsOf: (context: UnitContext) => readonly number[],
): Statistic {
  return {
    name,
    scope: 'model',
    typicalPasses: 1,
    observer(context) {
      const { kernels, merge } = context;
      const view = input(context);
      const table = operandTable(context);
      const factors = factorsOf(context);
      const scales = weightsOf(merge).map((weight, i) => weight * factors[i]!);
      let balance = 0;
      return {
        observe(tile) {
          fillOperandTable(kernels, table, view(tile).operands, scales, scales);
          balance += kernels.signBalance(table, scales.length, tile.count);
        },
        finish: () => balance,
      };
    },
    collector() {
      let balance = 0;
      return {
        add: (_position, partial) => {
          balance += partial as number;
        },
        conclude: () => ({ value: Math.sign(balance) }),
      };
    },
    valueForUnit: (value) => value,
  };
}
