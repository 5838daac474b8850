/** Which state of a file was read: what tells that it was written to, or that another has taken its name. */
import type { BigIntStats } from 'node:fs';

/** Numbers as text: they are longer than doubles are exact, and messages between threads and JSON are to carry them. */
export interface FileVersion {
  readonly inode: string;
  readonly byteLength: string;
  /** Time of the last change, nanoseconds. */
  readonly modified: string;
}

export function versionOf({ ino, size, mtimeNs }: BigIntStats): FileVersion {
  return { inode: `${ino}`, byteLength: `${size}`, modified: `${mtimeNs}` };
}

/** Whether both hold the same as far as length and time tell. Inodes do not: some network file systems make them anew. */
export function isSameVersion(a: FileVersion, b: FileVersion): boolean {
  return a.byteLength === b.byteLength && a.modified === b.modified;
}
