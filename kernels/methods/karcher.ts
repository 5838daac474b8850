/** Karcher mean: the point on the sphere nearest to all models. */
import { combination } from '../consensus/combination.js';
import type { Method } from '../method.js';
import { numberOf, type Settings } from '../parameters.js';
import { dot, type Gram, gramStatistic, norm } from '../statistics/gram.js';

const PRODUCTS = 'products';

/** A model in the direction opposite to the centre pulls every way alike, so nowhere. */
const SMALLEST_SINE = 1e-7;

/** Radians; shorter steps are the rounding of the doubles that they are worked out in, and would never end. */
const SMALLEST_STRIDE = 8 * Number.EPSILON;

export const karcher: Method = {
  name: 'karcher',
  title: 'Karcher mean (Riemannian centre of mass)',
  paper: 'arXiv:2603.04972',
  equation: 'θ = mean‖θᵢ‖ · argmin_{u ∈ S} Σ ∠(u, θᵢ)²',
  summary: 'The centre of the models’ directions on the sphere, at their mean length, tensor by tensor.',
  space: 'weights',
  parameters: [
    {
      name: 'max_iter',
      scope: 'merge',
      kind: 'number',
      default: 10,
      minimum: 1,
      summary: 'steps towards the centre at most',
    },
    {
      name: 'tol',
      scope: 'merge',
      kind: 'number',
      default: 1e-5,
      minimum: 0,
      summary: 'length of a step below which the centre is reached, radians; shorter tensors count as zeros',
    },
  ],
  elsewhere: {
    mergekit:
      'the same with cosines in f32, so agreement ends at about 1e-4, and at 1e-3 of nearly parallel models, whose angles are its rounding; a base that is named is averaged in',
  },
  presets: { mergekit: {} },
  statistics: () => [gramStatistic(PRODUCTS)],
  ignores: () => false,
  combine: (context) =>
    combination(context, centreCoefficients(context.statistics[PRODUCTS] as Gram, context.merge.settings)),
};

/** Every iterate is a combination of the models, so the iteration runs on coefficients and never on weights. */
function centreCoefficients(gram: Gram, settings: Settings): readonly number[] {
  if (gram.size === 1) return [1];
  const norms = Array.from({ length: gram.size }, (_, i) => norm(gram, i));
  const tolerance = numberOf(settings, 'tol');
  // Vectors as short as the tolerance have no direction, but count in the mean length (as in mergekit).
  const directed = norms.flatMap((length, i) => (length > tolerance ? [i] : []));
  if (directed.length === 0) return norms.map(() => 0);
  const cosines = directed.map((i) => directed.map((j) => dot(gram, i, j) / (norms[i]! * norms[j]!)));
  const centre = centreOfDirections(cosines, numberOf(settings, 'max_iter'), tolerance);
  const meanLength = norms.reduce((sum, length) => sum + length, 0) / norms.length;
  return norms.map((length, i) => {
    const place = directed.indexOf(i);
    return place < 0 ? 0 : (meanLength * centre[place]!) / length;
  });
}

/** Coefficients of unit vectors with these inner products: gradient steps along the sphere from their mean direction. */
function centreOfDirections(cosines: readonly (readonly number[])[], steps: number, tolerance: number): number[] {
  const product = (a: readonly number[], b: readonly number[]): number =>
    a.reduce((sum, x, i) => sum + x * b.reduce((inner, y, j) => inner + y * cosines[i]![j]!, 0), 0);
  const length = (a: readonly number[]): number => Math.sqrt(Math.max(0, product(a, a)));
  const only = (i: number): number[] => cosines.map((_, j) => (i === j ? 1 : 0));
  const share = 1 / cosines.length;
  const start = cosines.map(() => share);
  let centre = length(start) < tolerance ? only(0) : start.map((x) => x / length(start));
  for (let step = 0; step < steps; step++) {
    const tangent = cosines.map(() => 0);
    for (let i = 0; i < cosines.length; i++) {
      const cosine = Math.min(1, Math.max(-1, product(centre, only(i))));
      const angle = Math.acos(cosine);
      const sine = Math.sin(angle);
      if (angle < tolerance || sine < SMALLEST_SINE) continue;
      const pull = (share * angle) / sine;
      for (let j = 0; j < tangent.length; j++) tangent[j]! += pull * ((i === j ? 1 : 0) - cosine * centre[j]!);
    }
    const stride = length(tangent);
    if (stride < Math.max(tolerance, SMALLEST_STRIDE)) break;
    centre = centre.map((x, i) => Math.cos(stride) * x + (Math.sin(stride) * tangent[i]!) / stride);
    const norm = length(centre);
    if (norm > tolerance) centre = centre.map((x) => x / norm);
  }
  return centre;
}
