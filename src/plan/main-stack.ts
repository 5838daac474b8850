/** Which layers of a model a slice means, when it has several stacks of them. */
import { M2MergeError } from '../errors.js';
import type { Recipe, RecipeModule } from '../recipe/recipe.js';
import type { LayerStack } from './model-tensors.js';
import { joinsParts, type ModuleRegion } from './module-regions.js';
import type { PlanModel } from './plan-models.js';

/** Keys of a config that give a number of layers. */
export const LAYER_COUNT_KEYS: readonly string[] = [
  'num_hidden_layers',
  'n_layer',
  'n_layers',
  'num_layers',
  'decoder_layers',
  'num_decoder_layers',
  'encoder_layers',
  'num_encoder_layers',
  'num_transformer_layers',
  'depth',
];

/**
 * The stack that slices of a module are cut from: the only one, or of several the only one with more than one layer
 * (beside it stand layers for predicting several tokens, and what joins it to another part). Throws `recipe-invalid`.
 */
export function mainStack(recipe: Recipe, module: RecipeModule, model: PlanModel, region: ModuleRegion): LayerStack {
  const owned = [...model.layout.stacks.values()].filter(({ prefix }) => region.ownsStack(prefix));
  const apart = owned.filter(({ prefix }) => !joinsParts(prefix));
  const stacks = apart.length === 0 ? owned : apart;
  const deep = stacks.filter(({ count }) => count > 1);
  const [only, ...others] = deep.length === 0 ? stacks : deep;
  if (only !== undefined && others.length === 0) return only;
  const name = JSON.stringify(model.name);
  const message =
    only === undefined
      ? `${name} has no layers to cut slices from`
      : `${name} has several stacks of layers: ${stacks.map(({ prefix }) => prefix).join(', ')}`;
  const hint = only === undefined ? 'merge whole models with "models"' : 'say which is meant with "modules"';
  const path = module.path === '' ? 'slices' : module.path;
  throw new M2MergeError('recipe-invalid', {
    file: recipe.file,
    problems: [{ ...module.position, path, message, hint }],
  });
}
