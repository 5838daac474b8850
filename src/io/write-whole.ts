/** Files that others see whole or not at all. */
import { randomBytes } from 'node:crypto';
import { rename, rm, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { makeFolder } from './make-folder.js';

/** Writes a file, and the folders above it, in one step: what was there stays until then, and where it fails. */
export async function writeWhole(path: string, content: string | Uint8Array): Promise<void> {
  await makeFolder(dirname(path));
  const temporary = temporaryName(path);
  try {
    await writeFile(temporary, content);
    await rename(temporary, path);
  } finally {
    await rm(temporary, { force: true });
  }
}

/** A name beside `path` that nobody else uses. */
export function temporaryName(path: string): string {
  return `${path}.${randomBytes(6).toString('hex')}.m2merge-tmp`;
}
