/** Merges the documents of one file, each after those whose models it needs; what is there already is kept. */
import { join, resolve } from 'node:path';
import type { Checkpoint } from './checkpoint/checkpoint.js';
import { openCheckpoint } from './checkpoint/folder.js';
import {
  type MergeOptions,
  type MergeResult,
  mergeRecipe,
  type PrepareOptions,
  prepareMerge,
  writesReport,
} from './merge.js';
import { checkOutput, isMadeBy, outputFolderOf } from './output-place.js';
import type { KnownModels } from './plan/inputs.js';
import { stateOfInputs } from './plan/local-models.js';
import type { PreparedMerge } from './plan/plan.js';
import { plannedCheckpoint } from './plan/planned-checkpoint.js';
import type { Recipe } from './recipe/recipe.js';
import { reasonAgainstOutput } from './run/output-folder.js';

/** A document and where its model goes. */
export interface PlacedRecipe {
  readonly recipe: Recipe;
  /** Absolute folder. */
  readonly output: string;
}

export interface PlannedDocument extends PlacedRecipe {
  readonly prepared: PreparedMerge;
}

/**
 * Where the models go. The document without a name makes the file's model; named ones go to folders of their names, in
 * `intermediate`, or else beside that model in `<output>-intermediate`. Without an unnamed document they go into the
 * output itself.
 */
export function placeDocuments(
  recipes: readonly Recipe[],
  chosen: string | undefined,
  intermediate: string | undefined,
): PlacedRecipe[] {
  const [only, ...others] = recipes;
  const last = others.length === 0 ? only : recipes.find(({ name }) => name === undefined);
  const folder = outputFolderOf(last ?? { ...recipes[0]!, output: undefined }, chosen);
  const between = resolve(intermediate ?? (last === undefined ? folder : `${folder}-intermediate`));
  return recipes.map((recipe) => {
    if (recipe === last) return { recipe, output: folder };
    return {
      recipe,
      output: outputFolderOf(recipe, recipe.output === undefined ? join(between, recipe.name!) : undefined),
    };
  });
}

/** Plans all documents before the first weight is read: those that are to come are known by their plans. */
export async function planDocuments(
  documents: readonly PlacedRecipe[],
  options: PrepareOptions,
): Promise<PlannedDocument[]> {
  const known = new Map<string, Checkpoint>();
  const planned: PlannedDocument[] = [];
  for (const document of documents) {
    const prepared = await prepareMerge(document.recipe, { ...options, known });
    await checkOutput(document.output, prepared, document.recipe);
    planned.push({ ...document, prepared });
    const { name } = document.recipe;
    if (name !== undefined) known.set(name, plannedCheckpoint(prepared, document.output));
  }
  return planned;
}

export interface DocumentsOptions extends Omit<MergeOptions, 'output' | 'known'> {
  /** Called before each document; `kept` when its model is there already, made by the same plan. */
  readonly onDocument?: (document: PlannedDocument, kept: boolean) => void;
  /** Called after each that was merged. */
  readonly onMerged?: (result: MergeResult) => Promise<void> | void;
}

/**
 * Merges all documents in their order. Models that are complete, made by the same plan and of inputs in the same state are
 * kept, so that a run that was stopped goes on where it was. Throws as `mergeRecipe` does; what was finished before stays.
 */
export async function mergeDocuments(documents: readonly PlacedRecipe[], given: DocumentsOptions): Promise<void> {
  const options = { run: {}, ...given };
  const planned = await planDocuments(documents, options);
  const known = new Map<string, Checkpoint>();
  let begins = true;
  for (const [index, document] of planned.entries()) {
    const { recipe, output } = document;
    // The models that it needs are there by now, in the state that it is to be made of.
    const isKept = await isThere(document, known, options);
    if (!isKept && begins) await refuseTaken(planned.slice(index), known, options);
    begins &&= isKept;
    options.onDocument?.(document, isKept);
    if (!isKept) await options.onMerged?.(await mergeRecipe(recipe, { ...options, output, known }));
    if (recipe.name !== undefined) known.set(recipe.name, await openCheckpoint(output));
  }
}

/** Whether a document's model is there as it is to be. */
async function isThere(
  { recipe, output, prepared }: PlannedDocument,
  known: KnownModels,
  options: DocumentsOptions,
): Promise<boolean> {
  if (options.overwrite) return false;
  const extras = { sha256: options.sha256 ?? false, report: writesReport(recipe, prepared, options) };
  return isMadeBy(output, prepared.planHash, await stateOfInputs(recipe, known), extras);
}

/**
 * The documents whose models a merge would keep, `known` being there. Those that need one which is made anew are made anew
 * as well.
 */
export async function keptDocuments(
  documents: readonly PlannedDocument[],
  options: DocumentsOptions,
  known: KnownModels = new Map(),
): Promise<ReadonlySet<PlannedDocument>> {
  const kept = new Set<PlannedDocument>();
  const remade = new Set<string>();
  const there = new Map(known);
  for (const document of documents) {
    const { recipe, output, prepared } = document;
    const needsRemade = prepared.folders.some((folder) => remade.has(folder));
    if (needsRemade || !(await isThere(document, there, options))) {
      remade.add(output);
      continue;
    }
    kept.add(document);
    if (recipe.name !== undefined) there.set(recipe.name, await openCheckpoint(output));
  }
  return kept;
}

/**
 * Throws, before the first of some documents is merged, what would be thrown when the turn of one came whose output is
 * taken.
 */
async function refuseTaken(
  documents: readonly PlannedDocument[],
  known: KnownModels,
  options: DocumentsOptions,
): Promise<void> {
  const kept = await keptDocuments(documents, options, known);
  for (const document of documents) {
    if (kept.has(document)) continue;
    const isAllowed = options.overwrite !== undefined && options.overwrite !== false;
    const refusal = await reasonAgainstOutput(document.output, isAllowed);
    if (refusal !== undefined) throw refusal;
  }
}
