/** A recipe and what to try, as the recipes of single merges. */
import { createHash } from 'node:crypto';
import { FRONT } from '../../kernels/methods/in-front.js';
import { findMethod, PARAMETER_NAMES } from '../../kernels/methods/registry.js';
import { PARAMETERS_OF_SPARSIFIERS, SPARSIFIERS, type SparsifierName } from '../../kernels/sparsify/sparsifiers.js';
import { COMMAND_LINE, M2MergeError } from '../errors.js';
import { quote } from '../recipe/findings.js';
import { parseRecipe, type RecipeOrigin } from '../recipe/parse.js';
import type { Position } from '../recipe/position.js';
import type { Recipe } from '../recipe/recipe.js';
import { didYouMean } from '../recipe/shapes.js';
import type { Plain, SweepSection } from '../recipe/sweep-keys.js';
import { combinations, type Setting } from './combinations.js';
import { type RecipeTree, readTree, writeTree } from './recipe-tree.js';
import type { SettingTexts } from './result.js';
import { FRONT_METHOD, frontOf, type SettingPlace, settingPlace, type TreePath } from './setting-place.js';
import { OriginalPositions } from './variant-positions.js';

/** Variants of one sweep. Each is a folder and a row; a table of more is read by nobody. */
const MAX_VARIANTS = 10_000;

/** Characters of a variant's name: with the folder's prefix, well below what file systems take. */
const LONGEST_NAME = 80;

/** Hex digits of a variant's identity: collisions among 10,000 are out of the question. */
const ID_DIGITS = 16;

/** One merge of a sweep. */
export interface SweepVariant {
  /** Unique in the sweep, and fit to name a folder. */
  readonly name: string;
  /** Hex digest of the recipe. */
  readonly id: string;
  readonly settings: SettingTexts;
  /** The whole recipe of this variant: what a single merge of it would be given. */
  readonly recipeText: string;
  readonly recipe: Recipe;
}

/**
 * Expands a sweep, in the order in which it is written. Settings that a variant's method does not have are left out of
 * it, and variants that then are the same are one. Throws `recipe-invalid`, with the variant's settings where the
 * problem is in one.
 */
export function expandSweep(text: string, origin: RecipeOrigin, section: SweepSection): SweepVariant[] {
  const file = origin.file ?? '<recipe>';
  const ranged = section.sample === undefined && section.axes.find(({ values }) => !Array.isArray(values));
  if (ranged) {
    const message = `${ranged.setting} is a range, which has no combinations`;
    reject(file, ranged.position, 'sweep.parameters', message, 'say how many with sample: {n: …}, or use --ask-tell');
  }
  const choices = combinations(section, MAX_VARIANTS);
  if (choices === undefined) {
    return reject(
      file,
      { line: 1, column: 1 },
      'sweep',
      `the sweep has more than ${MAX_VARIANTS} variants`,
      'draw a sample',
    );
  }
  const { variants, used } = expandChoices(text, origin, choices);
  const idle = choices.flat().find(({ setting }) => !used.has(setting));
  if (idle !== undefined) {
    const hint = nearestParameter(placeOf(idle, readTree(text), file).parameter);
    const message = `no method of the sweep has the parameter "${idle.setting}"`;
    reject(file, idle.position, `sweep.${idle.setting}`, message, hint);
  }
  return variants;
}

/**
 * Expands settings that are chosen one by one; `used` are those that the method of some variant has. One that no method at
 * all has is a mistake, thrown as `recipe-invalid` where `strict`.
 */
export function expandChoices(
  text: string,
  origin: RecipeOrigin,
  choices: readonly (readonly Setting[])[],
  strict = false,
): { readonly variants: SweepVariant[]; readonly used: ReadonlySet<string> } {
  const file = origin.file ?? '<recipe>';
  const tree = readTree(text);
  const originals = new OriginalPositions(text, file);
  const used = new Set<string>();
  const variants = new Map<string, SweepVariant>();
  for (const settings of choices) {
    if (strict) checkKnown(settings, tree, file);
    const { text: recipeText, applied } = apply(tree, settings, file);
    for (const { setting } of applied) used.add(setting);
    const id = createHash('sha256').update(recipeText).digest('hex').slice(0, ID_DIGITS);
    if (variants.has(id)) continue;
    const texts = Object.fromEntries(applied.map(({ setting, value }) => [setting, valueText(value)]));
    const variantFile = `${file} (${describeSettings(texts)})`;
    const placed = applied.map((setting) => ({ ...setting, path: setting.place.path }));
    const read = parseRecipe(recipeText, { ...origin, file: variantFile }, (made) => originals.of(made, placed));
    const recipe = { ...read, file };
    variants.set(id, { name: nameOf(texts, id), id, settings: texts, recipeText, recipe });
  }
  return { variants: [...variants.values()], used };
}

function checkKnown(settings: readonly Setting[], tree: RecipeTree, file: string): void {
  for (const setting of settings) {
    const { parameter } = placeOf(setting, tree, file);
    if (parameter === undefined || PARAMETER_NAMES.has(parameter)) continue;
    const message = `no method has the parameter ${quote(parameter)}`;
    reject(file, setting.position, `sweep.${setting.setting}`, message, nearestParameter(parameter));
  }
}

/** What a parameter that no method has was meant to be. */
const nearestParameter = (name: string | undefined): string | undefined =>
  name === undefined || PARAMETER_NAMES.has(name) ? undefined : didYouMean(name, PARAMETER_NAMES);

type PlacedSetting = Setting & { readonly place: SettingPlace };

/** Settings with their places. One that another sets as well would be shown and not be true. */
function placeAll(settings: readonly Setting[], tree: RecipeTree, file: string): PlacedSetting[] {
  const taken = new Map<string, string>();
  return settings.map((setting) => {
    const place = placeOf(setting, tree, file);
    const path = JSON.stringify(place.path);
    const other = taken.get(path);
    if (other !== undefined) {
      const message = other === setting.setting ? 'is set twice' : `sets the same as "${other}"`;
      reject(file, setting.position, `sweep.${setting.setting}`, message, 'a variant has one value of each setting');
    }
    taken.set(path, setting.setting);
    return { ...setting, place };
  });
}

/** The recipe with the settings that its method has. */
function apply(
  tree: RecipeTree,
  settings: readonly Setting[],
  file: string,
): { readonly text: string; readonly applied: readonly PlacedSetting[] } {
  const changed = structuredClone(tree);
  const places = placeAll(settings, changed, file);
  // The method first: it decides which parameters there are.
  for (const { place, value } of places) if (place.parameter === undefined) set(changed, place.path, value);
  const method = findMethod(String(changed.merge_method));
  const front = frontIn(changed, places);
  const isSparsified = front !== undefined && front !== null && front !== 'none';
  const sparsifier = sparsifierOf(front);
  const applied = places.filter(({ place: { parameter } }) => {
    if (parameter === undefined || method === undefined) return true;
    if (isPart({ place: { parameter } }) && !(isSparsified && readsPart(sparsifier, parameter))) return false;
    return method.parameters.some(({ name }) => name === parameter);
  });
  // What stands in front of the method before its parts, which go into it.
  const parts = applied.filter(isPart);
  for (const { place, value } of [...applied.filter((placed) => !isPart(placed)), ...parts]) {
    set(changed, place.path, value);
  }
  return { text: writeTree(changed), applied };
}

/** Whether a setting is one of what stands in front of the method, and not which that is. */
const isPart = ({ place: { parameter } }: { readonly place: Pick<SettingPlace, 'parameter'> }): boolean =>
  parameter !== undefined && parameter !== FRONT_METHOD && parameter.startsWith(FRONT);

/** What a variant says of what drops elements in front of its method; nothing, null or `none` where nothing does. */
function frontIn(
  tree: RecipeTree,
  places: readonly { readonly place: SettingPlace; readonly value: Plain }[],
): unknown {
  const chosen = places.findLast(({ place: { parameter } }) => parameter === FRONT_METHOD);
  return chosen === undefined ? frontOf(tree) : chosen.value;
}

/** The sparsifier that `sparsify` names; undefined where it differs between tensors. */
function sparsifierOf(front: unknown): SparsifierName | undefined {
  const isMapping = typeof front === 'object' && front !== null && !Array.isArray(front);
  const name = isMapping ? (front as { readonly method?: unknown }).method : front;
  return SPARSIFIERS.find((sparsifier) => sparsifier === name);
}

/** Whether a sparsifier has a parameter of its own for a part of `sparsify`. */
const readsPart = (sparsifier: SparsifierName | undefined, parameter: string): boolean =>
  sparsifier === undefined || PARAMETERS_OF_SPARSIFIERS[sparsifier].includes(parameter.slice(FRONT.length));

function placeOf({ setting, position }: Setting, tree: RecipeTree, file: string): SettingPlace {
  const place = settingPlace(setting, tree);
  if ('problem' in place) return reject(file, position, `sweep.${setting}`, place.problem, place.hint);
  return place;
}

function set(tree: RecipeTree, path: TreePath, value: Plain): void {
  let node = tree as Record<string | number, unknown>;
  for (const step of path.slice(0, -1)) {
    node[step] ??= {};
    node = node[step] as Record<string | number, unknown>;
  }
  if (value === null) delete node[path.at(-1)!];
  // A copy: settings of its parts go into it, and other variants have the same value.
  else node[path.at(-1)!] = structuredClone(value);
}

/** Settings as `lambda=0.3 density=0.2`. */
export function describeSettings(settings: SettingTexts): string {
  return Object.entries(settings)
    .map(([setting, value]) => `${setting}=${value}`)
    .join(' ');
}

/** A key that is taken away is written as recipes have it: `none` is a value of several settings. */
function valueText(value: Plain): string {
  if (value === null) return '~';
  if (typeof value === 'string') return value;
  if (Array.isArray(value)) return JSON.stringify(value);
  const entries = Object.entries(value as { readonly [key: string]: Plain });
  return entries.map(([name, inner]) => `${name}: ${valueText(inner)}`).join(', ');
}

function nameOf(settings: SettingTexts, id: string): string {
  const joined = Object.entries(settings)
    .map(([setting, value]) => `${setting}-${value}`)
    .join('_')
    .replace(/[^A-Za-z0-9._+-]+/g, '-');
  const slug = joined.replace(/^[.-]+|[.-]+$/g, '');
  // What loses a character may be called like another.
  const exact = slug === joined && Object.values(settings).every((value) => /^[A-Za-z0-9._+-]+$/.test(value));
  return exact && slug !== '' && slug.length <= LONGEST_NAME
    ? slug
    : `${slug.slice(0, LONGEST_NAME - 9)}-${id.slice(0, 8)}`.replace(/^-/, '');
}

/** Without a position the command line is to blame. */
function reject(file: string, position: Position | undefined, path: string, message: string, hint?: string): never {
  const place = position ?? { line: 1, column: 1 };
  const problem = { ...place, path, message, ...(hint === undefined ? {} : { hint }) };
  throw new M2MergeError('recipe-invalid', { file: position === undefined ? COMMAND_LINE : file, problems: [problem] });
}
