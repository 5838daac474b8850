/** What a recipe puts together: whole models, slices of layers, or modules of either, read into one form. */
import { type Method, modelBounds, spaceOf } from '../../kernels/method.js';
import { warning } from '../warnings.js';
import type { Cursor } from './cursor.js';
import { excerpt, type Findings } from './findings.js';
import type { ModelReading, ModuleReading, RecipeReading, SliceReading } from './keys.js';
import { type ParameterReading, readParameters } from './parameters.js';
import { baseOf, type OwnPart, type Participant, Participants, readSources, wholeSources } from './participants.js';
import type { LayerRange, RecipeModel, RecipeModule, RecipeSlice } from './recipe.js';
import type { ModelReference } from './reference.js';

export interface Assembly {
  readonly bases: readonly ModelReference[];
  readonly models: readonly RecipeModel[];
  readonly modules: readonly RecipeModule[];
  /** Every model's part in every slice, for the check of missing values. */
  readonly participants: readonly Participant[];
}

/** Reads `models`, `slices` or `modules`; entries that are wrong are left out, as their problems are reported. */
export function readAssembly(
  recipe: RecipeReading,
  method: Method,
  shared: ParameterReading,
  findings: Findings,
): Assembly {
  const reader = new AssemblyReader(method, recipe.values.base_model, findings);
  return reader.read(recipe, shared);
}

/** Parameters from the outer levels: those of the recipe, and of a module. */
type Outer = readonly ParameterReading[];

type Contents = Pick<ModuleReading, 'present'> & { readonly values: Partial<ModuleReading['values']> };

class AssemblyReader {
  readonly #method: Method;
  readonly #base: ModelReference | undefined;
  readonly #findings: Findings;
  readonly #named: Participants;
  readonly #all: Participant[] = [];

  constructor(method: Method, base: ModelReference | undefined, findings: Findings) {
    this.#method = method;
    this.#base = base;
    this.#findings = findings;
    this.#named = new Participants();
  }

  read(recipe: RecipeReading, shared: ParameterReading): Assembly {
    checkOneOf(recipe.present, ['models', 'slices', 'modules']);
    const { modules } = recipe.values;
    const read =
      modules === undefined
        ? [this.#module(recipe, undefined, recipe.cursor, [shared])]
        : [...modules].map(([name, module]) => {
            const { cursor } = module;
            checkOneOf(module.present, ['models', 'slices']);
            return this.#module(module, name, cursor, [readParameters(module, 'top', this.#method), shared]);
          });
    if (this.#all.length === 0) warnOfBaseAlone(recipe, this.#named.lists.bases, this.#findings);
    return { ...this.#named.lists, modules: read, participants: this.#all };
  }

  #module(contents: Contents, name: string | undefined, { path, position }: Cursor, outer: Outer): RecipeModule {
    const { models, slices } = contents.values;
    const read: RecipeSlice[] = [];
    if (models !== undefined) read.push(this.#wholeModels(models, contents.present.get('models')!, outer));
    for (const slice of slices ?? []) {
      const known = this.#all.length;
      read.push(this.#slice(slice, outer));
      // What no tensor comes from needs no values.
      const isInner = read.length > 1 && read.length < slices!.length;
      if (isInner && isEmpty(read.at(-1)!)) this.#all.length = known;
    }
    if (slices !== undefined) {
      checkSomeLayers(read, contents.present.get('slices')!);
      warnOfEmpty(read.slice(1, -1), this.#findings);
    }
    return { name, path, position, slices: read };
  }

  #wholeModels(models: readonly ModelReading[], place: Cursor, outer: Outer): RecipeSlice {
    const subtracted = this.#subtractedBase(this.#base);
    const appended = subtracted === undefined ? this.#base : undefined;
    const sources = wholeSources(models, { method: this.#method, subtracted, appended, findings: this.#findings });
    const base = subtracted && { base: this.#named.base(subtracted), range: undefined };
    const isAppended = appended !== undefined && sources.length > models.length;
    if (sources.length > 0) checkCount(sources.length, place, this.#method, base !== undefined, isAppended);
    return this.#finish(sources, base, place, outer);
  }

  #slice(slice: SliceReading, outer: Outer): RecipeSlice {
    const own = readParameters(slice, 'top', this.#method);
    const place = slice.present.get('sources') ?? slice.cursor;
    const written = slice.values.base_model ?? this.#base;
    const subtracted = this.#subtractedBase(written);
    const read = readSources(slice.values.sources ?? [], subtracted, this.#method, this.#findings);
    checkLengths(slice, place);
    const alone = subtracted && this.#aloneIn(slice, read, subtracted);
    if (alone !== undefined) return this.#finish([], alone, place, [own, ...outer]);
    const base = subtracted && { base: this.#named.base(subtracted), range: baseOf(slice, subtracted) };
    const isElsewhere =
      subtracted !== undefined &&
      base?.range === undefined &&
      reportMissingBase(slice, subtracted, this.#method, place);
    // Without its base nobody knows which of two models it is.
    if (isElsewhere) return this.#finish(read, base, place, [own, ...outer]);
    if (read.length > 0 || (base === undefined && slice.values.sources?.length === 0)) {
      checkCount(read.length, place, this.#method, base !== undefined);
    }
    return this.#finish(read, base, place, [own, ...outer]);
  }

  #subtractedBase(base: ModelReference | undefined): ModelReference | undefined {
    return spaceOf(this.#method, base !== undefined) === 'taskVectors' ? base : undefined;
  }

  /** The one model of a slice without the base, where the method then copies it: what nothing is merged into. */
  #aloneIn(slice: SliceReading, read: readonly OwnPart[], base: ModelReference): RecipeSlice['base'] {
    const [only, ...others] = read;
    if (!this.#method.copiesAlone || only === undefined || others.length > 0) return undefined;
    if (only.range === undefined || baseOf(slice, base) !== undefined) return undefined;
    // The first of the bases is the one that reports name.
    this.#named.base(base);
    return { base: this.#named.base(only.reference), range: only.range };
  }

  #finish(
    participants: readonly OwnPart[],
    base: RecipeSlice['base'],
    { path, position }: Cursor,
    outer: Outer,
  ): RecipeSlice {
    const levels = outer.map(({ table }) => table);
    const sources = participants.map((participant) => {
      this.#all.push({ ...participant, outer });
      return {
        model: this.#named.model(participant),
        range: participant.range,
        levels: [...participant.parameters.map(({ table }) => table), ...levels],
        path: participant.path,
        position: participant.position,
      };
    });
    return { path, position, base, sources, levels };
  }
}

function checkOneOf(present: ReadonlyMap<string, Cursor>, keys: readonly string[]): void {
  const [first, second] = keys.filter((key) => present.has(key));
  if (second === undefined) return;
  present.get(second)!.problem(`"${first}" and "${second}" cannot both be given`, 'keep the one that is meant');
}

/**
 * A merge of the base alone is the base. mergekit takes it so, and people use it to write a model with its adapter added
 * (`base_model: model+adapter`); where models were forgotten, the warning says what came out.
 */
function warnOfBaseAlone({ present }: RecipeReading, bases: readonly ModelReference[], findings: Findings): void {
  const place = ['models', 'slices', 'modules'].map((key) => present.get(key)).find((found) => found !== undefined);
  const [base, ...copied] = bases;
  if (place === undefined || base === undefined || copied.length > 0) return;
  findings.warn(place.position, (at) => warning('base-alone', { place: at, model: excerpt(base.text) }));
}

function checkCount(
  found: number,
  place: Cursor,
  method: Method,
  subtractsBase: boolean,
  isBaseAppended = false,
): void {
  // Without its base, which is reported, nobody knows which of the models it is.
  if (method.space === 'taskVectors' && !subtractsBase) return;
  const { minimum, maximum } = modelBounds(method);
  if (found >= minimum && found <= maximum) return;
  const bounds =
    maximum === minimum ? `exactly ${minimum}` : found < minimum ? `at least ${minimum}` : `at most ${maximum}`;
  const besides = subtractsBase ? ' besides the base' : '';
  place.problem(
    `${method.name} takes ${bounds} ${bounds.endsWith(' 1') ? 'model' : 'models'}${besides}, found ${found}`,
    isBaseAppended ? 'base_model counts as one, since it is not listed; leave it out' : undefined,
  );
}

function checkLengths({ values }: SliceReading, place: Cursor): void {
  const [first, ...others] = (values.sources ?? []).flatMap((source) => source.values.layer_range ?? []);
  if (first === undefined) return;
  const length = first.end - first.begin;
  const other = others.find(({ begin, end }) => end - begin !== length);
  if (other === undefined) return;
  const message = `has ${other.end - other.begin} layers, but the first source of the slice has ${length}`;
  place.findings.problem(other.position, other.path, message, 'all sources of a slice have equally many layers');
}

/** Reports that a slice lacks its base, unless it only lacks layers; whether none of two models is the base. */
function reportMissingBase({ values }: SliceReading, base: ModelReference, method: Method, place: Cursor): boolean {
  if (values.sources === undefined) return false;
  const names = values.sources.flatMap((source) => source.values.model?.text ?? []);
  if (names.includes(base.text)) return false;
  if (modelBounds(method).maximum === 1 && names.length > 1) {
    const message = `${method.name} goes from the base to one other model, but the base ${JSON.stringify(base.text)} is not among the sources`;
    place.problem(message, `base_model has to be one of them: ${names.join(', ')}`);
    return true;
  }
  const ranges = new Set(
    values.sources
      .flatMap(({ values: { layer_range: range } }) => range ?? [])
      .map(({ begin, end }) => `[${begin}, ${end}]`),
  );
  const [range = '[…, …]'] = ranges.size === 1 ? ranges : [];
  place.problem(
    `lacks the base ${JSON.stringify(base.text)}, which is subtracted from the others`,
    `add {model: ${base.text}, layer_range: ${range}}`,
  );
  return false;
}

function checkSomeLayers(slices: readonly RecipeSlice[], place: Cursor): void {
  const ranges = slices.flatMap(({ sources, base }) => [...sources.map(({ range }) => range), base?.range]);
  const known = ranges.filter((range) => range !== undefined);
  if (known.length === 0 || known.some(({ begin, end }) => end > begin)) return;
  place.problem('all slices are empty, so there are no layers', 'layer_range [0, 1] is the first layer');
}

/** Empty slices choose what comes before and after the layers when they are first or last, and nothing otherwise. */
function warnOfEmpty(slices: readonly RecipeSlice[], findings: Findings): void {
  for (const slice of slices.filter(isEmpty)) {
    const { begin } = rangeOf(slice)!;
    findings.warn(slice.position, (place) => warning('empty-slice', { place, begin }));
  }
}

const rangeOf = ({ base, sources }: RecipeSlice): LayerRange | undefined => base?.range ?? sources[0]?.range;

function isEmpty(slice: RecipeSlice): boolean {
  const range = rangeOf(slice);
  return range !== undefined && range.end <= range.begin;
}
