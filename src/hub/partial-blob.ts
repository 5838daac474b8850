/**
 * A large blob on its way into the cache: fetched in pieces side by side into a file of its own, hashed in order as the
 * pieces come, named only when its hash is right. A list of finished pieces lets a later run go on after a kill.
 */
import { createHash, type Hash } from 'node:crypto';
import { type FileHandle, open, readFile, rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { makeFolder } from '../io/make-folder.js';
import { BatchedWriter } from './batched-writer.js';
import type { CachedRepository } from './cache-layout.js';
import type { HubFile } from './repository.js';

/** Bytes of a piece: small enough to lose little to a kill, large enough for requests not to show. */
export const PIECE_BYTES = 8 * 1024 * 1024;

/** Bytes read back at once for hashing. */
const HASH_READ_BYTES = 1024 * 1024;

export interface Piece {
  readonly index: number;
  readonly begin: number;
  readonly end: number;
}

export class PartialBlob {
  readonly file: HubFile;
  readonly #paths: { readonly data: string; readonly log: string; readonly blob: string };
  readonly #handle: FileHandle;
  readonly #log: FileHandle;
  readonly #finished: Set<number>;
  readonly #signal: AbortSignal | undefined;
  readonly #hash: Hash;
  readonly #buffer = Buffer.allocUnsafe(HASH_READ_BYTES);
  #hashedPieces = 0;
  #hashing: Promise<void> = Promise.resolve();

  private constructor(
    file: HubFile,
    paths: { data: string; log: string; blob: string },
    handles: { data: FileHandle; log: FileHandle },
    finished: Set<number>,
    signal: AbortSignal | undefined,
  ) {
    this.file = file;
    this.#paths = paths;
    this.#handle = handles.data;
    this.#log = handles.log;
    this.#finished = finished;
    this.#signal = signal;
    this.#hash = startHash(file);
  }

  /** Opens what an earlier run left, or begins. The caller holds the repository's lock. `signal` ends the hashing. */
  static async open(cache: CachedRepository, file: HubFile, signal?: AbortSignal): Promise<PartialBlob> {
    const hash = blobName(file);
    const paths = {
      data: cache.own('partial', hash),
      log: cache.own('partial', `${hash}.pieces`),
      blob: cache.blob(hash),
    };
    await makeFolder(dirname(paths.data));
    await makeFolder(dirname(paths.blob));
    const known = await readLog(paths.log, file);
    const kept = known !== undefined && (await sizeOf(paths.data)) === file.byteLength;
    const data = await open(paths.data, kept ? 'r+' : 'w+');
    if (!kept) await data.truncate(file.byteLength);
    const log = await open(paths.log, kept ? 'a' : 'w');
    // Behind a line that was torn, the next would be another number.
    if (kept) await log.truncate(known.byteLength);
    else await log.write(logHead(file));
    return new PartialBlob(file, paths, { data, log }, kept ? known.pieces : new Set(), signal);
  }

  /** Bytes of a file that an earlier run has left, so that they need no further room. */
  static async bytesThere(cache: CachedRepository, file: HubFile): Promise<number> {
    const known = await readLog(cache.own('partial', `${blobName(file)}.pieces`), file);
    return Math.min(file.byteLength, (known?.pieces.size ?? 0) * PIECE_BYTES);
  }

  /** Pieces still to fetch, in order. */
  get missing(): Piece[] {
    const pieces: Piece[] = [];
    for (let index = 0; index * PIECE_BYTES < this.file.byteLength; index++) {
      const begin = index * PIECE_BYTES;
      const end = Math.min(this.file.byteLength, begin + PIECE_BYTES);
      if (!this.#finished.has(index)) pieces.push({ index, begin, end });
    }
    return pieces;
  }

  /** Takes the bytes of one piece in order. */
  writer(): BatchedWriter {
    return new BatchedWriter(this.#handle);
  }

  /**
   * Notes a piece that is written. Hashing goes on beside, as far as pieces reach without a gap: a connection that waited
   * for it would stand idle, and so would all when their pieces end at once. `digest` throws what reading throws.
   */
  async finish({ index }: Piece): Promise<void> {
    await this.#log.write(`${index}\n`);
    this.#finished.add(index);
    this.#hashing = this.#hashing.then(() => this.#hashOn());
    this.#hashing.catch(() => {});
  }

  /** The hash of the whole, when every piece is there. Rejects with the signal's reason, and with what reading throws. */
  async digest(): Promise<string> {
    this.#hashing = this.#hashing.then(() => this.#hashOn());
    await this.#hashing;
    return this.#hash.digest('hex');
  }

  /** Gives the blob its name. */
  async commit(): Promise<void> {
    await this.close();
    await rename(this.#paths.data, this.#paths.blob);
    await rm(this.#paths.log, { force: true });
  }

  /** Removes it, so that the next attempt begins anew. */
  async discard(): Promise<void> {
    await this.close();
    await rm(this.#paths.log, { force: true });
    await rm(this.#paths.data, { force: true });
  }

  /** Leaves what is there for a later run. */
  async close(): Promise<void> {
    await this.#hashing.catch(() => {});
    await this.#handle.close();
    await this.#log.close();
  }

  async #hashOn(): Promise<void> {
    for (; this.#finished.has(this.#hashedPieces); this.#hashedPieces++) {
      this.#signal?.throwIfAborted();
      const begin = this.#hashedPieces * PIECE_BYTES;
      const end = Math.min(this.file.byteLength, begin + PIECE_BYTES);
      await hashRange(this.#hash, this.#handle, begin, end, this.#buffer);
    }
  }
}

/** The name of a file's blob in the cache: its sha256, or Git's id of a small file. */
export function blobName({ sha256, oid }: HubFile): string {
  return sha256 ?? oid;
}

/** A hash that ends as `blobName`. */
export function startHash({ sha256, byteLength }: HubFile): Hash {
  return sha256 === undefined ? createHash('sha1').update(`blob ${byteLength}\0`) : createHash('sha256');
}

/** The hash of a file that is there. Throws what reading throws. */
export async function hashFile(path: string, file: HubFile, onBytes: (bytes: number) => void): Promise<string> {
  const hash = startHash(file);
  const handle = await open(path, 'r');
  try {
    const buffer = Buffer.allocUnsafe(HASH_READ_BYTES);
    for (let begin = 0; begin < file.byteLength; begin += PIECE_BYTES) {
      const end = Math.min(file.byteLength, begin + PIECE_BYTES);
      await hashRange(hash, handle, begin, end, buffer);
      onBytes(end - begin);
    }
    return hash.digest('hex');
  } finally {
    await handle.close();
  }
}

async function hashRange(hash: Hash, handle: FileHandle, begin: number, end: number, buffer: Buffer): Promise<void> {
  for (let at = begin; at < end; ) {
    const { bytesRead } = await handle.read(buffer, 0, Math.min(buffer.length, end - at), at);
    if (bytesRead === 0) return;
    hash.update(buffer.subarray(0, bytesRead));
    at += bytesRead;
  }
}

function logHead({ byteLength }: HubFile): string {
  return `m2merge pieces 1 ${byteLength} ${PIECE_BYTES}\n`;
}

/**
 * Pieces an earlier run has finished, and the bytes of the lines that say so; undefined when there was none, or one that
 * cut the file differently.
 */
async function readLog(
  path: string,
  file: HubFile,
): Promise<{ readonly pieces: Set<number>; readonly byteLength: number } | undefined> {
  const text = await readFile(path, 'utf8').catch(() => '');
  const head = logHead(file);
  if (!text.startsWith(head)) return undefined;
  // The last line may be torn.
  const complete = text.slice(0, text.lastIndexOf('\n') + 1);
  const lines = complete
    .slice(head.length)
    .split('\n')
    .filter((line) => /^\d+$/.test(line));
  return { pieces: new Set(lines.map(Number)), byteLength: Buffer.byteLength(complete) };
}

async function sizeOf(path: string): Promise<number | undefined> {
  return stat(path).then(
    ({ size }) => size,
    () => undefined,
  );
}
