/** What a file system's refusal to read means. */
import { M2MergeError } from '../errors.js';

/** The typed error of what could not be read, with the file system's code as reason. */
export function asReadError(error: unknown, path: string): M2MergeError<'file-unreadable'> {
  const { code, message } = error as NodeJS.ErrnoException;
  return new M2MergeError('file-unreadable', { path, reason: code ?? message }, { cause: error });
}
