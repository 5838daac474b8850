/** Local files as byte sources. */
import { constants, type FileHandle, lstat, open } from 'node:fs/promises';
import { M2MergeError } from '../errors.js';
import { type FileVersion, versionOf } from './file-version.js';
import { LINK_TO_NOTHING } from './read-error.js';
import type { ByteSource } from './source.js';

/** Most bytes of one read call. Node 20 aborts the whole process when a single read asks for 2^31 bytes or more. */
export const MAX_READ_BYTES = 64 * 1024 * 1024;

/**
 * Opens a regular file, following symbolic links. The caller closes the source. Throws `file-missing` and
 * `file-unreadable`, the latter also for folders, pipes and devices, without waiting for a pipe's other end.
 */
export async function openFileSource(path: string): Promise<ByteSource> {
  const handle = await openWithoutWaiting(path);
  try {
    const stats = await handle.stat({ bigint: true });
    if (!stats.isFile()) throw new M2MergeError('file-unreadable', { path, reason: 'not a regular file' });
    return new FileSource(path, versionOf(stats), handle);
  } catch (error) {
    await handle.close();
    throw error;
  }
}

async function openWithoutWaiting(path: string): Promise<FileHandle> {
  try {
    // Opening a pipe blocks a thread until somebody writes to it, unless it is opened non-blocking.
    return await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') {
      // As damaged caches have them.
      const isLink = await lstat(path).then(
        (entry) => entry.isSymbolicLink(),
        () => false,
      );
      if (isLink) throw new M2MergeError('file-unreadable', { path, reason: LINK_TO_NOTHING }, { cause: error });
      throw new M2MergeError('file-missing', { path, purpose: 'file' }, { cause: error });
    }
    throw unreadable(path, error);
  }
}

class FileSource implements ByteSource {
  readonly name: string;
  readonly byteLength: number;
  readonly version: FileVersion;
  readonly #handle: FileHandle;

  constructor(name: string, version: FileVersion, handle: FileHandle) {
    this.name = name;
    this.version = version;
    this.byteLength = Number(version.byteLength);
    this.#handle = handle;
  }

  async read(begin: number, end: number, target: Uint8Array): Promise<void> {
    const expected = end - begin;
    if (begin < 0 || expected < 0 || target.byteLength < expected) {
      throw new RangeError(`cannot read bytes [${begin}, ${end}) into ${target.byteLength} bytes`);
    }
    let found = 0;
    while (found < expected) {
      const bytesRead = await this.#readOnce(target, found, Math.min(expected - found, MAX_READ_BYTES), begin + found);
      if (bytesRead === 0) throw new M2MergeError('read-short', { file: this.name, position: begin, expected, found });
      found += bytesRead;
    }
  }

  async #readOnce(target: Uint8Array, offset: number, length: number, position: number): Promise<number> {
    try {
      return (await this.#handle.read(target, offset, length, position)).bytesRead;
    } catch (error) {
      throw unreadable(this.name, error);
    }
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }
}

function unreadable(path: string, error: unknown): M2MergeError {
  return new M2MergeError('file-unreadable', { path, reason: (error as Error).message }, { cause: error });
}
