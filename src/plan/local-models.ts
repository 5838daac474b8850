/** Models in folders of this machine: where a recipe may mean them, and which state they are in. */
import { createHash } from 'node:crypto';
import { readdir, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { isAbsolute, join, resolve } from 'node:path';
import { compareUtf8 } from '../checkpoint/order.js';
import { isSideFile } from '../checkpoint/side-files.js';
import { versionOf } from '../io/file-version.js';
import { isFolder } from '../io/kind.js';
import type { Recipe } from '../recipe/recipe.js';
import { type ModelReference, referenceText } from '../recipe/reference.js';

/** The paths that a written one may mean, best first: it starts at the recipe's folder, or at the working folder. */
export function candidatePaths(written: string, recipeFolder: string | undefined): string[] {
  const path = fromHome(written);
  if (isAbsolute(path)) return [path];
  return [...new Set([...(recipeFolder === undefined ? [] : [resolve(recipeFolder, path)]), resolve(path)])];
}

/** A path with the user's folder in the place of `~`, as shells have it. */
export const fromHome = (written: string): string =>
  written.startsWith('~/') ? join(homedir(), written.slice(2)) : written;

/** Whether a file of a model decides what is merged from it, or goes along with that. */
const isDecisive = (name: string): boolean =>
  /\.safetensors$|^(?:adapter_)?config\.json$/.test(name) || isSideFile(name);

/** Hex digits of a state: enough for no two to meet. */
const STATE_DIGITS = 16;

/**
 * A digest of length and time of all weights, configs and side files that a recipe reads from folders of this machine; `made` are the
 * folders of models that it names otherwise. It changes when one of them is written anew. Models on the Hub have no part in
 * it: plans have their commits. Undefined when there are no others.
 */
export async function stateOfInputs(
  recipe: Recipe,
  made: ReadonlyMap<string, { readonly folder: string }> = new Map(),
): Promise<string | undefined> {
  const source = recipe.tokenizer?.source;
  const own = [recipe.base, typeof source === 'object' ? source : undefined].filter((model) => model !== undefined);
  const references = [...own, ...recipe.bases, ...recipe.models.map(({ reference }) => reference)];
  const folders = await Promise.all(references.map((reference) => foldersOf(reference, recipe, made)));
  const states = await Promise.all([...new Set(folders.flat())].map(async (folder) => stateOfFolder(folder)));
  const found = states.filter((state) => state.length > 0);
  if (found.length === 0) return undefined;
  return createHash('sha256').update(JSON.stringify(found)).digest('hex').slice(0, STATE_DIGITS);
}

/** The folders of a model and of its adapter, as far as they are on this machine. */
async function foldersOf(
  reference: ModelReference,
  { folder }: Recipe,
  made: ReadonlyMap<string, { readonly folder: string }>,
): Promise<string[]> {
  const { path, adapter } = reference;
  const known = made.get(referenceText(reference, undefined))?.folder;
  const found = [known ?? (await folderAt(path, folder)), adapter && (await folderAt(adapter.path, folder))];
  return found.filter((place) => place !== undefined);
}

/** The folder that a written path means; undefined where there is none. */
async function folderAt(written: string, recipeFolder: string | undefined): Promise<string | undefined> {
  for (const path of candidatePaths(written, recipeFolder)) if (await isFolder(path)) return path;
  return undefined;
}

/** Name, length and time of the decisive files of a folder. What cannot be looked at is told when it is opened. */
async function stateOfFolder(folder: string): Promise<string[][]> {
  const names = (await readdir(folder).catch(() => [])).filter(isDecisive).sort(compareUtf8);
  const states = await Promise.all(
    names.map(async (name) => {
      const stats = await stat(join(folder, name), { bigint: true }).catch(() => undefined);
      if (stats === undefined) return [];
      const { byteLength, modified } = versionOf(stats);
      return [[name, byteLength, modified]];
    }),
  );
  return states.flat();
}
