/** What methods on the singular vectors of matrices have in common: a way round, for what is no matrix or too large. */
import { combination } from '../consensus/combination.js';
import { type BooleanParameter, flagOf, numberOf, type Settings } from '../parameters.js';
import type { Combine, TensorMerge, UnitContext } from '../unit.js';

/** The parameter; `others` says who else does without. */
export const decomposeParameter = (others: string): BooleanParameter => ({
  name: 'decompose',
  scope: 'merge',
  kind: 'boolean',
  default: true,
  summary: `false: the mean, as for vectors; ${others}`,
});

export const decomposes = (settings: Settings): boolean => flagOf(settings, 'decompose');

export const isMatrixToDecompose = (settings: Settings, shape: readonly number[]): boolean =>
  shape.length === 2 && decomposes(settings);

export const isDecomposed = ({ shape, settings }: TensorMerge): boolean => isMatrixToDecompose(settings, shape);

/** λ · mean τᵢ. */
export function scaledMean(context: UnitContext): Combine {
  const { operands, settings } = context.merge;
  return combination(
    context,
    operands.map(() => numberOf(settings, 'lambda') / operands.length),
  );
}
