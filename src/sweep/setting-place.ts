/** Where in a recipe a setting of a sweep goes. */
import { basename } from 'node:path';
import { didYouMean } from '../recipe/shapes.js';
import type { RecipeTree } from './recipe-tree.js';

export type TreePath = readonly (string | number)[];

/** Keys of a recipe that a sweep can vary beside parameters. */
const TOP_LEVEL = ['merge_method', 'preset', 'seed', 'rounding', 'dtype', 'out_dtype', 'base_model'];

type Place = { readonly path: TreePath } | { readonly problem: string; readonly hint?: string | undefined };

/**
 * `lambda` and `parameters.lambda` are parameters of the recipe, `models.code.weight` one of the model whose folder is
 * called code (or that is written so), and `merge_method` and its like keys of the recipe.
 */
export function settingPlace(setting: string, tree: RecipeTree): Place {
  if (TOP_LEVEL.includes(setting)) return { path: [setting] };
  if (setting.startsWith('models.')) return modelPlace(setting.slice('models.'.length), tree);
  return { path: ['parameters', setting.replace(/^parameters\./, '')] };
}

function modelPlace(setting: string, tree: RecipeTree): Place {
  const dot = setting.lastIndexOf('.');
  const wanted = setting.slice(0, dot);
  const models = Array.isArray(tree.models) ? tree.models : [];
  const references = models.map(referenceOf);
  const names = references.map((reference) => basename(reference));
  const index = names.includes(wanted) ? names.indexOf(wanted) : references.indexOf(wanted);
  if (dot > 0 && index >= 0) return { path: ['models', index, 'parameters', setting.slice(dot + 1)] };
  const known = `models: ${names.join(', ')}`;
  return { problem: `there is no model "${wanted}" in the recipe`, hint: didYouMean(wanted, names) ?? known };
}

/** A model is text, or a mapping whose innermost `model` or `path` is. */
function referenceOf(model: unknown): string {
  if (typeof model === 'string') return model;
  if (typeof model !== 'object' || model === null) return '';
  const { model: inner, path } = model as { model?: unknown; path?: unknown };
  return referenceOf(inner ?? path);
}
