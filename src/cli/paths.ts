/** Paths as the command line shows them and asks about them. */
import { stat } from 'node:fs/promises';
import { dirname, relative, sep } from 'node:path';

/** A path as seen from the working folder, when that is shorter to read. */
export function fromHere(path: string): string {
  const short = relative('.', path);
  if (short === '') return '.';
  return short.startsWith(`..${sep}..`) ? path : short.startsWith('..') ? short : `.${sep}${short}`;
}

/** The closest folder at or above `path` that exists. */
export async function nearestFolder(path: string): Promise<string> {
  for (let folder = path; ; folder = dirname(folder)) {
    const exists = await stat(folder).then(
      () => true,
      () => false,
    );
    if (exists || folder === dirname(folder)) return folder;
  }
}
