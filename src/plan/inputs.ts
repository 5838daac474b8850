/** Finds and opens the models a recipe names. */
import { stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { isAbsolute, join, resolve } from 'node:path';
import { addAdapter } from '../checkpoint/adapter.js';
import { openAdapter } from '../checkpoint/adapter-folder.js';
import type { Checkpoint } from '../checkpoint/checkpoint.js';
import { openCheckpoint } from '../checkpoint/folder.js';
import { M2MergeError } from '../errors.js';
import type { Recipe } from '../recipe/recipe.js';
import { type ModelLocation, type ModelReference, referenceText } from '../recipe/reference.js';
import type { RecipeCheckpoints } from './build.js';
import type { NamedCheckpoint } from './tensors.js';

/**
 * Opens base and models, each folder once, with their adapters. Throws `model-missing` and what `openCheckpoint`,
 * `openAdapter` and `addAdapter` throw.
 */
export async function openInputs(recipe: Recipe): Promise<RecipeCheckpoints> {
  const opened = new Map<string, Promise<Checkpoint>>();
  const open = async (reference: ModelReference): Promise<NamedCheckpoint> => {
    const folder = await locate(reference, reference, recipe);
    if (!opened.has(folder)) opened.set(folder, openCheckpoint(folder));
    const checkpoint = await opened.get(folder)!;
    const { text, adapter } = reference;
    if (adapter === undefined) return { name: text, checkpoint };
    const names = { model: referenceText(reference, undefined), adapter: referenceText(adapter, undefined) };
    const opening = openAdapter(await locate(adapter, reference, recipe));
    return { name: text, checkpoint: addAdapter(checkpoint, await opening, names) };
  };
  return {
    base: recipe.base && (await open(recipe.base)),
    bases: await Promise.all(recipe.bases.map(open)),
    models: await Promise.all(recipe.models.map(({ reference }) => open(reference))),
  };
}

/** The folder of a model or its adapter: relative paths start at the recipe's folder, then at the working folder. */
async function locate(location: ModelLocation, { position }: ModelReference, recipe: Recipe): Promise<string> {
  const { path } = location;
  const candidates = candidateFolders(path, recipe.folder);
  for (const candidate of candidates) if (await isFolder(candidate)) return candidate;
  const place = `${recipe.file}:${position.line}:${position.column}`;
  throw new M2MergeError('model-missing', {
    reference: referenceText(location, undefined),
    searched: candidates,
    place,
  });
}

function candidateFolders(written: string, recipeFolder: string | undefined): string[] {
  const path = written.startsWith('~/') ? join(homedir(), written.slice(2)) : written;
  if (isAbsolute(path)) return [path];
  return [...new Set([...(recipeFolder === undefined ? [] : [resolve(recipeFolder, path)]), resolve(path)])];
}

async function isFolder(path: string): Promise<boolean> {
  return stat(path).then(
    (entry) => entry.isDirectory(),
    () => false,
  );
}
