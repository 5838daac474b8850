/** A fixed set of worker threads that take tasks in order; the first failure ends them all. */
import { Worker } from 'node:worker_threads';
import { M2MergeError } from '../errors.js';
import type { Task, TaskResult, WorkerReply, WorkerRequest, WorkerSetup } from './task.js';
import { TaskQueue } from './task-queue.js';

/** Tasks a worker holds at once: the one it does and the next, so that it never waits for a message. */
const TASKS_PER_WORKER = 2;

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

/**
 * Where the code of a worker lies, from this file and from the bundles alike (see scripts/bundle.mjs).
 */
const WORKER_ENTRY = new URL('../run/worker.js', import.meta.url);

/**
 * Megabytes of a worker's young generation. What a worker makes in JavaScript dies at once, its tensors lie in the memory of
 * the kernels; left alone, V8 takes up to 48 for each thread.
 */
const YOUNG_MEGABYTES = 6;

export class WorkerPool implements TaskRunner {
  readonly #workers: Worker[] = [];
  readonly #load: number[] = [];
  readonly #queue = new TaskQueue<Pending>();
  readonly #running = new Map<number, Pending & { readonly worker: number }>();
  #nextId = 0;
  #failure: unknown;

  /** Starts one thread at once, so that it loads its code while the main thread still plans. */
  constructor() {
    this.#start();
  }

  /** Grows to `threads` and tells every worker what it needs to know; comes before the first task. */
  begin(threads: number, setup: WorkerSetup): void {
    while (this.#workers.length < threads) this.#start();
    for (const worker of this.#workers) worker.postMessage(setup);
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

  /** Stops the threads; a worker in the middle of a task is interrupted at its next call. */
  async close(): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker.terminate()));
  }

  #start(): void {
    const worker = new Worker(WORKER_ENTRY, { resourceLimits: { maxYoungGenerationSizeMb: YOUNG_MEGABYTES } });
    worker.on('message', (reply: WorkerReply) => this.#settle(reply));
    worker.on('error', (error) =>
      this.fail(new M2MergeError('worker-failed', { reason: error.message }, { cause: error })),
    );
    this.#workers.push(worker);
    this.#load.push(0);
  }

  #dispatch(): void {
    for (;;) {
      const worker = this.#load.indexOf(Math.min(...this.#load));
      const load = this.#load[worker]!;
      if (load >= TASKS_PER_WORKER) return;
      const pending = this.#queue.take(worker, load === 0);
      if (pending === undefined) return;
      const request: WorkerRequest = { id: this.#nextId++, task: pending.task };
      this.#running.set(request.id, { ...pending, worker });
      this.#load[worker]!++;
      this.#workers[worker]!.postMessage(request);
    }
  }

  #settle(reply: WorkerReply): void {
    const running = this.#running.get(reply.id);
    if (running === undefined) return;
    this.#running.delete(reply.id);
    this.#load[running.worker]!--;
    if ('result' in reply) {
      running.resolve({ result: reply.result, worker: running.worker });
      this.#dispatch();
      return;
    }
    const error =
      'error' in reply
        ? new M2MergeError(reply.error.kind, reply.error.facts)
        : new M2MergeError('worker-failed', { reason: reply.defect });
    running.reject(error);
    this.fail(error);
  }
}
