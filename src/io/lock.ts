/**
 * A lock between processes, for what only one of them may do at a time: fetch a repository, so that the second finds what
 * the first has fetched (which saves work, and is no part of correctness), or write into the folder of a sweep. Node has no
 * `flock`, so this is a file of our own and not Python's lock.
 */
import { randomBytes } from 'node:crypto';
import { link, open, readFile, rename, rm, stat, utimes } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { makeFolder } from './make-folder.js';
import { isGone, type Owner, thisProcess } from './owner.js';
import { asWriteError } from './write-error.js';

/** Time between signs of life of the holder, milliseconds. */
const HEARTBEAT = 5000;

/** Silence after which a holder is taken for dead whose process cannot be looked at, milliseconds. */
const DEAD_AFTER = 60_000;

/** Age at which a lock without a mark is of a process that was killed while it made it, milliseconds. */
const UNFINISHED_AFTER = 10_000;

/** Time between two looks at a lock that is held, milliseconds. */
const POLL = 200;

export interface LockOptions {
  readonly signal?: AbortSignal | undefined;
  /** Told once when another process holds the lock, or may, and is waited for. */
  readonly onWait?: (() => void) | undefined;
}

/** Holds the lock at `path` while `work` runs. Throws `output-unwritable` for one that cannot be read or taken away. */
export async function withLock<T>(path: string, options: LockOptions, work: () => Promise<T>): Promise<T> {
  const release = await acquire(path, options);
  try {
    return await work();
  } finally {
    await release();
  }
}

async function acquire(path: string, { signal, onWait }: LockOptions): Promise<Release> {
  await makeFolder(dirname(path));
  const mark = newMark();
  for (let told = false; !(await create(path, mark)); ) {
    signal?.throwIfAborted();
    if (await removeIfDead(path)) continue;
    if (!told) onWait?.();
    told = true;
    await delay(POLL);
  }
  return hold(path, mark);
}

/** Gives the lock back. */
export type Release = () => Promise<void>;

/**
 * Takes the lock at `path`, in a folder that is there; undefined when a process holds it that lives. Of one on another host
 * only its signs of life tell, which are waited for. Throws `output-unwritable` as `withLock`.
 */
export async function tryLock(path: string, { signal, onWait }: LockOptions = {}): Promise<Release | undefined> {
  const mark = newMark();
  let sign: number | undefined;
  while (!(await create(path, mark))) {
    signal?.throwIfAborted();
    if (await removeIfDead(path)) continue;
    const last = await lastSignOf(path);
    if (last === undefined) continue;
    if ((await isOfThisPlace(path)) || (sign !== undefined && last !== sign)) return undefined;
    if (sign === undefined) onWait?.();
    sign = last;
    await delay(POLL);
  }
  return hold(path, mark);
}

const newMark = (): string => JSON.stringify({ ...thisProcess(), id: randomBytes(8).toString('hex') });

/** Who left a mark; undefined for one that is just being made. */
function ownerOf(mark: string): Owner | undefined {
  try {
    const owner: unknown = JSON.parse(mark);
    return typeof owner === 'object' && owner !== null ? (owner as Owner) : undefined;
  } catch {
    return undefined;
  }
}

/** Whether the holder, which is not known to be gone, runs where its process id says that it lives. */
async function isOfThisPlace(path: string): Promise<boolean> {
  // Nobody's where it has just been taken away.
  const mark = await readFile(path, 'utf8').catch(() => '');
  return ownerOf(mark)?.place === thisProcess().place;
}

/** When the holder last showed that it lives, milliseconds; undefined when the lock is gone. */
const lastSignOf = (path: string): Promise<number | undefined> =>
  stat(path).then(
    ({ mtimeMs }) => mtimeMs,
    () => undefined,
  );

/** Shows signs of life until the lock is given back. */
function hold(path: string, mark: string): Release {
  const heartbeat = setInterval(() => {
    const now = new Date();
    void utimes(path, now, now).catch(() => {});
  }, HEARTBEAT);
  heartbeat.unref();
  return async () => {
    clearInterval(heartbeat);
    if ((await readFile(path, 'utf8').catch(() => '')) === mark) await rm(path, { force: true });
  };
}

async function create(path: string, mark: string): Promise<boolean> {
  const file = await open(path, 'wx').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'EEXIST') return undefined;
    throw error;
  });
  if (file === undefined) return false;
  try {
    await file.writeFile(mark);
    return true;
  } catch (error) {
    // Without a mark the others would wait until it is old.
    await rm(path, { force: true });
    throw error;
  } finally {
    await file.close();
  }
}

/** Takes a lock away whose holder is gone. Returns whether there may be none now. */
async function removeIfDead(path: string): Promise<boolean> {
  const mark = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    // One that cannot be read would be looked at for ever.
    if (error.code !== 'ENOENT') throw asWriteError(error, path);
    return undefined;
  });
  const last = await lastSignOf(path);
  if (mark === undefined || last === undefined) return true;
  if (!isDead(mark, Date.now() - last)) return false;
  const removed = `${path}.${randomBytes(6).toString('hex')}`;
  await rename(path, removed).catch((error: NodeJS.ErrnoException) => {
    // One that cannot be taken away would be tried for ever.
    if (error.code !== 'ENOENT') throw asWriteError(error, path);
  });
  // Another process may have taken the dead lock away in between and made its own: that one goes back.
  const found = await readFile(removed, 'utf8').catch(() => mark);
  if (found !== mark) await link(removed, path).catch(() => {});
  await rm(removed, { force: true });
  return true;
}

/** A holder that is known to run may be silent for any time: it was stopped, or the machine slept. */
function isDead(mark: string, age: number): boolean {
  const owner = ownerOf(mark);
  // An unfinished mark is of a process that is just making it.
  if (owner === undefined) return age > UNFINISHED_AFTER;
  const { place } = thisProcess();
  return isGone(owner) || ((owner.place !== place || owner.started === undefined) && age > DEAD_AFTER);
}
