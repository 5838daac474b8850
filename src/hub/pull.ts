/**
 * Files of a commit into the cache. The library's own download to the cache checks neither size nor hash, does not
 * resume, lets two processes write one file, and prints to stdout; so this is ours, in the same layout.
 */
import { M2MergeError } from '../errors.js';
import { forEachConcurrently } from '../io/concurrency.js';
import { checkSpace } from '../io/free-space.js';
import { withLock } from '../io/lock.js';
import { makeFolder } from '../io/make-folder.js';
import { writeWhole } from '../io/write-whole.js';
import { type Warning, warning } from '../warnings.js';
import type { CachedRepository } from './cache-layout.js';
import { fetchPieces } from './fetch-pieces.js';
import { blobName, PartialBlob, PIECE_BYTES, startHash } from './partial-blob.js';
import type { RemoteFile } from './range.js';
import type { HubFile } from './repository.js';
import { damageOf, noteVerified } from './verified.js';

/** Requests side by side: enough to fill a fast line whose single connections are slow. */
export const CONNECTIONS = 8;

/** Room left on the disk beside what is fetched, bytes. */
const SPARE_BYTES = 64_000_000;

/** Bytes that came, or that were read to check what was there. */
export interface PullProgress {
  readonly activity: 'fetch' | 'check';
  readonly bytes: number;
}

export interface PullOptions {
  readonly onProgress?: ((progress: PullProgress) => void) | undefined;
  /** Told when another process fetches the same repository. */
  readonly onLocked?: (() => void) | undefined;
  /** Hash also what was checked before. */
  readonly verify?: boolean | undefined;
}

/** One commit in the cache, and how to get what it lacks. */
export interface PullTarget {
  readonly repo: string;
  readonly commit: string;
  readonly cache: CachedRepository;
  readonly signal: AbortSignal | undefined;
  remote(file: HubFile): RemoteFile;
}

/** Makes the files of a commit be in the cache, whole and checked. Throws `disk-full` and what requests throw. */
export async function pullFiles(
  target: PullTarget,
  files: readonly HubFile[],
  options: PullOptions = {},
): Promise<Warning[]> {
  const warnings: Warning[] = [];
  const unusable = async (checked: readonly HubFile[], again: boolean): Promise<HubFile[]> => {
    const missing: HubFile[] = [];
    for (const file of checked)
      if (!(await isReady(target, file, options, again ? undefined : warnings))) missing.push(file);
    return missing;
  };
  const missing = await unusable(files, false);
  if (missing.length === 0) return warnings;
  const large = missing.filter(({ byteLength }) => byteLength > PIECE_BYTES);
  const small = missing.filter(({ byteLength }) => byteLength <= PIECE_BYTES);
  await makeFolder(target.cache.folder);
  if (large.length === 0) await fetchSmall(target, small, options);
  else {
    const { signal, cache } = target;
    await withLock(cache.own('lock'), { signal, onWait: options.onLocked }, async () => {
      // Another process may have fetched some meanwhile.
      const left = await unusable(large, true);
      await checkSpaceFor(target, [...small, ...left]);
      await fetchTogether(target, small, left, options);
    });
  }
  return warnings;
}

/** Whether a file is in the cache, right, and has its place in the snapshot. */
export async function isReady(
  { cache, commit, repo, signal }: PullTarget,
  file: HubFile,
  { onProgress, verify = false }: PullOptions,
  warnings?: Warning[],
): Promise<boolean> {
  const hash = blobName(file);
  const path = (await cache.find(commit, file.path)) ?? cache.blob(hash);
  const onBytes = (bytes: number): void => {
    signal?.throwIfAborted();
    onProgress?.({ activity: 'check', bytes });
  };
  try {
    const damage = await damageOf(cache, file, path, { always: verify, onBytes });
    if (damage !== undefined) {
      warnings?.push(warning('cache-damaged', { file: file.path, repo, property: damage.property }));
      return false;
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
  if (!(await cache.isPlaced(commit, file.path, hash))) await cache.place(commit, file.path, hash);
  return true;
}

/** Fetches small files beside large ones. When one of them cannot be had, the rest of the large ones is left for later. */
async function fetchTogether(
  target: PullTarget,
  small: readonly HubFile[],
  large: readonly HubFile[],
  options: PullOptions,
): Promise<void> {
  const stop = new AbortController();
  const ofSmall = fetchSmall(target, small, options).catch((error: unknown) => {
    stop.abort(error);
    throw error;
  });
  // Whoever holds the lock ends everything before giving it back.
  const ended = await Promise.allSettled([ofSmall, fetchLarge(target, large, options, stop.signal)]);
  for (const outcome of ended) if (outcome.status === 'rejected') throw outcome.reason;
}

/** Fetches files that fit into memory whole. */
async function fetchSmall(target: PullTarget, files: readonly HubFile[], options: PullOptions): Promise<void> {
  await forEachConcurrently(files, CONNECTIONS, async (file) => {
    for (let attempt = 1; ; attempt++) {
      const bytes = Buffer.alloc(file.byteLength);
      await target.remote(file).transfer(0, file.byteLength, (chunk, position) => {
        bytes.set(chunk, position);
        options.onProgress?.({ activity: 'fetch', bytes: chunk.length });
      });
      const found = startHash(file).update(bytes).digest('hex');
      if (found === blobName(file)) {
        await writeWhole(target.cache.blob(found), bytes);
        return settle(target, file);
      }
      if (attempt === 2) throw corrupt(target, file, found);
    }
  });
}

/** Fetches large files in pieces; what comes damaged is fetched once more. */
async function fetchLarge(
  target: PullTarget,
  files: readonly HubFile[],
  options: PullOptions,
  signal: AbortSignal,
): Promise<void> {
  let left = files;
  for (let attempt = 1; left.length > 0; attempt++) {
    const damaged: HubFile[] = [];
    await fetchPieces(left, {
      open: (file) => PartialBlob.open(target.cache, file, target.signal),
      remote: (file) => target.remote(file),
      connections: CONNECTIONS,
      signal,
      onBytes: (bytes) => options.onProgress?.({ activity: 'fetch', bytes }),
      async finished(partial) {
        const { file } = partial;
        const found = await partial.digest().catch(async (error: unknown) => {
          await partial.close();
          throw error;
        });
        if (found === blobName(file)) {
          await partial.commit();
          return settle(target, file);
        }
        await partial.discard();
        if (attempt === 2) throw corrupt(target, file, found);
        damaged.push(file);
      },
    });
    left = damaged;
  }
}

/** A blob that has its name gets its place in the snapshot. */
async function settle({ cache, commit }: PullTarget, file: HubFile): Promise<void> {
  const hash = blobName(file);
  await noteVerified(cache, file, cache.blob(hash));
  await cache.place(commit, file.path, hash);
}

function corrupt({ repo }: PullTarget, file: HubFile, found: string): M2MergeError {
  const property = file.sha256 === undefined ? 'Git id' : 'sha256';
  return new M2MergeError('hub-file-corrupt', { repo, file: file.path, property, expected: blobName(file), found });
}

async function checkSpaceFor({ cache }: PullTarget, files: readonly HubFile[]): Promise<void> {
  let needed = SPARE_BYTES;
  for (const file of files) needed += file.byteLength - (await PartialBlob.bytesThere(cache, file));
  await checkSpace(cache.folder, needed);
}
