/** Names of models for others to read: output folders get published, and folders of this machine must not be. */

import type { Plan } from '../plan/plan.js';
import type { Recipe } from '../recipe/recipe.js';

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

/** A reference as it may be published: absolute paths are cut down, relative ones stay. */
export function withoutMachinePath(reference: string): string {
  return MACHINE_PATH.test(reference) ? publicName(reference) : reference;
}

/** Recipe text in which absolute paths (of models, or of the output) are cut down to their last part. */
export function withoutMachinePaths(text: string, references: readonly string[]): string {
  const longestFirst = [...references].sort((a, b) => b.length - a.length);
  return longestFirst.reduce((result, reference) => result.replaceAll(reference, withoutMachinePath(reference)), text);
}

/** A recipe's text as it may be published. */
export function publicRecipe({ text, base, bases, models, output }: Recipe): string {
  const references = [base, ...bases, ...models.map(({ reference }) => reference)].flatMap(
    (reference) => reference?.text ?? [],
  );
  return withoutMachinePaths(text, output === undefined ? references : [...references, output]);
}

/** A plan as it may be published. */
export function publicPlan(plan: Plan): Plan {
  return {
    ...plan,
    inputs: plan.inputs.map((input) => ({ ...input, reference: withoutMachinePath(input.reference) })),
  };
}
