/** Makes folders, as Node's recursive `mkdir` should. */
import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { isFolder } from './kind.js';

/**
 * Makes a folder with those above it; returns the topmost that it made, undefined when all are there. Node's own way goes
 * round for ever where a file system has no room for new names, as /proc, and calls a disk that is read-only ENOENT.
 */
export async function makeFolder(path: string): Promise<string | undefined> {
  const code = await tryToMake(path);
  if (code === undefined) return path;
  if (code === 'EEXIST') return undefined;
  const made = await makeFolder(dirname(path));
  const then = await tryToMake(path);
  // Another process may make it meanwhile, or take away what is above.
  if (then === 'ENOENT') return makeFolder(path);
  return made ?? (then === undefined ? path : undefined);
}

/** What stands in the way of a folder: that it is there, or that there is none to put it in; undefined when it is made. */
async function tryToMake(path: string, isAgain = false): Promise<'EEXIST' | 'ENOENT' | undefined> {
  try {
    await mkdir(path);
    return undefined;
  } catch (error) {
    // A disk that cannot be written may say so of folders that are there.
    if (await isFolder(path)) return 'EEXIST';
    const { code } = error as NodeJS.ErrnoException;
    // As systems say of a folder inside of it.
    if (code === 'EEXIST')
      throw Object.assign(new Error(`${path} is no folder`, { cause: error }), { code: 'ENOTDIR' });
    if (code !== 'ENOENT') throw error;
    if (!(await isFolder(dirname(path)))) return 'ENOENT';
    // The folder above may have come after the attempt; when it was there, the file system takes no names.
    if (isAgain) throw error;
    return tryToMake(path, true);
  }
}
