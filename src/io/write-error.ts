/** What a file system's refusal to write means. */
import { M2MergeError } from '../errors.js';

/** Turns a file system error on an output into a typed one; anything else stays as it is. */
export function asWriteError(error: unknown, path: string): unknown {
  const { code } = error as NodeJS.ErrnoException;
  // Aborts have numbers.
  if (typeof code !== 'string') return error;
  if (code === 'ENOSPC' || code === 'EDQUOT') return new M2MergeError('disk-full', { path }, { cause: error });
  return new M2MergeError('output-unwritable', { path, reason: code }, { cause: error });
}
