/** Model Stock: the mean of the models, pulled towards the base by the angle between them. */
import { combination, rowCombination } from '../consensus/combination.js';
import type { Method } from '../method.js';
import { flagOf } from '../parameters.js';
import { dot, type Gram, gramStatistic, norm } from '../statistics/gram.js';

const PRODUCTS = 'products';

/** Products of norms count as at least this (mergekit's constant). */
const SMALLEST_NORM_PRODUCT = 1e-6;

/** Nearer to the pole of t than this, it is the rounding of f32 differences that t would be made of. */
const SMALLEST_DIVISOR = 1e-6;

export const modelStock: Method = {
  name: 'model_stock',
  title: 'Model Stock',
  paper: 'arXiv:2403.19522',
  equation: 'θ = θ₀ + t · mean τᵢ,  t = N c / (1 + (N−1) c),  c = mean cos(τᵢ, τⱼ)',
  summary: 'Averages fine-tunes of one task; with near-orthogonal RL experts t goes to 0, so little of them is left.',
  space: 'taskVectors',
  operandCount: { minimum: 2 },
  commonRows: true,
  parameters: [
    {
      name: 'filter_wise',
      scope: 'merge',
      kind: 'boolean',
      default: false,
      summary: 'measure the angle for each row instead of each tensor',
    },
  ],
  elsewhere: {
    mergekit: 'the same; a mean cosine of −1/(N−1) divides by zero there and gives the base here',
  },
  presets: { mergekit: {} },
  statistics: (settings) => (flagOf(settings, 'filter_wise') ? [] : [gramStatistic(PRODUCTS)]),
  ignores: () => false,
  wholeRows: (settings) => flagOf(settings, 'filter_wise'),
  combine: (context) =>
    flagOf(context.merge.settings, 'filter_wise')
      ? rowCombination(context, stockCoefficients)
      : combination(context, stockCoefficients(context.statistics[PRODUCTS] as Gram)),
};

function stockCoefficients(gram: Gram): readonly number[] {
  const { size } = gram;
  let sum = 0;
  for (let i = 0; i < size; i++) {
    for (let j = i + 1; j < size; j++) {
      const cosine = dot(gram, i, j) / Math.max(norm(gram, i) * norm(gram, j), SMALLEST_NORM_PRODUCT);
      sum += Math.min(1, Math.max(-1, cosine));
    }
  }
  const mean = sum / ((size * (size - 1)) / 2);
  // Vectors that cancel (mean cosine −1/(N−1)) have no mean to move to.
  const divisor = 1 + (size - 1) * mean;
  const t = Math.abs(divisor) < SMALLEST_DIVISOR ? 0 : (size * mean) / divisor;
  return Array.from({ length: size }, () => t / size);
}
