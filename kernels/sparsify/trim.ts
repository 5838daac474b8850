/** Trimming: keep the share `density` of each operand with the largest magnitudes (TIES, arXiv 2306.01708, step 1). */

import type { Slot } from '../abi.js';
import { numberOf } from '../parameters.js';
import type { Statistic, StatisticScope } from '../statistic.js';
import { type RankCut, rankThreshold } from '../statistics/rank-threshold.js';
import type { UnitContext } from '../unit.js';
import { type SelectingView, type TileView, untouched, vectorBytes } from '../view.js';

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
    cuts: [(operand, elements) => keptCount(rule, numberOf(operand.settings, 'density'), elements)],
  });
}

/** Operands of which only the largest elements count; needs `trimThresholds` to have concluded. */
export const trimming: SelectingView = (context: UnitContext) => {
  const [cuts] = context.statistics[TRIM] as readonly [readonly RankCut[]];
  const selectors = cuts.map((cut) => selectorOf(cut, context.count));
  // Where only some of the elements at the threshold stay, they have to be counted.
  const keepOf = cuts.map((cut, i) => (selectors[i] === undefined ? cutter(context, cut) : undefined));
  const others = selectors.map((selector) => selector ?? 0);
  return (tile) => ({
    ...tile,
    operands: tile.operands.map((source, i) => keepOf[i]?.(source, tile.count) ?? source),
    selectors: others,
  });
};

/** The least magnitude, as bits, that a cut keeps in a unit of `count` elements; undefined when it keeps some of several. */
function selectorOf(cut: RankCut, count: number): number | undefined {
  if (cut === 'all') return 0;
  if (cut.allowance === 0) return cut.threshold + 1;
  return cut.allowance >= count ? cut.threshold : undefined;
}

/** Operands with all but their largest elements set to zero; needs `trimThresholds` to have concluded. */
export const trimmed: TileView = (context: UnitContext) => {
  const [cuts] = context.statistics[TRIM] as readonly [readonly RankCut[]];
  const keepOf = cuts.map((cut) => cutter(context, cut));
  return (tile) => ({ ...tile, operands: tile.operands.map((source, i) => keepOf[i]!(source, tile.count)) });
};

/** Prepares one operand of a unit; the returned function is called once for each tile, in order, and gives what is kept. */
export function cutter(context: UnitContext, cut: RankCut): (source: Slot, count: number) => Slot {
  if (cut === 'all') return (source) => source;
  const destination = context.allocate(vectorBytes(context));
  let allowance = cut.allowance;
  return (source, count) => {
    const allowed = Math.min(allowance, count);
    const ties = context.kernels.keepLargest(source, destination, count, cut.threshold, allowed);
    allowance = Math.max(0, allowance - ties);
    return destination;
  };
}
