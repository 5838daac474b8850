/** How many elements each operand changes alone, and how many others change too. */
import { fillOperandTable, operandTable } from '../operand-table.js';
import type { Statistic, StatisticScope } from '../statistic.js';
import type { TileView } from '../view.js';

export interface OverlapCounts {
  readonly unique: number;
  readonly shared: number;
}

/** The statistic whose value for a unit is one `OverlapCounts` for each operand, over the scope. */
export function overlapCounts(name: string, scope: StatisticScope, view: TileView): Statistic {
  return {
    name,
    scope,
    typicalPasses: 1,
    observer(context) {
      const { kernels, merge } = context;
      const prepare = view(context);
      const table = operandTable(context);
      const counters = context.allocate(8 * merge.operands.length);
      const unused = merge.operands.map(() => 1);
      return {
        observe(tile) {
          fillOperandTable(kernels, table, prepare(tile).operands, unused, unused);
          kernels.countOverlap(table, unused.length, tile.count, counters);
        },
        finish() {
          const counts = new Uint32Array(kernels.memory.buffer, counters, 2 * merge.operands.length);
          return merge.operands.map(({ model }, i) => ({ model, unique: counts[2 * i]!, shared: counts[2 * i + 1]! }));
        },
      };
    },
    collector() {
      const totals = new Map<number, OverlapCounts>();
      return {
        add(_position, partial) {
          for (const { model, unique, shared } of partial as readonly (OverlapCounts & { model: number })[]) {
            const before = totals.get(model) ?? { unique: 0, shared: 0 };
            totals.set(model, { unique: before.unique + unique, shared: before.shared + shared });
          }
        },
        conclude: () => ({ value: totals }),
      };
    },
    valueForUnit: (value, _position, { operands }) =>
      operands.map(({ model }) => (value as ReadonlyMap<number, OverlapCounts>).get(model) ?? { unique: 0, shared: 0 }),
  };
}
