/** Sums of the squares of operands. */
import { REDUCTION_LANES, type Slot } from '../abi.js';
import type { Statistic } from '../statistic.js';
import type { StoredTile, Tile, UnitContext } from '../unit.js';
import { OrderedTotals } from './ordered-totals.js';

/** Adds x² of what is counted of each operand of a tile to its lanes (REDUCTION_LANES f64). */
export interface AddSquares {
  (tile: Tile, lanes: readonly Slot[]): void;
  /** The same of a stored tile, if that is possible. */
  readonly stored?: ((tile: StoredTile, lanes: readonly Slot[]) => void) | undefined;
}

/** The statistic whose value for a unit is Σx² of what `squares` counts of each operand, over the whole tensor, f64. */
export function energies(name: string, squares: (context: UnitContext) => AddSquares): Statistic {
  return {
    name,
    scope: 'tensor',
    typicalPasses: 1,
    observer(context) {
      const { kernels, allocate, merge } = context;
      const add = squares(context);
      const { stored } = add;
      const lanes = merge.operands.map(() => allocate(8 * REDUCTION_LANES));
      return {
        observe: (tile) => add(tile, lanes),
        observeStored: stored && ((tile) => stored(tile, lanes)),
        finish: () =>
          Float64Array.from(lanes, (slot) =>
            new Float64Array(kernels.memory.buffer, slot, REDUCTION_LANES).reduce((sum, lane) => sum + lane, 0),
          ),
      };
    },
    collector: ({ tensors: [tensor] }) => new OrderedTotals(tensor!.operands.length),
    valueForUnit: (value) => value,
  };
}
