/** The files of a report in a folder of the user's: all of them or none, and the old ones stay until the new ones are whole. */
import { access, constants, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { M2MergeError } from '../errors.js';
import type { GeometryResult } from '../geometry/result.js';
import { makeFolder } from '../io/make-folder.js';
import { asWriteError } from '../io/write-error.js';
import { temporaryName } from '../io/write-whole.js';
import { writeReport } from '../report/geometry-files.js';
import { nearestFolder, removeEmptyFolders } from '../run/output-folder.js';

/** Checks before any work is done that files can be made there later; makes none. Throws `output-unwritable`. */
export async function checkReportFolder(folder: string): Promise<void> {
  try {
    const nearest = await nearestFolder(folder);
    if (!(await stat(nearest)).isDirectory()) {
      throw new M2MergeError('output-unwritable', { path: folder, reason: 'ENOTDIR' });
    }
    await access(nearest, constants.W_OK);
  } catch (error) {
    throw asWriteError(error, folder);
  }
}

/**
 * Writes the report. Throws `disk-full`, `output-unwritable` and the signal's reason, and leaves nothing behind when it
 * does.
 */
export async function writeReportFolder(folder: string, result: GeometryResult, signal: AbortSignal): Promise<void> {
  // Several runs may write to one folder; the last is what stays.
  const parts = new Map<string, string>();
  let made: string | undefined;
  try {
    made = await makeFolder(folder);
    await writeReport(result, async (name, text) => {
      const path = join(folder, name);
      const part = temporaryName(path);
      parts.set(part, path);
      await writeFile(part, text, { signal });
    });
    signal.throwIfAborted();
    for (const [part, path] of parts) await rename(part, path);
  } catch (error) {
    for (const part of parts.keys()) await rm(part, { force: true }).catch(() => {});
    if (made !== undefined) await removeEmptyFolders(folder, made);
    signal.throwIfAborted();
    throw asWriteError(error, folder);
  }
}
