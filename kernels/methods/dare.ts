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
  elsewhere: {
    mergekit:
      'rescales to the L1 norm of each tensor (1/density up to version 0.0.6); masks from a Mersenne twister that depend on the order of tensors, here from the element alone',
    m2rl: 'a pre-processor: drop rate 0.2, survivors × 1/0.8, masks from one global seed (preset m2rl)',
  },
  presets: { mergekit: {}, m2rl: { weight: 1, density: 0.8, rescale: 'density' } },
  statistics: (settings) => rescaleStatistics(settings, droppedMagnitudes),
  ignores: weighsNothing,
  survivors: dropped,
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
  elsewhere: {
    mergekit: 'as dare_linear; election without trimming and without division by the weights',
    m2rl: 'DARE first, then TIES with trimming: ties with preset m2rl and sparsify',
  },
  presets: { mergekit: {} },
  statistics: (settings) => [
    ...rescaleStatistics(settings, droppedMagnitudes),
    ...electionStatistics(settings, dropped, rescaleFactors),
  ],
  ignores: weighsNothing,
  survivors: dropped,
  combine: (context) => elect(context, dropped, rescaleFactors(context)),
};
