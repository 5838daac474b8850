/** DELLA: drop small changes more often than large ones, then sum or elect. */
import { elect, electionStatistics, zeroSignParameter } from '../consensus/election.js';
import { weightedSum } from '../consensus/weighted-sum.js';
import type { Method } from '../method.js';
import { epsilonParameter, thinned, thinnedMagnitudes } from '../sparsify/della.js';
import { rescaleFactors, rescaleParameter, rescaleStatistics } from '../sparsify/rescale.js';
import {
  densityParameter,
  lambdaParameter,
  normalizeParameter,
  weighsNothing,
  weightParameter,
} from './common-parameters.js';

const parameters = (normalize: boolean) => [
  weightParameter,
  densityParameter,
  epsilonParameter,
  lambdaParameter,
  normalizeParameter(normalize),
  rescaleParameter('l1'),
];

export const dellaLinear: Method = {
  name: 'della_linear',
  title: 'DELLA with task arithmetic',
  paper: 'arXiv:2406.11617',
  equation: 'θ = θ₀ + λ Σ wᵢ rᵢ (mᵢ ⊙ τᵢ),  mᵢ ~ Bernoulli(density − ε … density + ε by rank in the row)',
  summary:
    'Task arithmetic on changes that are thinned at random, the small ones of each row more than the large ones.',
  space: 'taskVectors',
  elsewhere: {
    mergekit:
      'the same probabilities (rows are the last axis; mergekit’s are the second of any number), refused where density ± ε leaves (0, 1), while here ε is cut; equal magnitudes of a row stay equally likely, where there a sort decides; other random numbers; a row of one element fails there',
  },
  parameters: parameters(false),
  presets: { mergekit: {} },
  statistics: (settings) => rescaleStatistics(settings, thinnedMagnitudes),
  ignores: weighsNothing,
  wholeRows: () => true,
  survivors: thinned,
  combine: (context) => weightedSum(context, thinned, rescaleFactors(context)),
};

export const della: Method = {
  ...dellaLinear,
  name: 'della',
  title: 'DELLA with sign election',
  equation: 'θ = θ₀ + λ Σ_{i∈A} wᵢ rᵢ (mᵢ ⊙ τᵢ) / Σ_{i∈A} wᵢ,  A = {i : sign agrees with the sum}',
  summary:
    'Changes thinned at random, the small ones of each row more than the large ones, averaged where they agree on a sign.',
  parameters: [...parameters(true), zeroSignParameter],
  statistics: (settings) => [
    ...dellaLinear.statistics(settings),
    ...electionStatistics(settings, thinned, rescaleFactors),
  ],
  combine: (context) => elect(context, thinned, rescaleFactors(context)),
};
