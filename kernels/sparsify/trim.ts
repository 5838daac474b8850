/** Trimming: keep the share `density` of each operand with the largest magnitudes (TIES, arXiv 2306.01708, step 1). */

import type { Slot } from '../abi.js';
import { numberOf } from '../parameters.js';
import type { Statistic, StatisticScope } from '../statistic.js';
import { type RankCut, rankThreshold } from '../statistics/rank-threshold.js';
import type { StoredTile, Tile, UnitContext } from '../unit.js';
import {
  partOf,
  type SelectedTile,
  type SelectingView,
  type StoredPart,
  type StoredView,
  type TileView,
  untouched,
  vectorBytes,
} from '../view.js';

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
  return Math.min(elements, elements - Math.floor(maskRate(density) * elements) + 1);
}

/** Digits of a decimal number that doubles are sure to keep. */
const DECIMAL_DIGITS = 15;

/** 1 − density as a person would write it, which is what the papers' code is given: 0.2 for 0.8, not 0.19999999999999996. */
const maskRate = (density: number): number => Number((1 - density).toPrecision(DECIMAL_DIGITS));

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

/** Elements at the threshold of which only the first stay; `allowance` are still to come in the unit. */
interface Ties {
  readonly threshold: number;
  allowance: number;
}

/** Operands of which only the largest elements count; needs `trimThresholds` to have concluded. */
export const trimming: SelectingView = (context: UnitContext) => {
  const [cuts] = context.statistics[TRIM] as readonly [readonly RankCut[]];
  const selectors = cuts.map((cut) => selectorOf(cut, context.count));
  // Where only some of the elements at the threshold stay, they have to be counted.
  const ties = cuts.map((cut, i): Ties | undefined => (selectors[i] === undefined ? { ...(cut as Ties) } : undefined));
  const keepOf = ties.map((tie) => tie && keeper(context, tie));
  const others = selectors.map((selector) => selector ?? 0);
  const view = (tile: Tile): SelectedTile => {
    // Once no tie stays any more, there is nothing left to count.
    const isCounted = ties.map((tie) => tie !== undefined && tie.allowance > 0);
    return {
      ...tile,
      selectors: ties.map((tie, i) => (tie === undefined || isCounted[i] ? others[i]! : tie.threshold + 1)),
      operands: tile.operands.map((source, i) => (isCounted[i] ? keepOf[i]!(source, tile.count) : source)),
    };
  };
  const show: StoredView['show'] = (tile, take) => showParts(context, tile, others, ties, take);
  return Object.assign(view, { stored: { kind: 'magnitudes', show } satisfies StoredView });
};

/** Shows a stored tile in parts, which end where an operand has had its last tie. */
function showParts(
  { kernels }: UnitContext,
  tile: StoredTile,
  others: readonly number[],
  ties: readonly (Ties | undefined)[],
  take: (part: StoredPart) => boolean,
): boolean {
  const { count, operands, base } = tile;
  // Elements to the last tie that stays, or −1 minus the ties when there are fewer.
  const passed = ties.map(
    (tie, i) => tie && kernels.passTies(operands[i]!, base!, count, tie.threshold, tie.allowance),
  );
  const lastKept = passed.map((end) => (end === undefined || end < 0 ? count : end));
  const ends = [...new Set([...lastKept, count])].filter((end) => end > 0).sort((a, b) => a - b);
  let offset = 0;
  for (const end of ends) {
    const selectors = ties.map((tie, i) => {
      if (tie === undefined) return others[i]!;
      return offset < lastKept[i]! ? tie.threshold : tie.threshold + 1;
    });
    if (!take({ ...partOf(tile, offset, end - offset), selectors })) return false;
    offset = end;
  }
  ties.forEach((tie, i) => {
    if (tie !== undefined) tie.allowance = passed[i]! < 0 ? tie.allowance - ~passed[i]! : 0;
  });
  return true;
}

/** The least magnitude, as bits, that a cut keeps in a unit of `count` elements; undefined when it keeps some of several. */
export function selectorOf(cut: RankCut, count: number): number | undefined {
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
  return cut === 'all' ? (source) => source : keeper(context, { ...cut });
}

function keeper(context: UnitContext, ties: Ties): (source: Slot, count: number) => Slot {
  const destination = context.allocate(vectorBytes(context));
  return (source, count) => {
    const allowed = Math.min(ties.allowance, count);
    const found = context.kernels.keepLargest(source, destination, count, ties.threshold, allowed);
    ties.allowance = Math.max(0, ties.allowance - found);
    return destination;
  };
}
