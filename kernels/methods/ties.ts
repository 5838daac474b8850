/** TIES: trim, elect signs, merge what agrees. */
import { elect, electionStatistics, zeroSignParameter } from '../consensus/election.js';
import type { Method } from '../method.js';
import { choiceOf, numberOf } from '../parameters.js';
import { rescaleFactors, rescaleParameter, rescaleStatistics } from '../sparsify/rescale.js';
import { type TrimRule, trimmed, trimming, trimThresholds } from '../sparsify/trim.js';
import type { StatisticScope } from '../statistic.js';
import { magnitudesOf } from '../statistics/magnitude-sums.js';
import {
  densityParameter,
  lambdaParameter,
  normalizeParameter,
  weighsNothing,
  weightParameter,
} from './common-parameters.js';

export const ties: Method = {
  name: 'ties',
  title: 'TIES (trim, elect sign, disjoint merge)',
  paper: 'arXiv:2306.01708',
  equation: 'θ = θ₀ + λ Σ_{i∈A} wᵢτ̂ᵢ / Σ_{i∈A} wᵢ,  τ̂ = trimmed τ,  A = {i : sign wᵢτ̂ᵢ = sign Σ wⱼτ̂ⱼ}',
  summary: 'Keeps the largest changes of each expert and averages those that agree on a sign.',
  space: 'taskVectors',
  parameters: [
    weightParameter,
    densityParameter,
    lambdaParameter,
    normalizeParameter(true),
    rescaleParameter('none'),
    {
      name: 'trim_scope',
      scope: 'merge',
      kind: 'choice',
      choices: ['tensor', 'model'],
      default: 'tensor',
      summary:
        'where the largest changes are looked for: in each tensor (mergekit) or in the whole task vector (the papers)',
    },
    {
      name: 'trim_rule',
      scope: 'merge',
      kind: 'choice',
      choices: ['exact', 'threshold'],
      default: 'exact',
      summary: 'keep exactly the share, ties by lowest index (mergekit), or everything at the threshold (the papers)',
    },
    zeroSignParameter,
  ],
  elsewhere: {
    mergekit:
      'trims each tensor to exactly the share, lets weights vote, gives ties of the vote to plus; equal magnitudes at the threshold go to whichever its unstable sort prefers, here to the lowest index; a share that keeps nothing is an error there, here the base',
    m2rl: 'trims over the whole model and keeps everything at the threshold, ties of the vote go to the majority sign of the model (preset m2rl)',
  },
  presets: {
    mergekit: {},
    m2rl: { weight: 1, density: 0.2, trim_scope: 'model', trim_rule: 'threshold', zero_sign: 'majority' },
  },
  statistics: (settings) => [
    trimThresholds(choiceOf(settings, 'trim_scope') as StatisticScope, choiceOf(settings, 'trim_rule') as TrimRule),
    ...rescaleStatistics(settings, magnitudesOf(trimmed)),
    ...electionStatistics(settings, trimmed, rescaleFactors),
  ],
  // Trimming over the whole model counts every tensor, also one that then has no weight.
  ignores: (operand, merge) => weighsNothing(operand) && choiceOf(merge, 'trim_scope') === 'tensor',
  check(tensors) {
    const [first] = tensors;
    if (first === undefined || choiceOf(first.settings, 'trim_scope') !== 'model') return undefined;
    const densities = new Map<number, number>();
    for (const { model, settings } of tensors.flatMap(({ operands }) => operands)) {
      const density = numberOf(settings, 'density');
      if ((densities.get(model) ?? density) !== density) {
        return 'with trim_scope: model each model has one density, not one that varies over tensors or layers';
      }
      densities.set(model, density);
    }
    return undefined;
  },
  survivors: trimming,
  combine: (context) => elect(context, trimming, rescaleFactors(context)),
};
