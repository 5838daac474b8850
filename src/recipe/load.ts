/** Reads a recipe's file. The only part of the recipe language that knows of files. */
import { type FileHandle, open } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { M2MergeError } from '../errors.js';
import { MAX_RECIPE_LENGTH } from './document.js';
import { parseRecipe, type RecipeOrigin } from './parse.js';
import type { Recipe } from './recipe.js';

/**
 * Reads and checks the recipe at `path`, which may be a file URL (UTF-8, with or without a byte order mark). Relative model paths of the recipe
 * start at its folder. Throws `recipe-missing`, `recipe-unreadable` or `recipe-invalid`.
 */
export async function loadRecipe(path: string | URL): Promise<Recipe> {
  const { text, origin } = await readRecipe(pathOf(path));
  return parseRecipe(text, origin);
}

function pathOf(path: string | URL): string {
  if (path instanceof URL) return fileURLToPath(path);
  if (typeof path === 'string') return path;
  throw new M2MergeError('usage', { message: `expected the path of a recipe, found a value of type ${typeof path}` });
}

/** What a recipe's file holds, and where it is. */
export interface RecipeText {
  readonly text: string;
  readonly origin: RecipeOrigin;
}

/**
 * Reads a recipe's file and no more: once, since what comes through a pipe is gone then. Throws
 * `recipe-missing`, `recipe-unreadable`, and `recipe-invalid` when it is no text.
 */
export async function readRecipe(path: string): Promise<RecipeText> {
  const text = decode(await readBounded(path), path);
  return { text, origin: { file: path, folder: dirname(resolve(path)) } };
}

/** Reads at most one byte more than a recipe may have: also from pipes and devices, which have no size. */
async function readBounded(path: string): Promise<Uint8Array> {
  let file: FileHandle | undefined;
  try {
    file = await open(path, 'r');
    const buffer = new Uint8Array(MAX_RECIPE_LENGTH + 1);
    let length = 0;
    while (length < buffer.length) {
      const { bytesRead } = await file.read(buffer, length, buffer.length - length);
      if (bytesRead === 0) break;
      length += bytesRead;
    }
    if (length > MAX_RECIPE_LENGTH) throwProblem(path, `the recipe is longer than ${MAX_RECIPE_LENGTH} bytes`);
    return buffer.subarray(0, length);
  } catch (error) {
    throw asRecipeError(error, path);
  } finally {
    await file?.close();
  }
}

function decode(bytes: Uint8Array, path: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    const before = new TextDecoder('utf-8').decode(bytes).split('\uFFFD', 1)[0]!.split('\n');
    const place = { line: before.length, column: before.at(-1)!.length + 1 };
    return throwProblem(path, 'the recipe is not UTF-8 text', place, 'save the file as UTF-8');
  }
}

function throwProblem(file: string, message: string, place = { line: 1, column: 1 }, hint?: string): never {
  const problem = { ...place, path: '', message, ...(hint === undefined ? {} : { hint }) };
  throw new M2MergeError('recipe-invalid', { file, problems: [problem] });
}

function asRecipeError(error: unknown, path: string): unknown {
  if (!(error instanceof Error) || !('code' in error)) return error;
  if (error.code === 'ENOENT' || error.code === 'ENOTDIR') {
    return new M2MergeError('recipe-missing', { path }, { cause: error });
  }
  const reason = error.code === 'EISDIR' ? 'it is a folder, and a recipe is a YAML file' : error.message;
  return new M2MergeError('recipe-unreadable', { path, reason }, { cause: error });
}
