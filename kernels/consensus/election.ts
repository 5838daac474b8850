/** Sign election and disjoint merge (TIES, arXiv 2306.01708, steps 2 and 3). */
import { OPERAND_BYTES, type Slot } from '../abi.js';
import { fillOperandTable, operandTable, weightsOf } from '../operand-table.js';
import { type ChoiceParameter, choiceOf, flagOf, numberOf, type Settings } from '../parameters.js';
import type { Statistic } from '../statistic.js';
import { majoritySign } from '../statistics/majority-sign.js';
import type { Combine, Tile, UnitContext } from '../unit.js';
import {
  type SelectedTile,
  type SelectingView,
  STORED_BYTES,
  type StoredView,
  type TileView,
  vectorBytes,
} from '../view.js';

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

/** The statistics the election needs on top of those of `view` and of the factors that it is held with. */
export function electionStatistics(
  settings: Settings,
  view: TileView,
  factorsOf: (context: UnitContext) => readonly number[],
): Statistic[] {
  return choiceOf(settings, 'zero_sign') === 'majority' ? [majoritySign(MAJORITY, view, factorsOf)] : [];
}

/**
 * Merges the operands that `view`, the method's `survivors`, shows: those that agree with the elected sign, as weighted mean
 * or as sum.
 */
export function elect(context: UnitContext, view: SelectingView, factors: readonly number[]): Combine {
  const { kernels, merge } = context;
  const ballot = ballotOf(context, factors);
  const { weights, scales, table, zeroSign, divide } = ballot;
  const lambda = numberOf(merge.settings, 'lambda');
  const prepare = view(context);
  let shown: SelectedTile | undefined;
  const vote = (tile: Tile, destination: Slot, factor: number): void => {
    shown = prepare(tile);
    const { operands, selectors } = shown;
    fillOperandTable(kernels, table, operands, scales, weights, selectors);
    const selects = selectors !== undefined;
    kernels.electedSum(table, weights.length, destination, tile.count, zeroSign, divide, factor, selects);
  };
  // λ is the last factor: variants that differ in it alone hold one election, and 1·x is x. A negative λ would make −0
  // of the election's zeros, which alone it does not, so it takes no part. Views keep count: each tile is shown once.
  const elected = lambda < 0 ? undefined : context.share(['lambda'], vectorBytes(context));
  const scaled = context.allocate(OPERAND_BYTES);
  const combine = (tile: Tile, destination: Slot): void => {
    if (elected === undefined || elected.variants === 1) {
      vote(tile, destination, lambda);
      return;
    }
    if (elected.isFirst) vote(tile, elected.slot, 1);
    fillOperandTable(kernels, scaled, [elected.slot], [lambda], [1]);
    kernels.weightedSum(scaled, 1, destination, tile.count);
  };
  return Object.assign(combine, { stored: electStored(context, prepare.stored, ballot, lambda), shown: () => shown });
}

/** What an election needs to know of the unit. */
export interface Ballot {
  readonly weights: readonly number[];
  readonly scales: readonly number[];
  readonly table: Slot;
  readonly zeroSign: number;
  readonly divide: boolean;
  /** Whether signs are elected by the operands as they are, not by their products with the scales. */
  readonly byValues: boolean;
}

function ballotOf(context: UnitContext, factors: readonly number[]): Ballot {
  const weights = weightsOf(context.merge);
  return {
    weights,
    scales: weights.map((weight, i) => weight * factors[i]!),
    table: operandTable(context),
    zeroSign: electedAtZero(context),
    divide: flagOf(context.merge.settings, 'normalize'),
    byValues: false,
  };
}

/** How to elect and merge what `view` shows in one go, if that is possible. */
export function electStored(
  { kernels }: UnitContext,
  view: StoredView | undefined,
  { weights, scales, table, zeroSign, divide, byValues }: Ballot,
  lambda: number,
): Combine['stored'] {
  if (view === undefined) return undefined;
  // Where there are no masks, everything is kept, which an election by values asks for in this form.
  const isMasked = view.kind === 'masks' || byValues;
  const nothing = weights.map(() => 0);
  const vote = (operands: readonly Slot[], selectors: readonly number[], base: Slot, to: Slot, count: number) => {
    fillOperandTable(kernels, table, operands, scales, weights, selectors);
    const { length } = weights;
    return kernels.electStoredBf16(table, length, base, to, count, zeroSign, divide, lambda, isMasked, byValues) !== 0;
  };
  // An election that the kernel declines without elements it always declines: no view is asked in vain.
  if (!vote(nothing, nothing, 0, 0, 0)) return undefined;
  return (tile, destination) =>
    view.show(tile, ({ operands, base, count, offset, selectors }) =>
      vote(operands, selectors ?? nothing, base!, destination + STORED_BYTES * offset, count),
    );
}

function electedAtZero({ merge, statistics }: UnitContext): number {
  const rule = choiceOf(merge.settings, 'zero_sign');
  if (rule === 'majority') return statistics[MAJORITY] as number;
  return rule === 'positive' ? 1 : 0;
}
