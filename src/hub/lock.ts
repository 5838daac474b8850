/**
 * A lock between processes that fetch the same repository, so that the second finds what the first has fetched. It
 * saves work and is no part of correctness: blobs are checked against their hash before they get their name. Node has
 * no `flock`, so this is a file of our own and not Python's lock.
 */
import { randomBytes } from 'node:crypto';
import { link, mkdir, open, readFile, rename, rm, stat, utimes } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { isGone, type Owner, thisProcess } from '../io/owner.js';

/** Time between signs of life of the holder, milliseconds. */
const HEARTBEAT = 5000;

/** Silence after which a holder on another host is taken for dead, milliseconds. */
const DEAD_AFTER = 60_000;

/** Time between two looks at a lock that is held, milliseconds. */
const POLL = 200;

export interface LockOptions {
  readonly signal?: AbortSignal | undefined;
  /** Told once when another process holds the lock. */
  readonly onWait?: (() => void) | undefined;
}

/** Holds the lock at `path` while `work` runs. */
export async function withLock<T>(path: string, options: LockOptions, work: () => Promise<T>): Promise<T> {
  const release = await acquire(path, options);
  try {
    return await work();
  } finally {
    await release();
  }
}

async function acquire(path: string, { signal, onWait }: LockOptions): Promise<() => Promise<void>> {
  await mkdir(dirname(path), { recursive: true });
  const mark = JSON.stringify({ ...thisProcess(), id: randomBytes(8).toString('hex') });
  for (let told = false; !(await create(path, mark)); ) {
    signal?.throwIfAborted();
    if (await removeIfDead(path)) continue;
    if (!told) onWait?.();
    told = true;
    await delay(POLL);
  }
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
  const mark = await readFile(path, 'utf8').catch(() => undefined);
  const age = await stat(path).then(
    ({ mtimeMs }) => Date.now() - mtimeMs,
    () => undefined,
  );
  if (mark === undefined || age === undefined) return true;
  if (!isDead(mark, age)) return false;
  const removed = `${path}.${randomBytes(6).toString('hex')}`;
  await rename(path, removed).catch(() => {});
  // Another process may have taken the dead lock away in between and made its own: that one goes back.
  const found = await readFile(removed, 'utf8').catch(() => mark);
  if (found !== mark) await link(removed, path).catch(() => {});
  await rm(removed, { force: true });
  return true;
}

function isDead(mark: string, age: number): boolean {
  if (age > DEAD_AFTER) return true;
  try {
    return isGone(JSON.parse(mark) as Owner);
  } catch {
    // An unfinished mark is of a process that is just making it.
    return false;
  }
}
