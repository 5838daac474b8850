/** Sign election and disjoint merge (TIES, arXiv 2306.01708, steps 2 and 3). */
import { OPERAND_BYTES, type Slot } from '../abi.js';
import { fillOperandTable, operandTable, weightsOf } from '../operand-table.js';
import { type ChoiceParameter, choiceOf, flagOf, numberOf, type Settings } from '../parameters.js';
import type { Statistic } from '../statistic.js';
import { majoritySign } from '../statistics/majority-sign.js';
import type { Combine, Tile, UnitContext } from '../unit.js';
import { type SelectingView, type TileView, vectorBytes } from '../view.js';

/** Name under which the majority sign is found among a unit's statistics. */
const MAJORITY = 'majority_sign';

/** The parameter as methods declare it. */
export const zeroSignParameter: ChoiceParameter = {
  name: 'zero_sign',
  scope: 'merge',
  kind: 'choice',
  choices: ['positive', 'majority', 'none'],
  default: 'positive',
  summary:
    'what is elected where the sum is exactly zero: plus (mergekit), the majority sign of the model (the papers), nobody',
};

/** The statistics the election needs on top of those of `view`. */
export function electionStatistics(settings: Settings, view: TileView): Statistic[] {
  return choiceOf(settings, 'zero_sign') === 'majority' ? [majoritySign(MAJORITY, view)] : [];
}

/** Merges the operands that `view` shows: those that agree with the elected sign, as weighted mean or as sum. */
export function elect(context: UnitContext, view: SelectingView, factors: readonly number[]): Combine {
  const { kernels, merge } = context;
  const weights = weightsOf(merge);
  const scales = weights.map((weight, i) => weight * factors[i]!);
  const zeroSign = electedAtZero(context);
  const divide = flagOf(merge.settings, 'normalize');
  const lambda = numberOf(merge.settings, 'lambda');
  const prepare = view(context);
  const table = operandTable(context);
  const vote = (tile: Tile, destination: Slot, factor: number): void => {
    const { operands, selectors } = prepare(tile);
    fillOperandTable(kernels, table, operands, scales, weights, selectors);
    const selects = selectors !== undefined;
    kernels.electedSum(table, weights.length, destination, tile.count, zeroSign, divide, factor, selects);
  };
  // λ is the last factor: variants that differ in it alone hold one election, and 1·x is x. A negative λ would make −0
  // of the election's zeros, which alone it does not, so it takes no part. Views keep count: each tile is shown once.
  const elected = lambda < 0 ? undefined : context.share(['lambda'], vectorBytes(context));
  const scaled = context.allocate(OPERAND_BYTES);
  return (tile, destination) => {
    if (elected === undefined || elected.variants === 1) return vote(tile, destination, lambda);
    if (elected.isFirst) vote(tile, elected.slot, 1);
    fillOperandTable(kernels, scaled, [elected.slot], [lambda], [1]);
    kernels.weightedSum(scaled, 1, destination, tile.count);
  };
}

function electedAtZero({ merge, statistics }: UnitContext): number {
  const rule = choiceOf(merge.settings, 'zero_sign');
  if (rule === 'majority') return statistics[MAJORITY] as number;
  return rule === 'positive' ? 1 : 0;
}
