/** Which models take part: the base taken out or added as mergekit does, duplicates noticed, parameters read. */
import type { Method } from '../../kernels/method.js';
import { warning } from '../warnings.js';
import { excerpt, type Findings } from './findings.js';
import type { ModelReading, SliceReading, SourceReading } from './keys.js';
import { NO_PARAMETERS, type ParameterReading, readParameters } from './parameters.js';
import type { Position } from './position.js';
import type { LayerRange, RecipeModel } from './recipe.js';
import type { ModelReference } from './reference.js';

/** A model's part in a slice, with what the check for missing values needs. */
export interface Participant {
  readonly reference: ModelReference;
  readonly path: string;
  readonly position: Position;
  readonly range: LayerRange | undefined;
  /** Keys of its entry that nothing reads. */
  readonly unknown: readonly string[];
  /** Its own tables: several when the slice lists the model more than once. */
  readonly parameters: readonly ParameterReading[];
  /** Tables of the slice, the module and the recipe. */
  readonly outer: readonly ParameterReading[];
}

export type OwnPart = Omit<Participant, 'outer'>;

/** The models and bases of a recipe, each once. */
export class Participants {
  readonly #models = new Map<string, Numbered<RecipeModel>>();
  readonly #bases = new Map<string, Numbered<ModelReference>>();

  /** Index of the model among those of the recipe. */
  model({ reference, path }: OwnPart): number {
    return numberIn(this.#models, reference.text, { path, reference });
  }

  /** Index of the base among those of the recipe. */
  base(reference: ModelReference): number {
    return numberIn(this.#bases, reference.text, reference);
  }

  get lists(): { readonly models: readonly RecipeModel[]; readonly bases: readonly ModelReference[] } {
    return {
      models: [...this.#models.values()].map(({ item }) => item),
      bases: [...this.#bases.values()].map(({ item }) => item),
    };
  }
}

interface Numbered<T> {
  readonly index: number;
  readonly item: T;
}

/** Index of what has the key, which is added when it is new. */
function numberIn<T>(items: Map<string, Numbered<T>>, key: string, item: T): number {
  const { index } = items.get(key) ?? { index: items.size };
  if (index === items.size) items.set(key, { index, item });
  return index;
}

export interface WholeModelRules {
  readonly method: Method;
  /** The base, when the method subtracts it. */
  readonly subtracted: ModelReference | undefined;
  /** The base, when it is one more input: mergekit merges one that is not listed, with no parameters of its own. */
  readonly appended: ModelReference | undefined;
  readonly findings: Findings;
}

/** The models of a `models` list. */
export function wholeSources(models: readonly ModelReading[], rules: WholeModelRules): readonly OwnPart[] {
  const { appended, findings } = rules;
  const parts = new Map<string, OwnPart>();
  for (const model of models) addPart(parts, model, undefined, rules);
  if (appended !== undefined && parts.size > 0 && !parts.has(appended.text)) {
    findings.warn(appended.position, (place) => warning('base-appended', { place, model: excerpt(appended.text) }));
    const { position } = appended;
    const parameters = [NO_PARAMETERS];
    parts.set(appended.text, {
      reference: appended,
      path: 'base_model',
      position,
      range: undefined,
      unknown: [],
      parameters,
    });
  }
  return [...parts.values()];
}

/** The models of a slice's `sources`, the subtracted base left out. */
export function readSources(
  sources: readonly SourceReading[],
  subtracted: ModelReference | undefined,
  method: Method,
  findings: Findings,
): readonly OwnPart[] {
  const parts = new Map<string, OwnPart>();
  for (const source of sources) {
    addPart(parts, source, source.values.layer_range, { method, subtracted, findings });
  }
  return [...parts.values()];
}

/** The layers that a slice takes of its base; undefined when it is not among the sources. */
export function baseOf({ values }: SliceReading, base: ModelReference): LayerRange | undefined {
  const sources = values.sources ?? [];
  return sources.findLast((source) => source.values.model?.text === base.text)?.values.layer_range;
}

/**
 * Adds a model. One that is listed again is, as in mergekit, the same input: the layers of the last entry count, and
 * the parameters of the first that gives a value.
 */
function addPart(
  parts: Map<string, OwnPart>,
  reading: ModelReading | SourceReading,
  range: LayerRange | undefined,
  { method, subtracted, findings }: Pick<WholeModelRules, 'method' | 'subtracted' | 'findings'>,
): void {
  const reference = reading.values.model;
  if (reference === undefined) return;
  if (reference.text === subtracted?.text) {
    warnOfBaseParameters(reading, findings);
    return;
  }
  const parameters = readParameters(reading as ModelReading, 'model', method);
  const { path, position } = reading.cursor;
  const known = parts.get(reference.text);
  if (known === undefined) {
    const { unknown } = reading;
    parts.set(reference.text, { reference, path, position, range, unknown, parameters: [parameters] });
    return;
  }
  const model = excerpt(reference.text);
  findings.warn(reference.position, (place) =>
    warning('duplicate-model', { place, model, slices: range !== undefined }),
  );
  // A model may be listed thousands of times.
  const tables = reading.present.has('parameters') ? [...known.parameters, parameters] : known.parameters;
  parts.set(reference.text, { ...known, range, parameters: tables });
}

function warnOfBaseParameters({ present }: ModelReading | SourceReading, findings: Findings): void {
  const parameters = present.get('parameters');
  if (parameters === undefined) return;
  const reason = 'this model is the base, which takes no parameters';
  findings.warn(parameters.position, (place) => warning('ignored-key', { place, key: 'parameters', reason }));
}
