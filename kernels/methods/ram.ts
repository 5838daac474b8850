/** RAM: average what several experts changed, keep what one changed alone. */
import type { Method } from '../method.js';
import { fillOperandTable, operandTable } from '../operand-table.js';
import { choiceOf, type NumberParameter, numberOf, type Parameter } from '../parameters.js';
import { changed } from '../sparsify/changed.js';
import type { StatisticScope } from '../statistic.js';
import { type OverlapCounts, overlapCounts } from '../statistics/overlap-counts.js';
import type { Combine, UnitContext } from '../unit.js';
import { ownLambdaParameter } from './common-parameters.js';

const OVERLAP = 'overlap';

const epsilonParameter: NumberParameter = {
  name: 'epsilon',
  scope: 'merge',
  kind: 'number',
  default: 0,
  minimum: 0,
  summary: 'changes up to this count as none: 0 counts every bit (bf16 experts), 1e-5 is the paper’s',
};

const parameters: readonly Parameter[] = [epsilonParameter, ownLambdaParameter];

export const ram: Method = {
  name: 'ram',
  title: 'Reinforced Agent Merging (RAM)',
  paper: 'arXiv:2601.13572',
  equation: 'θ = θ₀ + λ · (τᵢ where i alone changed, mean of the changers’ τ where several did)',
  summary: 'Made for RL experts: sparse changes are not diluted by experts that left the element alone.',
  space: 'taskVectors',
  parameters,
  elsewhere: {
    mergekit: 'changed is |τ| > 1e-5 (preset mergekit); preset m2rl compares bits; a lambda is ignored',
  },
  presets: { mergekit: { epsilon: 1e-5 }, m2rl: {} },
  statistics: () => [],
  ignores: () => false,
  survivors: changed,
  combine: (context) =>
    meanOfChangers(
      context,
      context.merge.operands.map(() => 1),
    ),
};

export const ramPlus: Method = {
  ...ram,
  name: 'ramplus_tl',
  aliases: ['ramplus'],
  title: 'RAM+ (unique changes strengthened)',
  equation: 'as ram, with λᵢτᵢ where i alone changed: λᵢ = 1 + r · min(ρᵢ, α),  ρᵢ = shared / unique changes of i',
  summary: 'RAM that makes up for what averaging takes from experts whose changes are mostly shared.',
  parameters: [
    ...parameters,
    { name: 'r', scope: 'merge', kind: 'number', default: 0.1, minimum: 0, summary: 'strength of the correction' },
    { name: 'alpha', scope: 'merge', kind: 'number', default: 0.2, minimum: 0, summary: 'bound of the ratio ρ' },
    {
      name: 'ratio_scope',
      scope: 'merge',
      kind: 'choice',
      choices: ['tensor', 'model'],
      default: 'tensor',
      summary: 'where ρ is counted: in each tensor (mergekit) or in the whole task vector (the paper)',
    },
  ],
  elsewhere: {
    mergekit:
      'ρ counted in each tensor, r 0.1, α 0.2; the authors’ code counts ρ over the whole model (ratio_scope: model)',
  },
  presets: { mergekit: { epsilon: 1e-5 }, m2rl: { ratio_scope: 'model' } },
  statistics: (settings) => [overlapCounts(OVERLAP, choiceOf(settings, 'ratio_scope') as StatisticScope, changed)],
  combine(context) {
    const { settings } = context.merge;
    const counts = context.statistics[OVERLAP] as readonly OverlapCounts[];
    const factors = counts.map(({ unique, shared }) => {
      // Without unique changes there is nothing that the factor could scale.
      const ratio = unique === 0 ? 0 : shared / unique;
      return 1 + numberOf(settings, 'r') * Math.min(ratio, numberOf(settings, 'alpha'));
    });
    return meanOfChangers(context, factors);
  },
};

function meanOfChangers(context: UnitContext, factors: readonly number[]): Combine {
  const { kernels, merge } = context;
  const prepare = changed(context);
  const table = operandTable(context);
  const lambda = numberOf(merge.settings, 'lambda');
  return (tile, destination) => {
    fillOperandTable(kernels, table, prepare(tile).operands, factors, factors);
    kernels.overlapMean(table, factors.length, destination, tile.count);
    if (lambda === 1) return;
    fillOperandTable(kernels, table, [destination], [lambda], [lambda]);
    kernels.weightedSum(table, 1, destination, tile.count);
  };
}
