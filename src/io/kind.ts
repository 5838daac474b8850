/** What a path leads to; nothing, or what may not be asked about, is neither. */
import { stat } from 'node:fs/promises';

/** Whether there is a folder, maybe behind links. */
export const isFolder = (path: string): Promise<boolean> =>
  stat(path).then(
    (entry) => entry.isDirectory(),
    () => false,
  );

/** Whether there is a regular file, maybe behind links. */
export const isFile = (path: string): Promise<boolean> =>
  stat(path).then(
    (entry) => entry.isFile(),
    () => false,
  );
