/** A word that was meant as a command and taken for a recipe, since merging needs no command. */
import { isM2MergeError, M2MergeError } from '../errors.js';
import { nearestName } from '../recipe/nearest.js';

/** The error, or one of usage where the recipe that is missing looks like a command. */
export function withCommandMeant(error: unknown, recipe: string, commands: readonly string[]): unknown {
  if (!isM2MergeError(error, 'recipe-missing') || error.facts.path !== recipe) return error;
  const hint = hintFor(recipe, commands);
  return hint === undefined ? error : new M2MergeError('usage', { message: error.message, hint }, { cause: error });
}

function hintFor(word: string, commands: readonly string[]): string | undefined {
  if (word === 'merge') return 'merging needs no command: m2merge recipe.yaml';
  const nearest = nearestName(word, commands);
  return nearest === undefined ? undefined : `did you mean the command "${nearest}"?`;
}
