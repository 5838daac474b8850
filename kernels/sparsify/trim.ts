/** Trimming: keep the share `density` of each operand with the largest magnitudes (TIES, arXiv 2306.01708, step 1). */

import { numberOf } from '../parameters.js';
import type { Statistic, StatisticScope } from '../statistic.js';
import { type RankCut, rankThreshold } from '../statistics/rank-threshold.js';
import type { UnitContext } from '../unit.js';
import { type TileView, untouched, vectorBytes } from '../view.js';

/** Name under which the thresholds are found among a unit's statistics. */
const TRIM = 'trim';

/**
 * `exact` keeps exactly ⌊density·n⌋ elements, ties at the threshold by lowest flat index. `threshold` keeps every
 * element at or above the ⌊(1−density)·n⌋-th smallest magnitude, as the papers' code does; ties may keep more.
 */
export type TrimRule = 'exact' | 'threshold';

/** How many of `elements` the rule keeps when no two magnitudes are equal. */
export function keptCount(rule: TrimRule, density: number, elements: number): number {
  if (density >= 1) return elements;
  if (rule === 'exact') return Math.floor(density * elements);
  return Math.min(elements, elements - Math.floor((1 - density) * elements) + 1);
}

/** The statistic behind `trimmed`: one threshold for each operand over a tensor or over the whole model. */
export function trimThresholds(scope: StatisticScope, rule: TrimRule, input: TileView = untouched): Statistic {
  return rankThreshold({
    name: TRIM,
    scope,
    input,
    ties: rule === 'exact' ? 'first' : 'all',
    keptCount: (operand, elements) => keptCount(rule, numberOf(operand.settings, 'density'), elements),
  });
}

/** Operands with all but their largest elements set to zero; needs `trimThresholds` to have concluded. */
export const trimmed: TileView = (context: UnitContext) => {
  const { kernels } = context;
  const cuts = context.statistics[TRIM] as readonly RankCut[];
  const scratch = cuts.map((cut) => (cut === 'all' ? undefined : context.allocate(vectorBytes(context))));
  const allowances = cuts.map((cut) => (cut === 'all' ? 0 : cut.allowance));
  return (tile) => ({
    ...tile,
    operands: tile.operands.map((source, i) => {
      const cut = cuts[i]!;
      const destination = scratch[i];
      if (cut === 'all' || destination === undefined) return source;
      const allowance = Math.min(allowances[i]!, tile.count);
      const ties = kernels.keepLargest(source, destination, tile.count, cut.threshold, allowance);
      allowances[i] = Math.max(0, allowances[i]! - ties);
      return destination;
    }),
  });
};
