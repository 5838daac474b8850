/** Which of a recipe's bases are subtracted from something. */
import type { Recipe } from './recipe.js';

/** Indices into `bases`. Those of slices without sources are not among them: such slices are copies. */
export function subtractedBases({ modules }: Pick<Recipe, 'modules'>): ReadonlySet<number> {
  const slices = modules.flatMap((module) => module.slices);
  return new Set(
    slices.flatMap(({ base, sources }) => (base === undefined || sources.length === 0 ? [] : [base.base])),
  );
}
