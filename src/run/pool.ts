/** A fixed set of workers that take tasks in order; the first failure ends them all. */
import { setTimeout as after } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { M2MergeError } from '../errors.js';
import type { Crew } from './crew.js';
import {
  END,
  type PoolMessage,
  type Task,
  type TaskResult,
  type WorkerReply,
  type WorkerRequest,
  type WorkerSetup,
} from './task.js';
import { TaskQueue } from './task-queue.js';

/** Tasks a worker holds at once: the one it does and the next, so that it never waits for a message. */
const TASKS_PER_WORKER = 2;

/** The same where the pool's thread works too: one more, which is done while that cannot hand out another. */
const TASKS_BESIDE_CALLER = 3;

/** The calling thread takes the next task when it has done one, and leaves the others to those that have nothing to do. */
const TASKS_OF_CALLER = 1;

/** A task's result and the worker that did it, which may have kept what the next pass needs. */
export interface Done {
  readonly result: TaskResult;
  readonly worker: number;
}

/** Whatever gets tasks done. */
export interface TaskRunner {
  /** Does a task, if possible in the `preferred` worker. */
  run(task: Task, preferred?: number): Promise<Done>;
}

interface Pending {
  readonly task: Task;
  readonly resolve: (done: Done) => void;
  readonly reject: (error: unknown) => void;
}

/** A thread, or what takes its place. */
interface Hand {
  post(message: PoolMessage): void;
  /** Resolves when it has ended, whatever ended it. */
  readonly exit: Promise<void>;
  /** Ends it, whatever it does. */
  terminate(): Promise<unknown>;
}

/** A worker, and what the pool knows of it. */
interface Thread {
  readonly hand: Hand;
  /** Tasks it holds. */
  load: number;
  /** Whether it was ever given a task. */
  worked: boolean;
  readonly isCaller: boolean;
}

/**
 * Where the code of a worker lies, from this file and from the bundles alike (see scripts/bundle.mjs).
 */
const WORKER_ENTRY = new URL('../run/worker.js', import.meta.url);

/**
 * Megabytes of a worker's young generation. What a worker makes in JavaScript dies at once, its tensors lie in the memory of
 * the kernels; left alone, V8 takes up to 48 for each thread.
 */
const YOUNG_MEGABYTES = 6;

/** Milliseconds that a worker has to end by itself: far more than one that is idle takes, and not long for who waits. */
const PATIENCE_MS = 500;

/** What V8 says where the limits of a batch system leave no room for the addresses around a memory. */
const NO_ADDRESSES = /^WebAssembly\.\w+\(\): Out of memory/;

/** What Node says where a thread's code cannot be opened, or a channel to it. */
const NO_FILES = /\bEMFILE\b|too many open files/;

function failureOf(error: Error): M2MergeError {
  const { message: reason, stack: trace } = error;
  if (NO_FILES.test(reason)) {
    return new M2MergeError(
      'file-unreadable',
      { path: fileURLToPath(WORKER_ENTRY), reason: 'EMFILE' },
      { cause: error },
    );
  }
  if (NO_ADDRESSES.test(reason)) return new M2MergeError('address-space', { reason }, { cause: error });
  return new M2MergeError('worker-failed', { reason, trace }, { cause: error });
}

/** Waits for the ends of threads, but not for long. */
async function withinPatience(ends: Promise<unknown>): Promise<void> {
  const patience = new AbortController();
  const outOfPatience = after(PATIENCE_MS, undefined, { signal: patience.signal }).catch(() => {});
  await Promise.race([ends, outOfPatience]);
  patience.abort();
}

export class WorkerPool implements TaskRunner {
  readonly #threads: Thread[] = [];
  readonly #queue = new TaskQueue<Pending>();
  readonly #running = new Map<WorkerReply['id'], Pending & { readonly worker: number }>();
  #tasksPerWorker = TASKS_PER_WORKER;
  #nextId = 0;
  #failure: unknown;

  /** Starts one thread ahead of `begin`, so that it loads its code while the main thread still plans. */
  warmUp(): void {
    if (this.#threads.length === 0) this.#start();
  }

  /**
   * Grows to the crew and tells each thread what it needs to know; comes before the first task. The calling thread is the one
   * that this is called in.
   */
  async begin({ workers, caller }: Crew, setup: WorkerSetup): Promise<void> {
    // The one that was started ahead takes the place of the caller where no other is wanted.
    const isWanted = caller && this.#threads.length <= workers;
    while (this.#threads.length < workers) this.#start();
    if (isWanted) await this.#startHere();
    if (isWanted) this.#tasksPerWorker = TASKS_BESIDE_CALLER;
    for (const { hand } of this.#threads) hand.post(setup);
  }

  /**
   * Queues a task, for the `preferred` worker unless another would be idle. Rejects with the pool's first failure,
   * whichever task it came from.
   */
  run(task: Task, preferred?: number): Promise<Done> {
    return new Promise((resolve, reject) => {
      if (this.#failure !== undefined) return reject(this.#failure);
      this.#queue.add({ task, resolve, reject }, preferred);
      this.#dispatch();
    });
  }

  /** Ends all work: every queued and running task rejects with `error`. */
  fail(error: unknown): void {
    if (this.#failure !== undefined) return;
    this.#failure = error;
    for (const { reject } of [...this.#running.values(), ...this.#queue.takeAll()]) reject(error);
    this.#running.clear();
  }

  /** Throws what failed, be it after the last task: files are closed then. */
  throwFailure(): void {
    if (this.#failure !== undefined) throw this.#failure;
  }

  /**
   * Ends the threads. One that has worked ends by itself after the tasks it holds, unless these take too long: a thread
   * that is terminated while V8 still compiles for it in the background can take the process down (Node 20 asserts that
   * the thread is known when the compiler asks for memory).
   */
  async close(): Promise<void> {
    const worked = this.#threads.filter((thread) => thread.worked);
    for (const { hand } of worked) hand.post(END);
    const ends = Promise.all(worked.map(({ hand }) => hand.exit));
    // After a run that went well there is nothing to cut short, but some file systems only now write what they were given.
    const isDone = this.#failure === undefined && this.#running.size === 0;
    await (isDone ? ends : withinPatience(ends));
    await Promise.all(this.#threads.map(({ hand }) => hand.terminate()));
  }

  #start(): void {
    const resourceLimits = { maxYoungGenerationSizeMb: YOUNG_MEGABYTES };
    // Without the flags of the process: with --input-type, as for scripts that are piped to Node, no worker would start.
    const worker = new Worker(WORKER_ENTRY, { resourceLimits, execArgv: [] });
    worker.on('message', (reply: WorkerReply) => this.#settle(reply));
    worker.on('error', (error) => this.fail(failureOf(error)));
    const exit = new Promise<void>((resolve) => worker.once('exit', () => resolve()));
    const post = (message: PoolMessage): void => worker.postMessage(message);
    this.#add({ post, exit, terminate: () => worker.terminate() }, false);
  }

  async #startHere(): Promise<void> {
    // Loaded only where it is wanted: most of it is what workers load for themselves.
    const { OwnThread } = await import('./own-thread.js').catch((error) => Promise.reject(failureOf(error)));
    const reply = (result: WorkerReply): void => this.#settle(result);
    this.#add(new OwnThread({ reply, fail: (error) => this.fail(failureOf(error as Error)) }), true);
  }

  #add(hand: Hand, isCaller: boolean): void {
    this.#threads.push({ hand, load: 0, worked: false, isCaller });
  }

  #dispatch(): void {
    for (let next = this.#takeNext(); next !== undefined; next = this.#takeNext()) {
      const { pending, worker } = next;
      const thread = this.#threads[worker]!;
      const request: WorkerRequest = { id: this.#nextId++, task: pending.task };
      this.#running.set(request.id, { ...pending, worker });
      thread.load++;
      thread.worked = true;
      thread.hand.post(request);
    }
  }

  /** A task for the thread that has the least to do, of those that have room for one and may take what waits. */
  #takeNext(): { readonly pending: Pending; readonly worker: number } | undefined {
    const byLoad = [...this.#threads.entries()].sort(([, a], [, b]) => a.load - b.load);
    for (const [worker, { load, isCaller }] of byLoad) {
      if (load >= (isCaller ? TASKS_OF_CALLER : this.#tasksPerWorker)) continue;
      const pending = this.#queue.take(worker, load === 0);
      if (pending !== undefined) return { pending, worker };
    }
    return undefined;
  }

  #settle(reply: WorkerReply): void {
    const running = this.#running.get(reply.id);
    if (running !== undefined) {
      this.#running.delete(reply.id);
      this.#threads[running.worker]!.load--;
    }
    if ('result' in reply) {
      running?.resolve({ result: reply.result, worker: running.worker });
      if (running !== undefined) this.#dispatch();
      return;
    }
    const error =
      'error' in reply
        ? new M2MergeError(reply.error.kind, reply.error.facts)
        : new M2MergeError('worker-failed', reply.defect);
    running?.reject(error);
    this.fail(error);
  }
}
