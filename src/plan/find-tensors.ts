/** The tensors of a merged model with every model's part of them, over all modules of a recipe. */
import { type Method, modelBounds, spaceOf } from '../../kernels/method.js';
import { compareUtf8 } from '../checkpoint/order.js';
import { M2MergeError } from '../errors.js';
import type { Recipe, RecipeSlice } from '../recipe/recipe.js';
import { type Warning, warning } from '../warnings.js';
import { draftModule, type ModuleDrafts, membersOf, type PlanModels } from './drafts.js';
import { type ModuleRegion, moduleRegions } from './module-regions.js';
import { type FoundTensor, findParts, type RowOrder, type RowRule } from './parts.js';
import type { PlanModel } from './plan-models.js';
import { PlanNotes } from './plan-notes.js';
import { refuseQuantized } from './quantized-inputs.js';
import { checkStackedVocabulary } from './stacked-vocabulary.js';

export interface FoundTensors {
  readonly tensors: readonly FoundTensor[];
  /** Tensors of the donor that are in none of the modules. */
  readonly carried: readonly string[];
  readonly stacks: readonly NonNullable<ModuleDrafts['stacked']>[];
  readonly warnings: readonly Warning[];
}

/** Which rows of embeddings and heads: those of tokens where there is an order, else of all models or of the method's rule. */
export interface RowChoice {
  readonly order: RowOrder | undefined;
  readonly commonRows: boolean;
}

/** Throws `model-quantized`, `recipe-invalid`, `layer-count-mismatch`, `tensor-missing` and `shape-mismatch`. */
export function findTensors(
  recipe: Recipe,
  method: Method,
  models: PlanModels,
  donor: PlanModel,
  { order, commonRows }: RowChoice,
): FoundTensors {
  const all = [...models.bases, ...models.models];
  // The donor's too: what it has beside the modules is carried over, and what is in one of them is not.
  const known = [...new Set([...all, donor])];
  const names = [...new Set(known.flatMap(({ checkpoint }) => [...checkpoint.tensors.keys()]))];
  const stacks = [...new Set(known.flatMap(({ layout }) => [...layout.stacks.keys()]))];
  for (const model of known) refuseQuantized(model, method.name === 'passthrough');
  const regions = moduleRegions(recipe, names, stacks);
  recipe.modules.forEach(({ slices }, index) => {
    for (const slice of slices) checkLayers(slice, models, regions[index]!);
  });
  const drafted = recipe.modules.map((module, index) => draftModule(recipe, module, models, regions[index]!));
  const notes = new PlanNotes();
  const drafts = drafted.flatMap((module) => module.drafts).sort((a, b) => compareUtf8(a.tensor, b.tensor));
  const tensors = drafts.flatMap((draft) => {
    const rows = commonRows ? 'common' : rowRule(method, draft.base !== undefined);
    const rules = { rows, copiesAlone: method.copiesAlone ?? false, minimum: modelBounds(method).minimum };
    return findParts(draft, rules, notes, order) ?? [];
  });
  notes.throwMissing();
  checkStackedVocabulary(tensors);
  const merged = new Set(tensors.map(({ tensor }) => tensor));
  const isBeside = (name: string): boolean => !merged.has(name) && !regions.some(({ owns }) => owns(name));
  const carried = [...donor.checkpoint.tensors.keys()].filter(isBeside);
  const facts = { tensor: carried[0] ?? '', count: carried.length, model: donor.name };
  return {
    tensors,
    carried,
    stacks: drafted.flatMap(({ stacked }) => stacked ?? []),
    warnings: [
      ...drafted.flatMap(({ warnings }) => warnings),
      ...notes.warnings,
      ...(carried.length > 0 ? [warning('tensors-carried-over', facts)] : []),
    ],
  };
}

/** mergekit's rule: methods over weights, and some over task vectors, keep the rows that all models have. */
function rowRule(method: Method, hasBase: boolean): RowRule {
  return spaceOf(method, hasBase) === 'weights' || method.commonRows ? 'common' : 'base';
}

/** Whole models are merged layer by layer, so those of a stack must be equally many in all models that have it. */
function checkLayers(slice: RecipeSlice, models: PlanModels, { ownsStack }: ModuleRegion): void {
  if (slice.sources.some(({ range }) => range !== undefined)) return;
  const members = membersOf(slice, models).map((model) => {
    const stacks = [...model.layout.stacks.values()].filter(({ prefix }) => ownsStack(prefix));
    return { model, counts: new Map(stacks.map(({ prefix, count }) => [prefix, count])) };
  });
  checkKinship(members);
  for (const { model, counts } of members) {
    for (const [stack, expected] of counts) {
      const other = members.find((member) => (member.counts.get(stack) ?? expected) !== expected);
      if (other === undefined) continue;
      const layers = other.counts.get(stack)!;
      const expectedIn = model.name;
      throw new M2MergeError('layer-count-mismatch', { model: other.model.name, layers, expected, expectedIn, stack });
    }
  }
}

/** A model that is merged as a whole, and how many layers its stacks have. */
interface Member {
  readonly model: PlanModel;
  readonly counts: ReadonlyMap<string, number>;
}

/**
 * Models of which none of the layers have the same names are of different architectures, or one is wrapped in another (a
 * text model and one with vision): side by side they would be no model.
 */
function checkKinship(members: readonly Member[]): void {
  const layered = members.filter(({ counts }) => counts.size > 0);
  for (const { model, counts } of layered) {
    const others = layered.filter((other) => other.model !== model);
    const stacks = [...counts.keys()];
    if (others.length === 0 || others.some((other) => stacks.some((stack) => other.counts.has(stack)))) continue;
    const placeOf = (name: string): string | undefined => model.layout.placeOf(name)?.prefix;
    const names = [...model.checkpoint.tensors.keys()].filter((name) => counts.has(placeOf(name) ?? ''));
    const facts = { model: others[0]!.model.name, presentIn: model.name };
    throw new M2MergeError('tensor-missing', { tensor: names[0]!, count: names.length, ...facts });
  }
}
