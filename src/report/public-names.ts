/** Names of models for others to read: output folders get published, and folders of this machine must not be. */

import type { Plan, PlanInput } from '../plan/plan.js';
import { referencesOf } from '../recipe/documents.js';
import type { Recipe } from '../recipe/recipe.js';
import { withoutPrivateText } from './private-text.js';

/** Paths that say where on this machine something lies. */
const MACHINE_PATH = /^([\\/~]|[A-Za-z]:)/;

/** The last part of a path. */
export function publicName(reference: string): string {
  return (
    reference
      .replace(/[\\/]+$/, '')
      .split(/[\\/]/)
      .at(-1) || reference
  );
}

/** A reference as it may be published: absolute paths are cut down, of model and adapter alike; relative ones stay. */
function withoutMachinePath(reference: string): string {
  const parts = reference.split('+').map((part) => (MACHINE_PATH.test(part) ? publicName(part) : part));
  return parts.join('+');
}

/** Recipe text in which absolute paths (of models, or of the output) are cut down to their last part. */
export function withoutMachinePaths(text: string, references: readonly string[]): string {
  return replaceEach(text, references, withoutMachinePath);
}

/** A recipe's text as it may be published. */
export function publicRecipe({ text, output, chatTemplate, ...recipe }: Recipe): string {
  // A mapping does not hold the reference's text, but its parts.
  const written = referencesOf(recipe).flatMap(({ text, path, adapter }) => [text, path, adapter?.path ?? []].flat());
  const template = typeof chatTemplate === 'object' && 'file' in chatTemplate ? [chatTemplate.file] : [];
  const paths = [...written, ...template, ...(output === undefined ? [] : [output])];
  return withoutPrivateText(withoutMachinePaths(text, paths));
}

/** A recipe's text as a model card shows it: of what is not on the Hub, the last part of its path alone. */
export function recipeOfCard(recipe: Recipe, { inputs }: Plan): string {
  const byReference = new Map(inputs.map((input) => [input.reference, input]));
  const local = referencesOf(recipe).flatMap(({ text, path, adapter }) => {
    const input = byReference.get(text);
    // Whose tokenizer alone is taken is no input; it stays as it is written.
    if (input === undefined) return [];
    const ofModel = input.hub === undefined ? [path] : [];
    return adapter === undefined || input.adapterHub !== undefined ? ofModel : [...ofModel, adapter.path];
  });
  const { output } = recipe;
  return replaceEach(publicRecipe(recipe), output === undefined ? local : [...local, output], publicName);
}

/** A plan as it may be published. */
export function publicPlan(plan: Plan): Plan {
  return {
    ...plan,
    inputs: plan.inputs.map((input) => ({ ...input, reference: withoutMachinePath(input.reference) })),
  };
}

/** An input as a model card calls it: repositories on the Hub by their ids, anything else by the last part of its path. */
export function nameOfInput(input: PlanInput): string {
  return namesOfInput(input).join(' + ');
}

/** What an input is put together of, its model and its adapter if it has one, as a model card calls them. */
export function namesOfInput({ reference, hub, adapterHub }: PlanInput): string[] {
  const [model = '', adapter] = reference.split('+');
  const own = hub?.repo ?? publicName(model);
  return adapter === undefined ? [own] : [own, adapterHub?.repo ?? publicName(adapter)];
}

/** In one go, so that a short reference is not looked for inside of a longer one that stays. */
function replaceEach(text: string, references: readonly string[], replace: (reference: string) => string): string {
  const longestFirst = [...new Set(references)].filter(Boolean).sort((a, b) => b.length - a.length);
  const any = longestFirst.map((reference) => reference.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&')).join('|');
  return any === '' ? text : text.replace(new RegExp(any, 'g'), (reference) => replace(reference));
}
