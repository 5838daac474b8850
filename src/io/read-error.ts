/** What a file system's refusal to read means. */
import { M2MergeError } from '../errors.js';

/** Why a name that is there cannot be read: as in a cache that was damaged. */
export const LINK_TO_NOTHING = 'it is a link to nothing';

/** The typed error of what could not be read, with the file system's code as reason. */
export function asReadError(error: unknown, path: string): M2MergeError<'file-unreadable'> {
  const { code, message } = error as NodeJS.ErrnoException;
  return new M2MergeError('file-unreadable', { path, reason: code ?? message }, { cause: error });
}
