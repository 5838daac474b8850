/** Finds each model's part of a drafted tensor: what to do where one lacks it, shares it or has another height. */
import type { TensorLocation } from '../checkpoint/checkpoint.js';
import { parseLayer } from '../checkpoint/layers.js';
import {
  hasTokenRows,
  isHead,
  isOfEveryModel,
  isOptionalByName,
  isTokenEmbedding,
  isVagueHead,
} from '../checkpoint/tensor-roles.js';
import { M2MergeError } from '../errors.js';
import type { RecipeSlice, RecipeSource } from '../recipe/recipe.js';
import type { TensorDraft } from './drafts.js';
import { pathsAbove } from './model-tensors.js';
import type { PlanModel } from './plan-models.js';
import type { PlanNotes } from './plan-notes.js';
import { sharedEmbedding, tiedEmbedding } from './tied-head.js';

/** How embeddings and heads of different heights are merged: cut to the base's, or to the rows that all models have. */
export type RowRule = 'base' | 'common';

export interface Part {
  readonly model: PlanModel;
  /** The tensor's name in the model, for filters; a tied head is still called head. */
  readonly name: string;
  readonly location: TensorLocation;
}

/** What a method makes of parts that are not alike. */
export interface PartRules {
  readonly rows: RowRule;
  /** Whether a tensor of a variant of the base's architecture is that of the only source; else it is left out. */
  readonly copiesAlone: boolean;
  /** Models besides the base without which a tensor is the base's. */
  readonly minimum: number;
}

/** Rows that go by tokens: how many there are, and the tensors of which they are rows. */
export interface RowOrder {
  readonly rows: number;
  covers(parts: readonly Part[]): boolean;
}

/** A tensor of the merged model whose parts are known. */
export interface FoundTensor {
  readonly tensor: string;
  readonly slice: RecipeSlice;
  readonly t: number;
  readonly shape: readonly number[];
  readonly elements: number;
  /** Whether rows go by their tokens instead of their numbers. */
  readonly byToken: boolean;
  readonly base: Part | undefined;
  /** Parts of the sources that have the tensor. */
  readonly sources: readonly (Part & { readonly source: RecipeSource })[];
}

/**
 * Finds the parts of a tensor. Undefined when it is left out, which is noted. A part that ought to be there and is not
 * is noted as well, and thrown with all others by the notes. Throws `shape-mismatch`.
 */
export function findParts(
  draft: TensorDraft,
  rules: PartRules,
  notes: PlanNotes,
  order?: RowOrder,
): FoundTensor | undefined {
  const wanted = [...(draft.base === undefined ? [] : [draft.base]), ...draft.sources];
  const owner = wanted.find(({ model, name }) => locate(model, name) !== undefined)?.model;
  const first = wanted[0]!;
  if (owner === undefined) {
    if (draft.headOf !== undefined) notes.missing(first.model, first.name, draft.headOf);
    return undefined;
  }
  if (locate(first.model, first.name) === undefined) {
    if (hasLost(first, draft)) {
      notes.missing(first.model, first.name, owner);
      return undefined;
    }
    if (draft.base !== undefined) {
      const isCopied = rules.copiesAlone && draft.sources.length === 1 && isOfVariants(first.model, first.name);
      if (isCopied) return copyOf(draft, draft.base.model, rules, notes, order);
      notes.extra(owner, draft.tensor);
      return undefined;
    }
  }
  const base = draft.base && partOf(draft.base);
  const lacking: PlanModel[] = [];
  const sources = draft.sources.flatMap((wantedPart) => {
    const part = partOf(wantedPart);
    if (part !== undefined) return { ...part, source: wantedPart.source };
    if (canLack(wantedPart.model, wantedPart.name)) lacking.push(wantedPart.model);
    else notes.missing(wantedPart.model, wantedPart.name, owner);
    return [];
  });
  const isKept = base !== undefined && sources.length < rules.minimum;
  for (const model of lacking) notes[isKept ? 'kept' : 'partial'](model, draft.tensor);
  return foundOf(draft, { base, sources }, rules, notes, order);
}

/** The tensor of the only source, where nothing is there to merge it with. */
function copyOf(
  draft: TensorDraft,
  without: PlanModel,
  rules: PartRules,
  notes: PlanNotes,
  order: RowOrder | undefined,
): FoundTensor {
  notes.partial(without, draft.tensor);
  return foundOf(draft, { base: partOf(draft.sources[0]!)!, sources: [] }, rules, notes, order);
}

function foundOf(
  draft: TensorDraft,
  { base, sources }: Pick<FoundTensor, 'base' | 'sources'>,
  rules: PartRules,
  notes: PlanNotes,
  order: RowOrder | undefined,
): FoundTensor {
  const parts = base === undefined ? sources : [base, ...sources];
  const byToken = order?.covers(parts) ?? false;
  const { shape, elements } = byToken
    ? shapeByToken(draft.tensor, parts, order!.rows)
    : commonShape(draft.tensor, base, sources, rules.rows, notes);
  return { tensor: draft.tensor, slice: draft.slice, t: draft.t, shape, elements, byToken, base, sources };
}

/** The tensor as the model has it; a head that is tied to the embedding is the embedding. */
export function locate({ checkpoint, layout }: PlanModel, name: string): TensorLocation | undefined {
  const own = checkpoint.tensors.get(name);
  if (own !== undefined) return own;
  return isHead(name) ? tiedEmbedding(name, checkpoint, layout.outside) : sharedEmbedding(name, checkpoint);
}

function partOf({ model, name }: { readonly model: PlanModel; readonly name: string }): Part | undefined {
  const location = locate(model, name);
  return location && { model, name, location };
}

/** Whether the model has tensors of this kind in other layers, or other layers where this one is missing, so that it is lost. */
function isGap({ layout }: PlanModel, name: string): boolean {
  const place = layout.placeOf(name);
  if (place !== undefined)
    return layout.stacks.get(place.prefix)!.layers.some((suffixes) => suffixes.has(place.suffix));
  const layer = parseLayer(name);
  return layer !== undefined && !layout.stacks.has(layer.prefix) && layout.hasPart(layer.prefix);
}

/**
 * Whether the model that decides what the merged one has lacks a tensor that it must have: a model of tokens without a head,
 * to which the embedding is not tied either, has lost it. Without a base nobody decides.
 */
function hasLost({ model, name }: NonNullable<TensorDraft['base']>, draft: TensorDraft): boolean {
  if (canLack(model, name)) return false;
  return draft.base === undefined || isGap(model, name) || isOfEveryModel(draft.tensor);
}

/**
 * Whether a model of a variant of the architecture may do without the tensor: a bias, a kind of tensor that none of its
 * layers has, or a part (as a vision tower) that it lacks as a whole.
 */
function canLack(model: PlanModel, name: string): boolean {
  if (isGap(model, name)) return false;
  if (isOfVariants(model, name)) return true;
  // The module that holds the tensor alone is no part.
  return pathsAbove(name)
    .slice(0, -1)
    .some((path) => !model.layout.hasPart(path));
}

/** Whether variants of an architecture have such a tensor, and others have not. */
function isOfVariants({ layout }: PlanModel, name: string): boolean {
  return isOptionalByName(name) || layout.placeOf(name) !== undefined;
}

type Shaped = Pick<TensorLocation, 'shape' | 'elements'>;

function commonShape(
  tensor: string,
  base: Part | undefined,
  sources: readonly Part[],
  rule: RowRule,
  notes: PlanNotes,
): Shaped {
  const all = base === undefined ? sources : [base, ...sources];
  const first = all[0]!;
  const { shape } = first.location;
  const differing = all.filter(({ location }) => !isSame(location.shape, shape));
  if (differing.length === 0) return first.location;
  const limit = base === undefined || rule === 'common' ? Math.min(...all.map(rowsOf)) : rowsOf(base);
  const isOfTokens =
    hasTokenRows(tensor) &&
    (!isVagueHead(tensor) || all.every(({ model }) => model.layout.outside.some(isTokenEmbedding)));
  const canCut = isOfTokens && all.every(({ location }) => location.lowRank === undefined);
  for (const part of differing) {
    const isCut = canCut && isSame(part.location.shape.slice(1), shape.slice(1)) && rowsOf(part) >= limit;
    if (!isCut) throwMismatch(tensor, part, first);
  }
  for (const part of all) if (rowsOf(part) > limit) notes.cut(part.model, tensor, rowsOf(part), limit);
  const cut = [limit, ...shape.slice(1)];
  return { shape: cut, elements: cut.reduce((product, length) => product * length, 1) };
}

/** The merged vocabulary's rows, of a width that all parts share. */
function shapeByToken(tensor: string, parts: readonly Part[], rows: number): Shaped {
  const [, ...width] = parts[0]!.location.shape;
  const other = parts.find(({ location }) => !isSame(location.shape.slice(1), width));
  if (other !== undefined) throwMismatch(tensor, other, parts[0]!);
  return { shape: [rows, ...width], elements: width.reduce((product, length) => product * length, rows) };
}

const rowsOf = ({ location }: Part): number => location.shape[0] ?? 1;

const isSame = (a: readonly number[], b: readonly number[]): boolean =>
  a.length === b.length && a.every((length, axis) => length === b[axis]);

function throwMismatch(tensor: string, part: Part, expected: Part): never {
  throw new M2MergeError('shape-mismatch', {
    tensor,
    model: part.model.name,
    shape: part.location.shape,
    expected: expected.location.shape,
    expectedIn: expected.model.name,
  });
}
