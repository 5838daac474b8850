/** L1 norms of each operand before and after a view, for rescaling what sparsification leaves. */
import { REDUCTION_LANES, type Slot } from '../abi.js';
import type { Statistic } from '../statistic.js';
import type { StoredTile, Tile, UnitContext } from '../unit.js';
import type { TileView } from '../view.js';
import { OrderedTotals } from './ordered-totals.js';

/** Σ|x| of one operand, f64. */
export interface MagnitudeSums {
  readonly before: number;
  readonly after: number;
}

/** Slots of the partial sums of one operand, REDUCTION_LANES f64 each. */
export interface MagnitudeLanes {
  readonly before: Slot;
  readonly after: Slot;
}

/**
 * Prepares one unit; the returned function is called once for each tile, in order, and adds the magnitudes of each
 * operand to its lanes, before and after sparsification.
 */
export type MagnitudeMeter = (context: UnitContext) => MeasureMagnitudes;

export interface MeasureMagnitudes {
  (tile: Tile, lanes: readonly MagnitudeLanes[]): void;
  /** The same of a stored tile, if that is possible. */
  readonly stored?: (tile: StoredTile, lanes: readonly MagnitudeLanes[]) => void;
}

/** Measures the operands of a tile and what `view` makes of them. */
export function magnitudesOf(view: TileView): MagnitudeMeter {
  return (context) => {
    const { kernels } = context;
    const prepare = view(context);
    return (tile, lanes) => {
      const { operands } = prepare(tile);
      lanes.forEach(({ before, after }, i) => {
        kernels.sumMagnitude(tile.operands[i]!, tile.count, before);
        kernels.sumMagnitude(operands[i]!, tile.count, after);
      });
    };
  };
}

/** The statistic whose value for a unit is one `MagnitudeSums` for each operand, over the whole tensor. */
export function magnitudeSums(name: string, meter: MagnitudeMeter): Statistic {
  return {
    name,
    scope: 'tensor',
    typicalPasses: 1,
    observer(context) {
      const { kernels, merge } = context;
      const measure = meter(context);
      const lanes = merge.operands.map(() => ({
        before: context.allocate(8 * REDUCTION_LANES),
        after: context.allocate(8 * REDUCTION_LANES),
      }));
      const total = (slot: number): number =>
        new Float64Array(kernels.memory.buffer, slot, REDUCTION_LANES).reduce((sum, lane) => sum + lane, 0);
      return {
        observe: (tile) => measure(tile, lanes),
        observeStored: measure.stored && ((tile) => measure.stored!(tile, lanes)),
        finish: () => lanes.flatMap(({ before, after }) => [total(before), total(after)]),
      };
    },
    collector: ({ tensors: [tensor] }) => new OrderedTotals(2 * tensor!.operands.length),
    valueForUnit: (value, _position, { operands }) => {
      const sums = value as Float64Array;
      return operands.map((_, i): MagnitudeSums => ({ before: sums[2 * i]!, after: sums[2 * i + 1]! }));
    },
  };
}
