/** Task arithmetic: add the scaled sum of task vectors to the base. */
import { lambdaStatistics } from '../consensus/lambda.js';
import { weightedSum } from '../consensus/weighted-sum.js';
import type { Method } from '../method.js';
import { untouched } from '../view.js';
import {
  lambdaIncreaseParameter,
  normalizeParameter,
  sumLambdaParameter,
  weighsNothing,
  weightParameter,
} from './common-parameters.js';

export const taskArithmetic: Method = {
  name: 'task_arithmetic',
  title: 'Task arithmetic',
  paper: 'arXiv:2212.04089',
  equation: 'θ = θ₀ + λ Σ wᵢτᵢ,  τᵢ = θᵢ − θ₀',
  summary: 'Adds the experts’ changes. The strongest and most stable choice for RL experts in the published tables.',
  space: 'taskVectors',
  parameters: [weightParameter, sumLambdaParameter, lambdaIncreaseParameter, normalizeParameter(false)],
  elsewhere: {
    mergekit: 'the same, rounded after every operation in the work dtype',
    m2rl: 'one scale and no weights, raw sum by default: lambda 1, weight 1 (preset m2rl)',
  },
  presets: { mergekit: {}, m2rl: { weight: 1 } },
  statistics: (settings) => lambdaStatistics(settings),
  ignores: weighsNothing,
  combine: (context) =>
    weightedSum(
      context,
      untouched,
      context.merge.operands.map(() => 1),
    ),
};
