/** Which values a recipe's parameters have for one tensor: mergekit's rules of precedence, filters and gradients. */
import type { Method } from '../../kernels/method.js';
import type { Parameter, ParameterScope, Setting, Settings } from '../../kernels/parameters.js';
import { M2MergeError } from '../errors.js';
import { quote } from './findings.js';
import type { Position } from './position.js';
import type { ParameterEntry, ParameterTable, Recipe } from './recipe.js';

/**
 * Looks up settings. `t` is where in the layers the tensor lies, from 0 to 1 (see `layerFraction`). Equal settings of
 * one scope are the same frozen object, whichever tensor or model they are for. A required parameter without a value
 * for the tensor throws `recipe-invalid`.
 */
export interface Resolver {
  /** Settings of scope `model` for one of `recipe.models`. */
  forModel(modelIndex: number, tensorName: string, t: number): Settings;
  /** Settings of scope `merge`. */
  forMerge(tensorName: string, t: number): Settings;
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
  const prepare = (scope: ParameterScope, levels: readonly ParameterTable[]): readonly Candidates[] =>
    method.parameters
      .filter((parameter) => parameter.scope === scope)
      .map((parameter) => candidatesOf(parameter, levels, method.presets[recipe.preset]?.[parameter.name]));
  const ofModels = recipe.models.map(({ parameters }) => prepare('model', [parameters, recipe.parameters]));
  const ofMerge = prepare('merge', [recipe.parameters]);
  const modelPool = new SettingsPool();
  const mergePool = new SettingsPool();
  return {
    forModel(modelIndex, tensorName, t) {
      const values = valuesAt(ofModels[modelIndex]!, tensorName, t, (name) =>
        throwMissing(recipe, name, tensorName, modelIndex),
      );
      return modelPool.share(ofModels[modelIndex]!, values);
    },
    forMerge(tensorName, t) {
      const values = valuesAt(ofMerge, tensorName, t, (name) => throwMissing(recipe, name, tensorName, undefined));
      return mergePool.share(ofMerge, values);
    },
  };
}

/** A parameter with everything that may decide it, in the order of precedence: the first that matches does. */
interface Candidates {
  readonly parameter: Parameter;
  readonly entries: readonly ParameterEntry[];
}

function candidatesOf(
  parameter: Parameter,
  levels: readonly ParameterTable[],
  preset: Setting | undefined,
): Candidates {
  const entries = levels.flatMap((level) => level.get(parameter.name)?.entries ?? []);
  const fallback = preset ?? parameter.default;
  if (fallback !== undefined) entries.push({ values: [fallback] });
  const decisive = entries.findIndex((entry) => matchesAll(entry.filter));
  return { parameter, entries: decisive === -1 ? entries : entries.slice(0, decisive + 1) };
}

const matchesAll = (filter: string | undefined): boolean => filter === undefined || filter === '*' || filter === '';

function valuesAt(
  candidates: readonly Candidates[],
  tensorName: string,
  t: number,
  missing: (parameterName: string) => never,
): readonly Setting[] {
  return candidates.map(({ parameter, entries }) => {
    const entry = entries.find(({ filter }) => matchesAll(filter) || tensorName.includes(filter!));
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

/** Makes equal values one object, so that callers can compare and group settings by identity. */
class SettingsPool {
  readonly #shared = new Map<string, Settings>();

  share(candidates: readonly Candidates[], values: readonly Setting[]): Settings {
    const key = values.join('|');
    const known = this.#shared.get(key);
    if (known !== undefined) return known;
    const settings = Object.freeze(
      Object.fromEntries(candidates.map(({ parameter }, index) => [parameter.name, values[index]!])),
    );
    this.#shared.set(key, settings);
    return settings;
  }
}

function throwMissing(recipe: Recipe, name: string, tensorName: string, modelIndex: number | undefined): never {
  const model = modelIndex === undefined ? undefined : recipe.models[modelIndex]!;
  const own = model?.parameters.get(name);
  const value = own ?? recipe.parameters.get(name);
  const { line, column }: Position = value?.position ?? model?.reference.position ?? { line: 1, column: 1 };
  const path = own === undefined ? `parameters.${name}` : `${model?.path}.parameters.${name}`;
  const whose = model === undefined ? '' : ` of model ${quote(model.reference.text)}`;
  const message = `no value of "${name}" matches tensor ${quote(tensorName)}${whose}`;
  const hint = 'add an entry without a filter';
  const problem = { line, column, path, message, hint };
  throw new M2MergeError('recipe-invalid', { file: recipe.file, problems: [problem] });
}
