/** What a plan says of its inputs. */
import type { Recipe } from '../recipe/recipe.js';
import { subtractedBases } from '../recipe/subtracted-bases.js';
import type { PlanModels } from './drafts.js';
import type { PlanInput } from './plan.js';
import type { PlanModel } from './plan-models.js';

export function describeInput(input: PlanModel, recipe: Recipe, participants: PlanModels): PlanInput {
  const { name, checkpoint } = input;
  const files = checkpoint.files.map((file) => ({
    name: file.name,
    byteLength: file.byteLength,
    headerSha256: file.headerSha256,
  }));
  const { hub } = checkpoint;
  const adapterHub = checkpoint.files.find((file) => file.hub !== undefined && file.hub !== hub)?.hub;
  return {
    reference: name,
    role: roleOf(input, recipe, participants),
    ...(hub === undefined ? {} : { hub: hub.origin }),
    ...(adapterHub === undefined ? {} : { adapterHub: adapterHub.origin }),
    files,
  };
}

function roleOf(input: PlanModel, recipe: Recipe, { bases, models }: PlanModels): PlanInput['role'] {
  const base = bases.indexOf(input);
  if (base < 0) return models.includes(input) ? 'model' : 'donor';
  const isNamed = recipe.bases[base]!.text === recipe.base?.text;
  return isNamed || subtractedBases(recipe).has(base) ? 'base' : 'copied';
}
