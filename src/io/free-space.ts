/** Room on a disk. */
import { statfs } from 'node:fs/promises';
import { M2MergeError } from '../errors.js';

/** Bytes an ordinary user can still write where `folder` lies. */
export async function freeBytes(folder: string): Promise<number> {
  const { bavail, bsize } = await statfs(folder);
  return bavail * bsize;
}

/** Throws `disk-full` unless so many bytes are free where `folder` lies. */
export async function checkSpace(folder: string, needed: number): Promise<void> {
  const available = await freeBytes(folder);
  if (available < needed) throw new M2MergeError('disk-full', { path: folder, needed, available });
}
