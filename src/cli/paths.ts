/** Paths as the command line shows them and asks about them. */
import { relative, sep } from 'node:path';

/** A path as seen from the working folder, when that is shorter to read. */
export function fromHere(path: string): string {
  const short = relative('.', path);
  if (short === '') return '.';
  return short.startsWith(`..${sep}..`) ? path : short.startsWith('..') ? short : `.${sep}${short}`;
}
