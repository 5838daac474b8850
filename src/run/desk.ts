/**
 * What is done with the messages of a pool, in whichever thread: the first is the setup, which may come long after the
 * desk was made, each further one a task, done with kernels and file descriptors of the desk's own, the last says `END`.
 */
import xxhash from 'xxhash-wasm';
import type { Kernels } from '../../kernels/abi.js';
import { type CompiledKernels, instantiateSimdKernels } from '../../kernels/load.js';
import { findMethod } from '../../kernels/methods/registry.js';
import { isM2MergeError } from '../errors.js';
import { PositionedFiles } from './files.js';
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
  readonly runner: UnitRunner;
  readonly files: PositionedFiles;
}

export class Desk {
  readonly #ends: DeskEnds;
  readonly #hashing = xxhash();
  #equipment: Promise<Equipment> | undefined;

  constructor(ends: DeskEnds) {
    this.#ends = ends;
  }

  take(message: PoolMessage): void {
    if (this.#equipment === undefined) {
      this.#equipment = this.#setUp(message as WorkerSetup);
      this.#equipment.catch(this.#ends.fail);
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

  /** Closes the files; does nothing the second time. */
  async close(): Promise<void> {
    const equipment = await this.#equipment?.catch(() => undefined);
    equipment?.files.close();
  }

  async #setUp(setup: WorkerSetup): Promise<Equipment> {
    const { create64 } = await this.#hashing;
    const files = new PositionedFiles({ inputs: setup.inputFiles, outputs: setup.outputFiles }, setup.openFiles);
    const runner = new UnitRunner({
      kernels: await createKernels(setup.simd),
      methods: setup.methods.map((name) => findMethod(name)!),
      files,
      tileElements: setup.tileElements,
      retainedBytes: setup.retainedBytes,
      createHash: () => create64(),
    });
    return { runner, files };
  }
}

function answer(runner: UnitRunner, { id, task }: WorkerRequest): WorkerReply {
  try {
    return { id, result: runner.run(task) };
  } catch (error) {
    if (isM2MergeError(error)) return { id, error: { kind: error.kind, facts: error.facts } };
    const { message, stack } = error instanceof Error ? error : new Error(String(error));
    return { id, defect: { reason: message, trace: stack } };
  }
}

async function createKernels(simd: CompiledKernels | undefined): Promise<Kernels> {
  if (simd !== undefined) return instantiateSimdKernels(simd);
  // Builds tables when it is loaded, so it is loaded only when it is wanted.
  const { createReferenceKernels } = await import('../../kernels/reference/index.js');
  return createReferenceKernels();
}
