/** Writes what stands beside merged weights and comes from the inputs: tokenizer, templates, processors, licence. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isTokenizerFile, listSideFiles } from '../checkpoint/side-files.js';
import { M2MergeError } from '../errors.js';
import type { PreparedMerge } from '../plan/plan.js';
import type { OutputFolder } from './output-folder.js';

/** Copies the donor's side files, or another tokenizer's, and writes those that the plan changes. */
export async function writeSideFiles(
  output: OutputFolder,
  { plan, folders, beside }: Pick<PreparedMerge, 'plan' | 'folders' | 'beside'>,
): Promise<void> {
  const donor = folders[plan.donor]!;
  const isElsewhere = (name: string): boolean => beside !== undefined && isTokenizerFile(name);
  await copyFiles(
    output,
    donor,
    (await listSideFiles(donor)).filter((name) => !isElsewhere(name) && !beside?.written.has(name)),
  );
  if (beside === undefined) return;
  const { tokenizer, written, dropped } = beside;
  const names = (await listSideFiles(tokenizer.folder)).filter(isTokenizerFile);
  await copyFiles(
    output,
    tokenizer.folder,
    names.filter((name) => !written.has(name) && !dropped.has(name)),
  );
  for (const [name, bytes] of written) await output.write(name, bytes);
}

async function copyFiles(output: OutputFolder, folder: string, names: readonly string[]): Promise<void> {
  for (const name of names) await output.write(name, await readSideFile(join(folder, name)));
}

async function readSideFile(path: string): Promise<Uint8Array> {
  try {
    return await readFile(path);
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).code ?? String(error);
    throw new M2MergeError('file-unreadable', { path, reason }, { cause: error });
  }
}
