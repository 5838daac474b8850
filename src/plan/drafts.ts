/** Which tensors the merged model has and which tensor of which model goes into each: slices, renumbering, donors. */
import { findMethod } from '../../kernels/methods/registry.js';
import { isBeforeLayers, isHead } from '../checkpoint/tensor-roles.js';
import { M2MergeError, placeIn } from '../errors.js';
import { byPlace } from '../recipe/position.js';
import type { LayerRange, Recipe, RecipeModule, RecipeSlice, RecipeSource } from '../recipe/recipe.js';
import { layerFraction } from '../recipe/resolve.js';
import type { Warning } from '../warnings.js';
import { warning } from '../warnings.js';
import { mainStack } from './main-stack.js';
import { type LayerPlace, type LayerStack, layerName } from './model-tensors.js';
import type { ModuleRegion } from './module-regions.js';
import type { PlanModel } from './plan-models.js';

/** A tensor of the merged model before anything is known of its parts but their names. */
export interface TensorDraft {
  readonly tensor: string;
  readonly slice: RecipeSlice;
  readonly sources: readonly DraftPart[];
  /** The tensor that is subtracted. */
  readonly base: { readonly model: PlanModel; readonly name: string } | undefined;
  /** Where the tensor lies in the layers, from 0 to 1; 0 outside of them. */
  readonly t: number;
  /** The model, maybe of another slice, whose head makes the merged model have one. */
  readonly headOf?: PlanModel | undefined;
}

export interface DraftPart {
  readonly source: RecipeSource;
  readonly model: PlanModel;
  /** The tensor's name in this model. */
  readonly name: string;
}

/** A layer of a model. */
export interface ModelLayer {
  readonly model: PlanModel;
  readonly index: number;
}

/** What a layer of the merged model comes from: the base's where there is one, then those of the sources. */
export type MergedLayer = readonly [ModelLayer, ...ModelLayer[]];

export interface ModuleDrafts {
  readonly drafts: readonly TensorDraft[];
  /** The module's stack after renumbering; undefined when whole models are merged. */
  readonly stacked: { readonly prefix: string; readonly layers: readonly MergedLayer[] } | undefined;
  readonly warnings: readonly Warning[];
}

/** The models as a plan knows them: by the recipe's indices. */
export interface PlanModels {
  readonly bases: readonly PlanModel[];
  readonly models: readonly PlanModel[];
}

/** Drafts the tensors of one module. Throws `recipe-invalid` when the models do not have the layers. */
export function draftModule(
  recipe: Recipe,
  module: RecipeModule,
  models: PlanModels,
  region: ModuleRegion,
): ModuleDrafts {
  const [first] = module.slices;
  if (first === undefined) return { drafts: [], stacked: undefined, warnings: [] };
  const context = { recipe, module, models, region };
  if (first.sources.every(({ range }) => range === undefined) && first.base?.range === undefined) {
    return { drafts: draftWhole(first, context), stacked: undefined, warnings: [] };
  }
  return draftSlices(context);
}

interface Context {
  readonly recipe: Recipe;
  readonly module: RecipeModule;
  readonly models: PlanModels;
  readonly region: ModuleRegion;
}

function draftWhole(slice: RecipeSlice, { models, region }: Context): TensorDraft[] {
  const members = membersOf(slice, models);
  const names = new Set(members.flatMap(({ checkpoint }) => [...checkpoint.tensors.keys()]).filter(region.owns));
  return [...names].map((tensor) => {
    return draftOf(tensor, slice, models, fractionIn(members, tensor), () => tensor);
  });
}

/** Where a tensor lies in the layers of the first model that has it in some; 0 outside of them. */
function fractionIn(members: readonly PlanModel[], tensor: string): number {
  for (const { layout } of members) {
    const place = layout.placeOf(tensor);
    if (place !== undefined) return layerFraction(place.index, layout.stacks.get(place.prefix)!.count);
  }
  return 0;
}

function draftSlices(context: Context): ModuleDrafts {
  const { recipe, module, models, region } = context;
  const drafts: TensorDraft[] = [];
  const layers: MergedLayer[] = [];
  const stackOf = new Map<PlanModel, LayerStack>();
  for (const model of new Set(module.slices.flatMap((slice) => membersOf(slice, models)))) {
    stackOf.set(model, mainStack(recipe, module, model, region));
  }
  for (const slice of module.slices) {
    checkRanges(recipe, slice, models, stackOf);
    const count = rangeOf(slice).end - rangeOf(slice).begin;
    for (let index = 0; index < count; index++) {
      drafts.push(...draftLayer(slice, models, stackOf, { index, count, merged: layers.length }));
      layers.push(mergedLayer(slice, models, index));
    }
  }
  const outside = draftOutside(context, stackOf, layers.length);
  const prefix = stackOf.values().next().value!.prefix;
  return { drafts: [...drafts, ...outside.drafts], stacked: { prefix, layers }, warnings: outside.warnings };
}

/** One layer of a slice: its number in the slice, of how many, and its number in the merged model. */
interface LayerInSlice {
  readonly index: number;
  readonly count: number;
  readonly merged: number;
}

function draftLayer(
  slice: RecipeSlice,
  models: PlanModels,
  stackOf: ReadonlyMap<PlanModel, LayerStack>,
  { index, count, merged }: LayerInSlice,
): TensorDraft[] {
  const suffixes = new Set<string>();
  for (const { model, range } of rangesOf(slice, models)) {
    for (const suffix of stackOf.get(model)!.layers[range.begin + index]!) suffixes.add(suffix);
  }
  const { prefix } = stackOf.get(membersOf(slice, models)[0]!)!;
  return [...suffixes].map((suffix) =>
    draftOf(layerName(prefix, merged, suffix), slice, models, layerFraction(index, count), (model, range) =>
      layerName(stackOf.get(model)!.prefix, range!.begin + index, suffix),
    ),
  );
}

/**
 * Tensors outside of the layers: what comes before them follows the first slice, what comes after them the last. As in
 * mergekit, the last slice then gives no more sources than the first has.
 */
function draftOutside(
  { recipe, module, models, region }: Context,
  stackOf: ReadonlyMap<PlanModel, LayerStack>,
  depth: number,
): { drafts: readonly TensorDraft[]; warnings: readonly Warning[] } {
  const first = module.slices[0]!;
  const last = module.slices.at(-1)!;
  const limit = sourceCount(first);
  const outside = namesOutside(stackOf, region);
  const namesOf = (slice: RecipeSlice): Set<string> =>
    new Set(membersOf(slice, models).flatMap((model) => outside.get(model)!));
  const limited = limitSources(last, limit);
  const draft = (slice: RecipeSlice, name: string) => {
    const place = placeAfter(name, stackOf);
    const tensor = place === undefined ? name : layerName(place.prefix, depth + place.index, place.suffix);
    return draftOf(tensor, slice, models, 0, () => name);
  };
  const isBefore = (name: string) => isBeforeLayers(name) && placeAfter(name, stackOf) === undefined;
  const alone = limit === 1 && findMethod(recipe.method)!.copiesAlone ? firstListed(last, models) : undefined;
  const heads = headsOf(outside);
  const draftAfter = (name: string): TensorDraft => {
    const drafted = { ...draft(limited, name), headOf: heads.get(name) };
    return alone === undefined ? drafted : { ...drafted, sources: [], base: { model: alone, name } };
  };
  const before = [...namesOf(first)].filter(isBefore).map((name) => draft(first, name));
  const after = [...new Set([...namesOf(limited), ...heads.keys()])].filter((name) => !isBefore(name));
  const dropped = sourceCount(last) - sourceCount(limited);
  return {
    drafts: [...before, ...after.map(draftAfter)],
    warnings: dropped > 0 ? [shortenedWarning(recipe, last, limit, dropped)] : [],
  };
}

/** Heads of their own, and whose: one in any of the models means that none is tied in the merged one. */
function headsOf(outside: ReadonlyMap<PlanModel, readonly string[]>): ReadonlyMap<string, PlanModel> {
  const heads = [...outside].flatMap(([model, names]) => names.filter(isHead).map((name) => [name, model] as const));
  return new Map(heads.reverse());
}

/** By model, as slices name the same few models again and again, whose names are many. */
function namesOutside(
  stackOf: ReadonlyMap<PlanModel, LayerStack>,
  region: ModuleRegion,
): ReadonlyMap<PlanModel, readonly string[]> {
  return new Map(
    [...stackOf].map(([model, { prefix }]) => {
      const names = [...model.checkpoint.tensors.keys()];
      const isInStack = (name: string): boolean => model.layout.placeOf(name)?.prefix === prefix;
      return [model, names.filter((name) => region.owns(name) && !isInStack(name))] as const;
    }),
  );
}

/** Where a tensor outside of the layers is in further ones, which come after them and go on counting. */
function placeAfter(name: string, stackOf: ReadonlyMap<PlanModel, LayerStack>): LayerPlace | undefined {
  for (const [{ checkpoint, layout }, { prefix }] of stackOf) {
    const place = checkpoint.tensors.has(name) ? layout.placeBeyond(name) : undefined;
    if (place?.prefix === prefix) return place;
  }
  return undefined;
}

function shortenedWarning({ file }: Recipe, { position }: RecipeSlice, limit: number, dropped: number): Warning {
  return warning('sources-left-out', { place: placeIn(file, position), sources: limit, dropped });
}

function sourceCount({ sources, base }: RecipeSlice): number {
  return sources.length + (base === undefined ? 0 : 1);
}

/** The slice with no more sources than `limit`, the base counted. */
function limitSources(slice: RecipeSlice, limit: number): RecipeSlice {
  if (sourceCount(slice) <= limit) return slice;
  const others = slice.base === undefined ? limit : limit - 1;
  return { ...slice, sources: slice.sources.slice(0, others) };
}

/** The model that is written first among the sources of a slice, the base or another. */
function firstListed({ base, sources: [first] }: RecipeSlice, { bases, models }: PlanModels): PlanModel {
  const model = first && models[first.model]!;
  if (base === undefined) return model!;
  const isBeforeBase = model !== undefined && byPlace(first!.range!.position, base.range!.position) < 0;
  return isBeforeBase ? model : bases[base.base]!;
}

function draftOf(
  tensor: string,
  slice: RecipeSlice,
  models: PlanModels,
  t: number,
  nameIn: (model: PlanModel, range: LayerRange | undefined) => string,
): TensorDraft {
  const sources = slice.sources.map((source) => {
    const model = models.models[source.model]!;
    return { source, model, name: nameIn(model, source.range) };
  });
  const baseModel = slice.base && models.bases[slice.base.base]!;
  const base = baseModel && { model: baseModel, name: nameIn(baseModel, slice.base!.range) };
  return { tensor, slice, sources, base, t };
}

/** The models of a slice, its base first. */
export function membersOf({ base, sources }: RecipeSlice, { bases, models }: PlanModels): PlanModel[] {
  const own = sources.map(({ model }) => models[model]!);
  return base === undefined ? own : [bases[base.base]!, ...own];
}

function rangeOf({ base, sources }: RecipeSlice): LayerRange {
  return base?.range ?? sources[0]!.range!;
}

/** Base and sources with their layers, in a slice of ranges. */
function rangesOf(
  { base, sources }: RecipeSlice,
  { bases, models }: PlanModels,
): { model: PlanModel; range: LayerRange }[] {
  const own = sources.map(({ model, range }) => ({ model: models[model]!, range: range! }));
  return base === undefined ? own : [{ model: bases[base.base]!, range: base.range! }, ...own];
}

function mergedLayer(slice: RecipeSlice, models: PlanModels, index: number): MergedLayer {
  const layers = rangesOf(slice, models).map(({ model, range }) => ({ model, index: range.begin + index }));
  return layers as [ModelLayer, ...ModelLayer[]];
}

function checkRanges(
  recipe: Recipe,
  slice: RecipeSlice,
  models: PlanModels,
  stackOf: ReadonlyMap<PlanModel, LayerStack>,
): void {
  for (const { model, range } of rangesOf(slice, models)) {
    const { count } = stackOf.get(model)!;
    if (range.end <= count) continue;
    const message = `ends after layer ${range.end - 1}, but ${JSON.stringify(model.name)} has ${count} layers`;
    const problem = { ...range.position, path: range.path, message, hint: `at most [0, ${count}]` };
    throw new M2MergeError('recipe-invalid', { file: recipe.file, problems: [problem] });
  }
}
