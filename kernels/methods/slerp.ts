/** SLERP: walk along the great circle from the base to a model. */
import { combination } from '../consensus/combination.js';
import type { Method } from '../method.js';
import { numberOf } from '../parameters.js';
import { dot, type Gram, gramStatistic } from '../statistics/gram.js';

const PRODUCTS = 'products';

/** Cosines beyond this are interpolated on a line (mergekit's constant). */
const NEARLY_PARALLEL = 0.9995;

/** Norms up to this are not divided by (mergekit's constant). */
const SMALLEST_NORM = 1e-8;

export const slerp: Method = {
  name: 'slerp',
  title: 'Spherical interpolation (SLERP)',
  equation: 'θ = sin((1−t)φ)/sin φ · θ₀ + sin(tφ)/sin φ · θ₁,  φ = ∠(θ₀, θ₁)',
  summary: 'Goes from the base (t = 0) to one model (t = 1) along the arc between them, tensor by tensor.',
  space: 'taskVectors',
  operandCount: { minimum: 1, maximum: 1 },
  commonRows: true,
  copiesAlone: true,
  parameters: [
    { name: 't', scope: 'merge', kind: 'number', summary: 'where on the arc the result lies: 0 the base, 1 the model' },
  ],
  elsewhere: {
    mergekit:
      'the same in f32; a model whose tensor is thousands of times shorter than the base’s loses digits to the difference of the two (1e-5 at 10⁴)',
  },
  presets: { mergekit: {} },
  statistics: () => [gramStatistic(PRODUCTS, true)],
  ignores: () => false,
  combine: (context) => {
    const t = numberOf(context.merge.settings, 't');
    return combination(context, arcCoefficients(context.statistics[PRODUCTS] as Gram, t));
  },
};

/** Coefficients of base and task vector, from the products of those: s₀θ₀ + s₁(θ₀ + τ) − θ₀. */
function arcCoefficients(gram: Gram, t: number): [ofBase: number, ofTaskVector: number] {
  const [ofBase, mixed, ofTaskVector] = [dot(gram, 0, 0), dot(gram, 0, 1), dot(gram, 1, 1)];
  const norms = [ofBase, ofBase + 2 * mixed + ofTaskVector].map((square) => Math.sqrt(Math.max(0, square)));
  const [divisor, other] = norms.map((norm) => (norm > SMALLEST_NORM ? norm : 1));
  const cosine = (ofBase + mixed) / (divisor! * other!);
  if (Math.abs(cosine) > NEARLY_PARALLEL) return [0, t];
  const angle = Math.acos(cosine);
  const ofModel = Math.sin(t * angle) / Math.sin(angle);
  return [Math.sin((1 - t) * angle) / Math.sin(angle) + ofModel - 1, ofModel];
}
