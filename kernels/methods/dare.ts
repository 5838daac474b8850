/** DARE: drop changes at random, rescale the rest, then sum or elect. */
import { elect, electionStatistics, zeroSignParameter } from '../consensus/election.js';
import { weightedSum } from '../consensus/weighted-sum.js';
import type { Method } from '../method.js';
import { dropped, droppedMagnitudes } from '../sparsify/dare.js';
import { rescaleFactors, rescaleParameter, rescaleStatistics } from '../sparsify/rescale.js';
import {
  densityParameter,
  lambdaParameter,
  normalizeParameter,
  weighsNothing,
  weightParameter,
} from './common-parameters.js';

const parameters = [
  weightParameter,
  densityParameter,
  lambdaParameter,
  normalizeParameter(false),
  rescaleParameter('l1'),
] as const;

export const dareLinear: Method = {
  name: 'dare_linear',
  title: 'DARE with task arithmetic',
  paper: 'arXiv:2311.03099',
  equation: 'θ = θ₀ + λ Σ wᵢ rᵢ (mᵢ ⊙ τᵢ),  mᵢ ~ Bernoulli(density)',
  summary: 'Task arithmetic on randomly thinned changes; about as good as task arithmetic for RL experts.',
  space: 'taskVectors',
  parameters,
  presets: { mergekit: {}, m2rl: { weight: 1, density: 0.8, rescale: 'density' } },
  statistics: (settings) => rescaleStatistics(settings, droppedMagnitudes),
  ignores: weighsNothing,
  combine: (context) => weightedSum(context, dropped, rescaleFactors(context)),
};

export const dareTies: Method = {
  name: 'dare_ties',
  title: 'DARE with sign election',
  paper: 'arXiv:2311.03099',
  equation: 'θ = θ₀ + λ Σ_{i∈A} wᵢ rᵢ (mᵢ ⊙ τᵢ),  A = {i : sign agrees with the sum}',
  summary: 'Randomly thinned changes merged where they agree on a sign; without trimming, as in mergekit.',
  space: 'taskVectors',
  parameters: [...parameters, zeroSignParameter],
  presets: { mergekit: {} },
  statistics: (settings) => [
    ...rescaleStatistics(settings, droppedMagnitudes),
    ...electionStatistics(settings, dropped),
  ],
  ignores: weighsNothing,
  combine: (context) => elect(context, dropped, rescaleFactors(context)),
};
