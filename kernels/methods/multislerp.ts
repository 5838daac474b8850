/** Multi-SLERP: the direction between many models, at their mean length. */
import { combination } from '../consensus/combination.js';
import type { Method } from '../method.js';
import { weightsOf } from '../operand-table.js';
import { flagOf, numberOf } from '../parameters.js';
import { dot, type Gram, gramStatistic, norm } from '../statistics/gram.js';
import type { TensorMerge } from '../unit.js';
import { directionWeightParameter } from './common-parameters.js';

const PRODUCTS = 'products';

/** What is left of directions that cancel up to the rounding of f32, as a share of their weights: it points nowhere. */
const LEFT_BY_ROUNDING = 1e-6;

export const multislerp: Method = {
  name: 'multislerp',
  title: 'Multi-SLERP',
  equation: 'm · Σ wᵢ‖xᵢ‖,  m = Σ wᵢuᵢ / ‖Σ wᵢuᵢ‖,  uᵢ = xᵢ/‖xᵢ‖;  x = θ, or τ with a base',
  summary: 'A spherical average of any number of models: the mean direction at the mean length, tensor by tensor.',
  space: 'either',
  parameters: [
    directionWeightParameter,
    {
      name: 'normalize_weights',
      scope: 'merge',
      kind: 'boolean',
      default: true,
      summary: 'divide the weights by their sum',
    },
    {
      name: 'eps',
      scope: 'merge',
      kind: 'number',
      default: 1e-8,
      minimum: 0,
      summary: 'lengths of directions below this count as none',
    },
  ],
  elsewhere: {
    mergekit:
      'the same up to rounding; three or more vectors that cancel abort the merge there, so with a base any tensor that no model changed; here what cancels, up to the rounding of f32, gives its weighted sum',
  },
  presets: { mergekit: {} },
  statistics: () => [gramStatistic(PRODUCTS)],
  ignores: () => false,
  check(tensors) {
    const divided = tensors.filter(({ settings }) => flagOf(settings, 'normalize_weights'));
    const isHopeless = divided.some((tensor) => weightsOf(tensor).reduce((sum, weight) => sum + weight, 0) === 0);
    return isHopeless
      ? 'the weights add up to 0, so they cannot be normalized (set normalize_weights: false)'
      : undefined;
  },
  combine: (context) =>
    combination(context, directionCoefficients(context.merge, context.statistics[PRODUCTS] as Gram)),
};

/**
 * mergekit then moves along the sphere by the weighted sum of the tangents uᵢ − ⟨uᵢ,m⟩m. As m is the direction of Σ wᵢuᵢ,
 * that sum is zero, and what it computes is rounding; only the step of `eps` along the sphere remains of it.
 */
function directionCoefficients(merge: TensorMerge, gram: Gram): readonly number[] {
  const given = weightsOf(merge);
  const sum = given.reduce((total, weight) => total + weight, 0);
  const weights = flagOf(merge.settings, 'normalize_weights') ? given.map((weight) => weight / sum) : given;
  if (weights.length === 1) return [1];
  const eps = numberOf(merge.settings, 'eps');
  const ofUnits = weights.map((weight, i) => weight / (norm(gram, i) + eps || 1));
  const square = ofUnits.reduce(
    (total, a, i) => total + ofUnits.reduce((inner, b, j) => inner + a * b * dot(gram, i, j), 0),
    0,
  );
  const length = Math.sqrt(Math.max(0, square));
  const longest = weights.reduce((total, weight) => total + Math.abs(weight), 0);
  // Directions that cancel have no mean: then a plain weighted sum, as mergekit does with two models.
  if (length <= LEFT_BY_ROUNDING * longest || length < eps) return weights;
  const scale = Math.cos(eps) * weights.reduce((total, weight, i) => total + weight * norm(gram, i), 0);
  return ofUnits.map((coefficient) => (coefficient * scale) / length);
}
