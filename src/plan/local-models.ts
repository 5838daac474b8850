/** Models in folders of this machine: where a recipe may mean them, and which state they are in. */
import { createHash } from 'node:crypto';
import { readdir, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { isAbsolute, join, resolve } from 'node:path';
import { compareUtf8 } from '../checkpoint/order.js';
import { isSideFile, TEMPLATE_FOLDER } from '../checkpoint/side-files.js';
import { versionOf } from '../io/file-version.js';
import { isFile, isFolder } from '../io/kind.js';
import type { Recipe } from '../recipe/recipe.js';
import { type ModelReference, referenceText } from '../recipe/reference.js';

/** The paths that a written one may mean, best first: it starts at the recipe's folder, or at the working folder. */
export function candidatePaths(written: string, recipeFolder: string | undefined): string[] {
  const path = fromHome(written);
  if (isAbsolute(path)) return [path];
  return [...new Set([...(recipeFolder === undefined ? [] : [resolve(recipeFolder, path)]), resolve(path)])];
}

/** The first of some paths where there is what is looked for. */
export async function firstThere(
  paths: readonly string[],
  isThere: (path: string) => Promise<boolean>,
): Promise<string | undefined> {
  for (const path of paths) if (await isThere(path)) return path;
  return undefined;
}

/** A path with the user's folder in the place of `~`, as shells have it. */
export const fromHome = (written: string): string =>
  written.startsWith('~/') ? join(homedir(), written.slice(2)) : written;

/** Whether a file of a model decides what is merged from it, or goes along with that. */
const isDecisive = (name: string): boolean =>
  /\.safetensors(?:\.index\.json)?$|^(?:adapter_)?config\.json$/.test(name) || isSideFile(name);

/** Hex digits of the state of one folder or file: enough for no two of its states to meet. */
const STATE_DIGITS = 12;

/** Stands for what is not on this machine. */
const ABSENT = '-';

/** Parts the states of what a recipe reads. */
const SEPARATOR = '.';

/**
 * For each folder or file of this machine that a recipe may read, in the order in which it names them, a digest of length
 * and time: of a model's or adapter's weights, configs and side files, and of its chat template. `made` are the folders of
 * models that it names otherwise. Models on the Hub have no part in it: plans have their commits. Undefined when nothing is
 * on this machine.
 */
export async function stateOfInputs(
  recipe: Recipe,
  made: ReadonlyMap<string, { readonly folder: string }> = new Map(),
): Promise<string | undefined> {
  const source = recipe.tokenizer?.source;
  const own = [recipe.base, typeof source === 'object' ? source : undefined].filter((model) => model !== undefined);
  const references = [...own, ...recipe.bases, ...recipe.models.map(({ reference }) => reference)];
  const folders = (await Promise.all(references.map((reference) => foldersOf(reference, recipe, made)))).flat();
  const known = new Map<string, Promise<string>>();
  const states = folders.map((folder) => {
    if (folder === undefined) return ABSENT;
    const state = known.get(folder) ?? stateOfFolder(folder);
    known.set(folder, state);
    return state;
  });
  const found = await Promise.all([...states, ...(await templateState(recipe))]);
  return found.every((state) => state === ABSENT) ? undefined : found.join(SEPARATOR);
}

/** Whether nothing was written anew between two states. What is gone was not; whoever needs it says so. */
export function isSameState(before: string | undefined, now: string | undefined): boolean {
  if (now === undefined) return true;
  const [earlier, later] = [before?.split(SEPARATOR) ?? [], now.split(SEPARATOR)];
  return earlier.length === later.length && later.every((state, i) => state === ABSENT || state === earlier[i]);
}

/** The folders of a model and of its adapter, if it has one; undefined for what is not on this machine. */
async function foldersOf(
  reference: ModelReference,
  { folder }: Recipe,
  made: ReadonlyMap<string, { readonly folder: string }>,
): Promise<(string | undefined)[]> {
  const { path, adapter } = reference;
  const known = made.get(referenceText(reference, undefined))?.folder;
  const model = known ?? (await firstThere(candidatePaths(path, folder), isFolder));
  return adapter === undefined ? [model] : [model, await firstThere(candidatePaths(adapter.path, folder), isFolder)];
}

/** Of a template that the recipe takes from a file; nothing where it takes none. */
async function templateState({ chatTemplate, folder }: Recipe): Promise<string[]> {
  if (typeof chatTemplate !== 'object' || !('file' in chatTemplate)) return [];
  const path = await firstThere(candidatePaths(chatTemplate.file, folder), isFile);
  return [path === undefined ? ABSENT : digestOf([await versionAt(path, '')])];
}

async function stateOfFolder(folder: string): Promise<string> {
  const namesIn = (path: string) => readdir(path).catch((): string[] => []);
  const names = await namesIn(folder);
  const templates = names.includes(TEMPLATE_FOLDER) ? await namesIn(join(folder, TEMPLATE_FOLDER)) : [];
  const decisive = [...names, ...templates.map((name) => `${TEMPLATE_FOLDER}/${name}`)].filter(isDecisive);
  return digestOf(await Promise.all(decisive.sort(compareUtf8).map((name) => versionAt(join(folder, name), name))));
}

/** Name, length and time of a file. What cannot be looked at is told when it is opened. */
async function versionAt(path: string, name: string): Promise<string[]> {
  const stats = await stat(path, { bigint: true }).catch(() => undefined);
  if (stats === undefined) return [name];
  const { byteLength, modified } = versionOf(stats);
  return [name, byteLength, modified];
}

const digestOf = (versions: readonly string[][]): string =>
  createHash('sha256').update(JSON.stringify(versions)).digest('hex').slice(0, STATE_DIGITS);
