/** Makes folders, as Node's recursive `mkdir` should. */
import { mkdir, stat } from 'node:fs/promises';
import { dirname } from 'node:path';

/**
 * Makes a folder with those above it; returns the topmost that it made, undefined when all are there. Node's own way goes
 * round for ever where a file system has no room for new names, as /proc, and calls a disk that is read-only ENOENT.
 */
export async function makeFolder(path: string): Promise<string | undefined> {
  const code = await tryToMake(path);
  if (code === undefined) return path;
  if (code === 'EEXIST') return undefined;
  const made = await makeFolder(dirname(path));
  // Another process may make it meanwhile.
  const isOurs = (await tryToMake(path)) === undefined;
  return made ?? (isOurs ? path : undefined);
}

/** What stands in the way of a folder: that it is there, or that there is none to put it in; undefined when it is made. */
async function tryToMake(path: string): Promise<'EEXIST' | 'ENOENT' | undefined> {
  try {
    await mkdir(path);
    return undefined;
  } catch (error) {
    // A disk that cannot be written may say so of folders that are there.
    if (await isFolder(path)) return 'EEXIST';
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' && !(await isFolder(dirname(path)))) return 'ENOENT';
    throw error;
  }
}

const isFolder = (path: string): Promise<boolean> =>
  stat(path).then(
    (entry) => entry.isDirectory(),
    () => false,
  );
