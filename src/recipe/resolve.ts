/** Which values a recipe's parameters have for one tensor: mergekit's rules of precedence, filters and gradients. */
import type { Method } from '../../kernels/method.js';
import type { Parameter, ParameterScope, Setting, Settings } from '../../kernels/parameters.js';
import { M2MergeError } from '../errors.js';
import { compileFilter, matchesAll, type TensorFilter } from './filter.js';
import { quote } from './findings.js';
import { frontReader } from './front-parameters.js';
import { defaultOf } from './presets.js';
import type { ParameterTable, ParameterValue, Recipe, RecipeSlice, RecipeSource } from './recipe.js';

/**
 * Looks up settings. `t` is where in the layers the tensor lies, from 0 to 1 (see `layerFraction`). Equal settings of
 * one scope are the same frozen object, whichever tensor or model they are for. A required parameter without a value
 * for the tensor throws `recipe-invalid`.
 */
export interface Resolver {
  /** Settings of scope `model` for a source of a slice; `tensorName` is the model's own. */
  forSource(source: RecipeSource, tensorName: string, t: number): Settings;
  /** Settings of scope `merge` in a slice; `tensorName` is that of the merged model. */
  forSlice(slice: RecipeSlice, tensorName: string, t: number): Settings;
}

/**
 * Where layer `index` of `count` lies: 0 for the first to 1 for the last; 1 if it is alone. Tensors outside the layers
 * (embeddings, final norm, head) lie at 0 by mergekit's rule, which is the caller's to apply.
 */
export function layerFraction(index: number, count: number): number {
  return count === 1 ? 1 : index / (count - 1);
}

/** Prepares lookups for a recipe whose `method` is the one given. */
export function createResolver(recipe: Recipe, method: Method): Resolver {
  const candidates = new Map<RecipeSource | RecipeSlice, readonly Candidates[]>();
  const candidatesFor = (place: RecipeSource | RecipeSlice, scope: ParameterScope): readonly Candidates[] => {
    const known = candidates.get(place);
    if (known !== undefined) return known;
    const reads = frontReader(place.levels);
    const prepared = method.parameters
      .filter((parameter) => parameter.scope === scope && reads(parameter.name))
      .map((parameter) => candidatesOf(parameter, place.levels, defaultOf(method, parameter, recipe.preset)));
    candidates.set(place, prepared);
    return prepared;
  };
  const pools = { model: new SettingsPool(), merge: new SettingsPool() };
  const settingsAt = (place: RecipeSource | RecipeSlice, scope: ParameterScope, tensorName: string, t: number) => {
    const prepared = candidatesFor(place, scope);
    const values = valuesAt(prepared, tensorName, t, (name) => throwMissing(recipe, name, tensorName, place));
    return pools[scope].share(prepared, values);
  };
  return {
    forSource: (source, tensorName, t) => settingsAt(source, 'model', tensorName, t),
    forSlice: (slice, tensorName, t) => settingsAt(slice, 'merge', tensorName, t),
  };
}

/** Where the recipe first gives a parameter of the merge: for a slice, a module or all of it. */
export function firstValueOf({ modules }: Recipe, name: string): ParameterValue | undefined {
  const levels = modules.flatMap(({ slices }) => slices.flatMap((slice) => slice.levels));
  return levels.find((level) => level.has(name))?.get(name);
}

/** A parameter with everything that may decide it, in the order of precedence: the first that matches does. */
interface Candidates {
  readonly parameter: Parameter;
  readonly entries: readonly { readonly values: readonly Setting[]; readonly matches: TensorFilter }[];
}

function candidatesOf(
  parameter: Parameter,
  levels: readonly ParameterTable[],
  fallback: Setting | undefined,
): Candidates {
  const entries = levels.flatMap((level) => level.get(parameter.name)?.entries ?? []);
  if (fallback !== undefined) entries.push({ values: [fallback] });
  const decisive = entries.findIndex((entry) => matchesAll(entry.filter));
  const possible = decisive === -1 ? entries : entries.slice(0, decisive + 1);
  return { parameter, entries: possible.map(({ values, filter }) => ({ values, matches: filterOf(filter ?? '') })) };
}

/** Filters are checked when a recipe is read; one made otherwise matches nothing when it cannot be compiled. */
function filterOf(filter: string): TensorFilter {
  const compiled = compileFilter(filter);
  return typeof compiled === 'function' ? compiled : () => false;
}

function valuesAt(
  candidates: readonly Candidates[],
  tensorName: string,
  t: number,
  missing: (parameterName: string) => never,
): readonly Setting[] {
  return candidates.map(({ parameter, entries }) => {
    const entry = entries.find(({ matches }) => matches(tensorName));
    if (entry === undefined) return missing(parameter.name);
    const value = interpolate(entry.values, t);
    return parameter.kind === 'boolean' ? Boolean(value) : value;
  });
}

/** One value, or the numbers spread evenly from t = 0 to t = 1 with straight lines between neighbours. */
function interpolate(values: readonly Setting[], t: number): Setting {
  const position = t * (values.length - 1);
  const before = Math.floor(position);
  const first = values[before]!;
  const second = values[before + 1] ?? first;
  if (typeof first !== 'number' || typeof second !== 'number') return first;
  const share = position - before;
  const mixed = (1 - share) * first + share * second;
  // The mixture must not leave the bounds of the parameter by a rounding.
  return Math.min(Math.max(mixed, Math.min(first, second)), Math.max(first, second));
}

/** Makes equal values of the same parameters one object, so that callers can compare and group settings by identity. */
class SettingsPool {
  /** By the names of the parameters, which are others where another sparsifier reads others; then by their values. */
  readonly #shared = new Map<string, Map<string, Settings>>();
  readonly #ofCandidates = new WeakMap<readonly Candidates[], Map<string, Settings>>();

  share(candidates: readonly Candidates[], values: readonly Setting[]): Settings {
    const shared = this.#ofCandidates.get(candidates) ?? this.#poolOf(candidates);
    const key = values.join('|');
    const known = shared.get(key);
    if (known !== undefined) return known;
    const settings = Object.freeze(
      Object.fromEntries(candidates.map(({ parameter }, index) => [parameter.name, values[index]!])),
    );
    shared.set(key, settings);
    return settings;
  }

  #poolOf(candidates: readonly Candidates[]): Map<string, Settings> {
    const names = candidates.map(({ parameter }) => parameter.name).join('|');
    const pool = this.#shared.get(names) ?? new Map<string, Settings>();
    this.#shared.set(names, pool);
    this.#ofCandidates.set(candidates, pool);
    return pool;
  }
}

function throwMissing(recipe: Recipe, name: string, tensorName: string, place: RecipeSource | RecipeSlice): never {
  const reference = 'model' in place ? recipe.models[place.model]!.reference : undefined;
  const value = place.levels.find((level) => level.has(name))?.get(name);
  const { line, column } = value?.position ?? place.position;
  const whose = reference === undefined ? '' : ` of model ${quote(reference.text)}`;
  const message = `no value of "${name}" matches tensor ${quote(tensorName)}${whose}`;
  const hint = 'add an entry without a filter';
  const problem = { line, column, path: value?.path ?? place.path, message, hint };
  throw new M2MergeError('recipe-invalid', { file: recipe.file, problems: [problem] });
}
