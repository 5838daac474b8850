/** Model Breadcrumbs: task arithmetic or sign election without the outliers. */
import { elect, electionStatistics, zeroSignParameter } from '../consensus/election.js';
import { weightedSum } from '../consensus/weighted-sum.js';
import type { Method } from '../method.js';
import { crumbs, crumbThresholds, gammaParameter } from '../sparsify/breadcrumbs.js';
import { rescaleFactors, rescaleParameter, rescaleStatistics } from '../sparsify/rescale.js';
import { magnitudesOf } from '../statistics/magnitude-sums.js';
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
  gammaParameter,
  lambdaParameter,
  normalizeParameter(false),
  rescaleParameter('none'),
] as const;

export const breadcrumbs: Method = {
  name: 'breadcrumbs',
  title: 'Model Breadcrumbs',
  paper: 'arXiv:2312.06795',
  equation: 'θ = θ₀ + λ Σ wᵢ (mᵢ ⊙ τᵢ),  m drops the γ·n largest and keeps the next density·n',
  summary: 'Task arithmetic on the middle of each task vector: neither noise nor outliers.',
  space: 'taskVectors',
  parameters,
  elsewhere: {
    mergekit:
      'the same, but where γ·n rounds to 0 its slice is empty and the tensor stays at the base; here no outlier is dropped',
  },
  presets: { mergekit: {} },
  statistics: (settings) => [crumbThresholds(), ...rescaleStatistics(settings, magnitudesOf(crumbs))],
  ignores: weighsNothing,
  survivors: crumbs,
  combine: (context) => weightedSum(context, crumbs, rescaleFactors(context)),
};

export const breadcrumbsTies: Method = {
  ...breadcrumbs,
  name: 'breadcrumbs_ties',
  title: 'Model Breadcrumbs with sign election',
  equation: 'θ = θ₀ + λ Σ_{i∈A} wᵢ (mᵢ ⊙ τᵢ),  A = {i : sign agrees with the sum}',
  summary: 'The middle of each task vector, merged where the experts agree on a sign.',
  elsewhere: { mergekit: 'as breadcrumbs' },
  parameters: [...parameters, zeroSignParameter],
  statistics: (settings) => [
    ...breadcrumbs.statistics(settings),
    ...electionStatistics(settings, crumbs, rescaleFactors),
  ],
  combine: (context) => elect(context, crumbs, rescaleFactors(context)),
};
