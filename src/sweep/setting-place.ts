/** Where in a recipe a setting of a sweep goes. */
import { basename } from 'node:path';
import { FRONT } from '../../kernels/methods/in-front.js';
import { didYouMean } from '../recipe/shapes.js';
import type { RecipeTree } from './recipe-tree.js';

export type TreePath = readonly (string | number)[];

/** Keys of a recipe that a sweep can vary beside parameters. */
const TOP_LEVEL = ['merge_method', 'preset', 'seed', 'rounding', 'dtype', 'out_dtype', 'base_model'];

/** What drops elements in front of a method: a mapping of its own, and the beginning of its parameters' names. */
const SPARSIFY = 'sparsify';
export const FRONT_METHOD = `${FRONT}method`;

export interface SettingPlace {
  readonly path: TreePath;
  /** The parameter that a method has or has not; undefined for keys of the recipe, which go with any. */
  readonly parameter?: string;
}

type Found = SettingPlace | { readonly problem: string; readonly hint?: string | undefined };

/**
 * `lambda` and `parameters.lambda` are parameters of the recipe, `models.code.weight` one of the model whose folder is
 * called code (or that is written so), `sparsify` and `sparsify.density` what stands in front of the method and a part of
 * it, and `merge_method` and its like keys of the recipe.
 */
export function settingPlace(setting: string, tree: RecipeTree): Found {
  if (TOP_LEVEL.includes(setting)) return { path: [setting] };
  if (setting.startsWith('models.')) return modelPlace(setting.slice('models.'.length), tree);
  const name = setting.replace(/^parameters\./, '');
  if (name === SPARSIFY) return { path: [...frontParent(tree), SPARSIFY], parameter: FRONT_METHOD };
  const parent = name.startsWith(FRONT) ? frontParent(tree) : ['parameters'];
  return { path: [...parent, ...steps(name)], parameter: name };
}

/** What a recipe says of what drops elements in front of its method, wherever it does; undefined where nothing does. */
export function frontOf(tree: RecipeTree): unknown {
  const { sparsify, parameters } = tree;
  if (isGiven(sparsify)) return sparsify;
  return frontParent(tree).length === 0 ? undefined : (parameters as Record<string, unknown>)[SPARSIFY];
}

/** The mapping that holds `sparsify`: the recipe, unless it is written among the parameters. */
function frontParent({ parameters }: RecipeTree): TreePath {
  const isMapping = typeof parameters === 'object' && parameters !== null;
  return isMapping && isGiven((parameters as Record<string, unknown>)[SPARSIFY]) ? ['parameters'] : [];
}

/** A key without a value says nothing. */
const isGiven = (value: unknown): boolean => value !== undefined && value !== null;

/** `sparsify.density` is `density` in the mapping `sparsify`; any other name is one key. */
const steps = (name: string): string[] => (name.startsWith(FRONT) ? [SPARSIFY, name.slice(FRONT.length)] : [name]);

function modelPlace(setting: string, tree: RecipeTree): Found {
  const front = setting.lastIndexOf(`.${FRONT}`);
  const dot = front >= 0 ? front : setting.lastIndexOf('.');
  const models = Array.isArray(tree.models) ? tree.models : [];
  const references = models.map(referenceOf);
  const names = references.map((reference) => basename(reference));
  if (dot <= 0) return { problem: 'names no parameter of a model', hint: 'write models.<folder>.<parameter>' };
  const wanted = setting.slice(0, dot);
  const bases = references.map((reference) => basename(reference.replace(/\+.*$/s, '')));
  const spellings = [names, references.map(repositoryName), references, bases];
  const meant = spellings.map((known) => indicesOf(known, wanted)).find(({ length }) => length > 0) ?? [];
  const parameter = setting.slice(dot + 1);
  if (meant.length > 1) {
    const hint = `write models.${references[meant[0]!]}.${parameter}, or what else the recipe calls it`;
    return { problem: `there are ${meant.length} models "${wanted}" in the recipe`, hint };
  }
  if (meant.length === 1) return { path: ['models', meant[0]!, 'parameters', ...steps(parameter)], parameter };
  const known = `models: ${names.join(', ')}`;
  return { problem: `there is no model "${wanted}" in the recipe`, hint: didYouMean(wanted, names) ?? known };
}

const indicesOf = (names: readonly string[], wanted: string): number[] =>
  names.flatMap((name, index) => (name === wanted ? [index] : []));

/** What a repository on the Hub is called without its owner and revision. */
const repositoryName = (reference: string): string => basename(reference.replace(/@[^+]*/g, ''));

/** A model is text, or a mapping whose innermost `model` or `path` is, with its adapter behind it. */
function referenceOf(model: unknown): string {
  if (typeof model === 'string') return model;
  if (typeof model !== 'object' || model === null) return '';
  const { model: inner, path, lora } = model as { model?: unknown; path?: unknown; lora?: unknown };
  const reference = referenceOf(inner ?? path);
  return lora === undefined || lora === null ? reference : `${reference}+${referenceOf(lora)}`;
}
