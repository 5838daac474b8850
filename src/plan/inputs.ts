/** Finds and opens the models a recipe names. */
import { stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { isAbsolute, join, resolve } from 'node:path';
import type { Checkpoint } from '../checkpoint/checkpoint.js';
import { openCheckpoint } from '../checkpoint/folder.js';
import { M2MergeError } from '../errors.js';
import type { Recipe } from '../recipe/recipe.js';
import type { ModelReference } from '../recipe/reference.js';
import type { RecipeCheckpoints } from './build.js';
import type { NamedCheckpoint } from './tensors.js';

/** Opens base and models, each folder once. Throws `model-missing` and what `openCheckpoint` throws. */
export async function openInputs(recipe: Recipe): Promise<RecipeCheckpoints> {
  const opened = new Map<string, Promise<Checkpoint>>();
  const open = async (reference: ModelReference): Promise<NamedCheckpoint> => {
    const folder = await locateModel(reference, recipe);
    if (!opened.has(folder)) opened.set(folder, openCheckpoint(folder));
    return { name: reference.text, checkpoint: await opened.get(folder)! };
  };
  return {
    base: recipe.base && (await open(recipe.base)),
    models: await Promise.all(recipe.models.map(({ reference }) => open(reference))),
  };
}

/** The folder of a model: relative paths start at the recipe's folder, then at the working folder. */
async function locateModel({ text, path, position }: ModelReference, recipe: Recipe): Promise<string> {
  const candidates = candidateFolders(path, recipe.folder);
  for (const candidate of candidates) if (await isFolder(candidate)) return candidate;
  const place = `${recipe.file}:${position.line}:${position.column}`;
  throw new M2MergeError('model-missing', { reference: text, searched: candidates, place });
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
