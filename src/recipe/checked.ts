/** What programs pass where a recipe is meant, told before anything is begun. */
import { M2MergeError } from '../errors.js';
import type { Recipe } from './recipe.js';

/** Throws `usage` for what `loadRecipe` and `parseRecipe` never give. */
export function checkRecipe(recipe: Recipe): void {
  const given: unknown = recipe;
  if (typeof given === 'object' && given !== null && 'bases' in given && 'models' in given && 'modules' in given)
    return;
  const found = given instanceof Promise ? 'a promise' : given === null ? 'null' : `a value of type ${typeof given}`;
  const message = `expected a recipe, found ${found}`;
  throw new M2MergeError('usage', { message, hint: 'await loadRecipe(path), or parseRecipe(text)' });
}
