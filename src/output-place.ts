/** Where a merged model goes, and that it is nowhere near what is being read. */
import { readdir, readFile, realpath } from 'node:fs/promises';
import { basename, dirname, extname, isAbsolute, join, relative, resolve, sep } from 'node:path';
import { GEOMETRY_FILE, MANIFEST_FILE } from './checkpoint/side-files.js';
import { M2MergeError } from './errors.js';
import { isFile } from './io/kind.js';
import { fromHome, isSameState } from './plan/local-models.js';
import type { PreparedMerge } from './plan/plan.js';
import type { Recipe } from './recipe/recipe.js';
import { behindLinks } from './run/output-folder.js';

/** Where a recipe's model goes: where it is told to, or below ./merged, by the name of the recipe's file. */
export function outputFolderOf(recipe: Recipe, chosen: string | undefined): string {
  if (chosen !== undefined) return resolve(chosen);
  if (recipe.output !== undefined) return resolve(recipe.folder ?? '.', fromHome(recipe.output));
  // What stands for a file that there is none of has signs that not all file systems have.
  return resolve('merged', basename(recipe.file, extname(recipe.file)).replace(/[<>]/g, ''));
}

/** What a model is asked to have beside its weights. */
export interface Extras {
  readonly sha256: boolean;
  readonly report: boolean;
}

/**
 * Whether a folder holds the model that the plan of this hash makes of inputs in this state, as its manifest says, with
 * what is asked for beside it.
 */
export async function isMadeBy(
  folder: string,
  planHash: string,
  inputState: string | undefined,
  { sha256, report }: Extras = { sha256: false, report: false },
): Promise<boolean> {
  try {
    const manifest = JSON.parse(await readFile(join(folder, MANIFEST_FILE), 'utf8')) as ManifestMarks;
    const isSame = manifest.plan === planHash && isSameState(manifest.inputState, inputState);
    const isHashed = !sha256 || manifest.outputs.every((output) => output.sha256 !== undefined);
    return isSame && isHashed && (!report || (await isFile(join(folder, GEOMETRY_FILE))));
  } catch {
    return false;
  }
}

/** What of a manifest tells one merge from another. */
interface ManifestMarks {
  readonly plan: unknown;
  readonly inputState: string | undefined;
  readonly outputs: readonly { readonly sha256?: unknown }[];
}

/** Refuses an output that is an input, lies in one or holds one: replacing it would destroy what is being read. */
export async function checkDistinct(output: string, { plan, folders, paths, beside }: PreparedMerge): Promise<void> {
  const place = await realPlaceOf(output);
  const inputs = folders.map((folder, input) => [plan.inputs[input]!.reference, folder, paths[input]!] as const);
  const tokenizer = beside?.tokenizer.folder;
  if (tokenizer !== undefined && !folders.includes(tokenizer)) inputs.push([basename(tokenizer), tokenizer, []]);
  for (const [model, folder, files] of inputs) {
    const own = await Promise.all([...new Set([folder, ...files.map(dirname)])].map(withoutLinks));
    const overlaps = own.some((inner) => holds(place, inner) || holds(inner, place));
    if (!overlaps && !(await linkedPlaces(folder, files)).some((path) => holds(place, path))) continue;
    throw new M2MergeError('output-overlaps-input', { path: output, model });
  }
}

/** Where links among a model's files lead: its weights (the file of an adapter lies in a folder of its own), and all else in its folder. */
async function linkedPlaces(folder: string, files: readonly string[]): Promise<readonly string[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  const links = entries.filter((entry) => entry.isSymbolicLink()).map(({ name }) => join(folder, name));
  return Promise.all([...files, ...links].map(withoutLinks));
}

/** Refuses merges of one run that would write into each other's folders. Throws `usage`. */
export async function checkApart(named: readonly string[]): Promise<void> {
  const outputs = await Promise.all(named.map(realPlaceOf));
  for (const [i, output] of outputs.entries()) {
    const other = outputs.slice(0, i).find((earlier) => holds(earlier, output) || holds(output, earlier));
    if (other === undefined) continue;
    const message = other === output ? `two models are to go to ${output}` : `${output} and ${other} lie in each other`;
    throw new M2MergeError('usage', { message, hint: 'give each an output of its own' });
  }
}

/** Refuses an output that replacing would destroy what is being read, or what the user works with. */
export async function checkOutput(output: string, prepared: PreparedMerge, recipe: Recipe): Promise<void> {
  await checkDistinct(output, prepared);
  await checkSpared(output, recipe);
}

/** Refuses an output that holds the recipe, its chat template or the working folder. */
async function checkSpared(output: string, { file, folder, chatTemplate }: Recipe): Promise<void> {
  const place = await realPlaceOf(output);
  const entries = await readdir(place).catch(() => undefined);
  // One that is made or filled anew holds nothing but maybe the working folder, which would be another afterwards.
  const spared: [what: string, path: string][] = entries === undefined ? [] : [['the working folder', resolve('.')]];
  if (folder !== undefined) spared.push(['the recipe', resolve(file)]);
  if (typeof chatTemplate === 'object' && 'file' in chatTemplate) {
    spared.push(['the chat template', resolve(folder ?? '.', chatTemplate.file)]);
  }
  for (const [what, path] of spared) {
    if (holds(place, await withoutLinks(path))) throw new M2MergeError('output-holds', { path: output, what });
  }
}

/** Where an output is made, whatever links lead there. */
const realPlaceOf = async (output: string): Promise<string> => withoutLinks(await behindLinks(output));

function holds(outer: string, inner: string): boolean {
  const path = relative(outer, inner);
  return path === '' || !(path.split(sep)[0] === '..' || isAbsolute(path));
}

/** Where an absolute path leads: links are followed as far as it exists. */
async function withoutLinks(path: string): Promise<string> {
  const parent = dirname(path);
  return realpath(path).catch(async () => (parent === path ? path : join(await withoutLinks(parent), basename(path))));
}
