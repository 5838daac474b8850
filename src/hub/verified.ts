/** Which blobs of a cache are known to have their hash: those fetched here, and those that were read once to find out. */
import { readFile, stat } from 'node:fs/promises';
import { writeWhole } from '../io/write-whole.js';
import type { CachedRepository } from './cache-layout.js';
import { blobName, hashFile } from './partial-blob.js';
import type { HubFile } from './repository.js';

/** What is wrong with a blob; undefined when nothing is. */
export type Damage = { readonly property: 'size' | 'hash' } | undefined;

/**
 * Checks the size of a cached file, and its hash unless it was checked before and has not been touched since.
 * `onBytes` is told of bytes that had to be read for it.
 */
export async function damageOf(
  cache: CachedRepository,
  file: HubFile,
  path: string,
  { always, onBytes }: { readonly always: boolean; readonly onBytes: (bytes: number) => void },
): Promise<Damage> {
  const { size } = await stat(path);
  if (size !== file.byteLength) return { property: 'size' };
  if (!always && (await readFile(recordOf(cache, file), 'utf8').catch(() => '')) === (await stateOf(path)))
    return undefined;
  if ((await hashFile(path, file, onBytes)) !== blobName(file)) return { property: 'hash' };
  await noteVerified(cache, file, path);
  return undefined;
}

/** Remembers that the blob at `path` has its hash; in a cache that cannot be written to it is hashed again. */
export async function noteVerified(cache: CachedRepository, file: HubFile, path: string): Promise<void> {
  const state = await stateOf(path);
  await writeWhole(recordOf(cache, file), state).catch(() => {});
}

function recordOf(cache: CachedRepository, file: HubFile): string {
  return cache.own('verified', blobName(file));
}

async function stateOf(path: string): Promise<string> {
  const { size, mtimeMs } = await stat(path);
  return `${size} ${mtimeMs}\n`;
}
