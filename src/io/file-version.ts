/** Which state of a file was read: what tells that it was written to, or that another has taken its name. */

/** Numbers as text: they are longer than doubles are exact, and messages between threads and JSON are to carry them. */
export interface FileVersion {
  readonly inode: string;
  readonly byteLength: string;
  /** Time of the last change, nanoseconds. */
  readonly modified: string;
}

/** From what the file system says of a file, in whole numbers of any size. */
export function versionOf({ ino, size, mtimeNs }: Record<'ino' | 'size' | 'mtimeNs', bigint>): FileVersion {
  return { inode: `${ino}`, byteLength: `${size}`, modified: `${mtimeNs}` };
}

/** Whether both hold the same as far as length and time tell. Inodes do not: some network file systems make them anew. */
export function isSameVersion(a: FileVersion, b: FileVersion): boolean {
  return a.byteLength === b.byteLength && a.modified === b.modified;
}
