/** Runs a prepared merge into an output folder: workers, kernels and schedule together. */
import { readFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { compileSimdKernels } from '../../kernels/load.js';
import { M2MergeError } from '../errors.js';
import type { Plan, PreparedMerge } from '../plan/plan.js';
import type { OutputFolder } from './output-folder.js';
import { WorkerPool } from './pool.js';
import { type Progress, runPlan, type TensorOutcome } from './scheduler.js';
import { UNIT_ELEMENTS, type WorkerSetup } from './task.js';

/**
 * Elements of a tile by default: reads of 256 KiB for 16-bit inputs, long enough for the system call not to show and
 * short enough to stay in the cache.
 */
export const DEFAULT_TILE_ELEMENTS = 131_072;

/** Tiles are multiples of this, so that vector and reduction lanes never straddle two of them. */
export const TILE_QUANTUM = 64;

export type KernelChoice = 'simd' | 'reference';

export interface RunOptions {
  /** Worker threads; all cores by default. */
  readonly threads?: number;
  readonly kernels?: KernelChoice;
  /** Elements read at once of each input; changes speed and memory, never the result. */
  readonly tileElements?: number;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: Progress) => void;
}

/** Runs the plan and writes the weights. Throws the first failure of a worker, or `interrupted`. */
export async function runMerge(
  { plan, folders }: PreparedMerge,
  output: OutputFolder,
  options: RunOptions = {},
): Promise<TensorOutcome[]> {
  const { signal, onProgress = () => {} } = options;
  const inputs = new InputFiles(plan, folders);
  const setup: WorkerSetup = {
    method: plan.method,
    inputFiles: inputs.paths,
    outputFiles: plan.shards.map(({ name }) => join(output.workPath, name)),
    simd: options.kernels === 'reference' ? undefined : await loadSimdKernels(),
    tileElements: options.tileElements ?? DEFAULT_TILE_ELEMENTS,
  };
  signal?.throwIfAborted();
  const threads = usefulThreads(plan, options.threads ?? availableParallelism());
  const pool = new WorkerPool(threads, setup);
  const abort = (): void => pool.fail(signal?.reason ?? new M2MergeError('interrupted', { signal: 'abort' }));
  signal?.addEventListener('abort', abort, { once: true });
  try {
    return await runPlan(plan, pool, {
      // Enough tensors side by side that the end of one does not leave a worker waiting for its statistics.
      concurrency: 2 * threads,
      fileIndex: ({ input, file }) => inputs.indexOf(input, file),
      onProgress,
    });
  } finally {
    signal?.removeEventListener('abort', abort);
    await pool.close();
  }
}

/** All input files of a plan in one list, as workers number them. */
class InputFiles {
  readonly paths: readonly string[];
  readonly #firstOfInput: readonly number[];

  constructor(plan: Plan, folders: readonly string[]) {
    this.paths = plan.inputs.flatMap(({ files }, input) => files.map(({ name }) => join(folders[input]!, name)));
    let next = 0;
    this.#firstOfInput = plan.inputs.map(({ files }) => {
      const first = next;
      next += files.length;
      return first;
    });
  }

  indexOf(input: number, file: number): number {
    return this.#firstOfInput[input]! + file;
  }
}

/** No more threads than there are units of work: a tiny merge should not wait for workers to start. */
function usefulThreads(plan: Plan, wanted: number): number {
  let units = 0;
  for (const job of plan.jobs) {
    const elements = job.kind === 'merge' ? job.elements : job.byteLength;
    units += elements / UNIT_ELEMENTS;
  }
  return Math.max(1, Math.min(wanted, Math.ceil(units)));
}

/** Compiles the SIMD kernels that lie beside the compiled code. */
export async function loadSimdKernels(): Promise<WebAssembly.Module> {
  return compileSimdKernels(await readFile(new URL('../../kernels/kernels.wasm', import.meta.url)));
}
