/** Runs a prepared merge into an output folder: workers, kernels and schedule together. */
import { readFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { compileSimdKernels } from '../../kernels/load.js';
import { findMethod } from '../../kernels/methods/registry.js';
import { M2MergeError } from '../errors.js';
import type { MeasuredGeometry } from '../geometry/collect.js';
import type { Plan, PreparedMerge } from '../plan/plan.js';
import { UNIT_ELEMENTS } from '../plan/unit-layout.js';
import { type LayerOf, measurePlan } from './measure.js';
import type { OutputFolder } from './output-folder.js';
import { WorkerPool } from './pool.js';
import { type Progress, runPlan, type ScheduleOptions, type TensorOutcome } from './scheduler.js';
import type { WorkerSetup } from './task.js';

/**
 * Elements of a tile by default: reads of 256 KiB for 16-bit inputs, long enough for the system call not to show and
 * short enough to stay in the cache.
 */
export const DEFAULT_TILE_ELEMENTS = 131_072;

/**
 * Bytes of observed units that a worker keeps for their next pass: four units of five bf16 inputs, enough for the
 * tensors in flight and little enough for the memory budget.
 */
const RETAINED_BYTES = 42_000_000;

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
  prepared: PreparedMerge,
  output: OutputFolder,
  options: RunOptions & Pick<ScheduleOptions, 'onReport'> = {},
): Promise<TensorOutcome[]> {
  const { plan } = prepared;
  const outputFiles = plan.shards.map(({ name }) => join(output.workPath, name));
  const retainedBytes = revisitsTensors(plan) ? RETAINED_BYTES : 0;
  return withPool(prepared, { outputFiles, retainedBytes }, options, (pool, schedule) =>
    runPlan(plan, pool, { ...schedule, onReport: options.onReport }),
  );
}

/** Measures the geometry of the plan's task vectors; `names` are the experts in plan order. */
export async function runMeasurement(
  prepared: PreparedMerge,
  names: readonly string[],
  layerOf: LayerOf,
  options: RunOptions = {},
): Promise<MeasuredGeometry> {
  return withPool(prepared, { outputFiles: [], retainedBytes: 0 }, options, (pool, schedule) =>
    measurePlan(prepared.plan, pool, names, layerOf, schedule),
  );
}

/** Starts workers for a plan, lets `work` use them, and stops them whatever happens. */
async function withPool<T>(
  { plan, folders }: PreparedMerge,
  files: Pick<WorkerSetup, 'outputFiles' | 'retainedBytes'>,
  options: RunOptions,
  work: (pool: WorkerPool, schedule: ScheduleOptions) => Promise<T>,
): Promise<T> {
  const { signal, onProgress = () => {} } = options;
  const inputs = new InputFiles(plan, folders);
  const setup: WorkerSetup = {
    ...files,
    method: plan.method,
    inputFiles: inputs.paths,
    simd: options.kernels === 'reference' ? undefined : await loadSimdKernels(),
    tileElements: options.tileElements ?? DEFAULT_TILE_ELEMENTS,
  };
  signal?.throwIfAborted();
  const threads = usefulThreads(plan, options.threads ?? availableParallelism());
  const pool = new WorkerPool(threads, setup);
  const abort = (): void => pool.fail(signal?.reason ?? new M2MergeError('interrupted', { signal: 'abort' }));
  signal?.addEventListener('abort', abort, { once: true });
  try {
    return await work(pool, {
      // Enough tensors side by side that the end of one does not leave a worker waiting for its statistics.
      concurrency: 2 * threads,
      retainedBytes: threads * files.retainedBytes,
      fileIndex: ({ input, file }) => inputs.indexOf(input, file),
      onProgress,
    });
  } finally {
    signal?.removeEventListener('abort', abort);
    await pool.close();
  }
}

/** Whether some statistic is gathered tensor by tensor, so that the tensor's next pass follows at once. */
function revisitsTensors(plan: Plan): boolean {
  const job = plan.jobs.find(({ kind }) => kind === 'merge');
  if (job?.kind !== 'merge') return false;
  const statistics = findMethod(plan.method)!.statistics(plan.settings[job.settings]!);
  return statistics.some(({ scope }) => scope === 'tensor');
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
