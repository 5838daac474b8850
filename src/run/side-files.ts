/** Writes what stands beside merged weights and comes from the inputs: tokenizer, templates, processors, licence. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isTokenizerFile, listSideFiles } from '../checkpoint/side-files.js';
import { asReadError } from '../io/read-error.js';
import type { PreparedMerge } from '../plan/plan.js';
import type { OutputFolder } from './output-folder.js';

/** Copies the donor's side files, or another tokenizer's, and writes those that the plan changes. Returns their names. */
export async function writeSideFiles(
  output: OutputFolder,
  { plan, folders, beside }: Pick<PreparedMerge, 'plan' | 'folders' | 'beside'>,
): Promise<readonly string[]> {
  const donor = folders[plan.donor]!;
  const isWritten = (name: string): boolean => beside?.written.has(name) ?? false;
  const isElsewhere = (name: string): boolean => isWritten(name) || (beside !== undefined && isTokenizerFile(name));
  const own = (await listSideFiles(donor)).filter((name) => !isElsewhere(name));
  await copyFiles(output, donor, own);
  if (beside === undefined) return own;
  const { tokenizer, written, dropped } = beside;
  const files = (await listSideFiles(tokenizer.folder)).filter(isTokenizerFile);
  const kept = files.filter((name) => !isWritten(name) && !dropped.has(name));
  await copyFiles(output, tokenizer.folder, kept);
  for (const [name, bytes] of written) await output.write(name, bytes);
  return [...own, ...kept, ...written.keys()];
}

async function copyFiles(output: OutputFolder, folder: string, names: readonly string[]): Promise<void> {
  for (const name of names) await output.write(name, await readSideFile(join(folder, name)));
}

/** A file that goes along with weights. Throws `file-unreadable`. */
export async function readSideFile(path: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (error) {
    throw asReadError(error, path);
  }
}
