/**
 * What is done with the messages of a pool, in whichever thread: the first is the setup, which may come long after the
 * desk was made, each further one a task, done with kernels and file descriptors of the desk's own, the last says `END`.
 */
import xxhash from 'xxhash-wasm';
import type { Kernels } from '../../kernels/abi.js';
import type { CompiledKernels } from '../../kernels/load.js';
import { findMethod } from '../../kernels/methods/registry.js';
import { isM2MergeError } from '../errors.js';
import { PositionedFiles } from './files.js';
import { giveBackSimdKernels, takeSimdKernels } from './idle-kernels.js';
import { END, type PoolMessage, type WorkerReply, type WorkerRequest, type WorkerSetup } from './task.js';
import { UnitRunner } from './unit-runner.js';

/** Where a desk's answers go. */
export interface DeskEnds {
  readonly reply: (reply: WorkerReply) => void;
  /** There will be no answers: the desk could not be set up. */
  readonly fail: (error: unknown) => void;
  /** All is done, and no file is open. */
  readonly close: () => void;
}

interface Equipment {
  readonly kernels: Kernels;
  readonly runner: UnitRunner;
  readonly files: PositionedFiles;
}

export class Desk {
  readonly #ends: DeskEnds;
  readonly #hashing = xxhash();
  #equipment: Promise<Equipment> | undefined;
  #isClosed = false;

  constructor(ends: DeskEnds) {
    this.#ends = ends;
  }

  take(message: PoolMessage): void {
    if (this.#equipment === undefined) {
      this.#equipment = this.#setUp(message as WorkerSetup);
      this.#equipment.catch((error) => this.#giveUp(error));
      return;
    }
    // Answers wait for the equipment, and so does the end: behind them. Where it failed, the pool has been told.
    void this.#equipment.then(
      ({ runner }) => {
        if (message === END) void this.close().then(this.#ends.close);
        else this.#ends.reply(answer(runner, message as WorkerRequest));
      },
      () => {},
    );
  }

  /** Closes the files, and tells the pool where that fails; does nothing the second time. */
  async close(): Promise<void> {
    const equipment = await this.#equipment?.catch(() => undefined);
    if (equipment === undefined || this.#isClosed) return;
    this.#isClosed = true;
    if (equipment.kernels.name === 'simd') giveBackSimdKernels(equipment.kernels);
    try {
      equipment.files.close();
    } catch (error) {
      this.#ends.reply(failed(END, error));
    }
  }

  /** Tells why there will be no answers: a lack that is told by its facts, or a defect. */
  #giveUp(error: unknown): void {
    if (isM2MergeError(error)) {
      this.#ends.reply(failed(END, error));
      this.#ends.close();
    } else this.#ends.fail(error);
  }

  async #setUp(setup: WorkerSetup): Promise<Equipment> {
    const { create64 } = await this.#hashing;
    const files = new PositionedFiles({ inputs: setup.inputFiles, outputs: setup.outputFiles }, setup.openFiles);
    const kernels = await createKernels(setup.simd);
    const runner = new UnitRunner({
      kernels,
      methods: setup.methods.map((name) => findMethod(name)!),
      files,
      tileElements: setup.tileElements,
      retainedBytes: setup.retainedBytes,
      createHash: () => create64(),
    });
    return { kernels, runner, files };
  }
}

function answer(runner: UnitRunner, { id, task }: WorkerRequest): WorkerReply {
  try {
    return { id, result: runner.run(task) };
  } catch (error) {
    return failed(id, error);
  }
}

function failed(id: WorkerReply['id'], error: unknown): WorkerReply {
  if (isM2MergeError(error)) return { id, error: { kind: error.kind, facts: error.facts } };
  const { message, stack } = error instanceof Error ? error : new Error(String(error));
  return { id, defect: { reason: message, trace: stack } };
}

async function createKernels(simd: CompiledKernels | undefined): Promise<Kernels> {
  if (simd !== undefined) return takeSimdKernels(simd);
  // Builds tables when it is loaded, so it is loaded only when it is wanted.
  const { createReferenceKernels } = await import('../../kernels/reference/index.js');
  return createReferenceKernels();
}
