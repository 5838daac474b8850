/** Runs prepared merges into output folders: workers, kernels and schedule together. */
import { readFile } from 'node:fs/promises';
import { type CompiledKernels, compileSimdKernels } from '../../kernels/load.js';
import { M2MergeError } from '../errors.js';
import type { MeasuredGeometry } from '../geometry/collect.js';
import type { RemoteFile } from '../hub/range.js';
import { filesOfWorker } from '../io/open-files.js';
import { derivedBytes } from '../plan/memory.js';
import type { PreparedMerge } from '../plan/plan.js';
import { areLarge } from '../plan/small-run.js';
import { layoutOf } from '../plan/tensor-merge.js';
import type { NamedCheckpoint } from '../plan/tensors.js';
import { layOutMeasured } from '../plan/unit-layout.js';

import { type CrewWish, crewFor, threadsOf, worksAlone } from './crew.js';
import { OPEN_FILES } from './files.js';
import { type MeasureWish, measurePlan } from './measure.js';
import type { TensorOutcome } from './outcome.js';
import type { OutputFolder } from './output-folder.js';
import type { TaskRunner, WorkerPool } from './pool.js';
import { type Cut, RunFiles } from './run-files.js';
import type { Variant } from './scheduled-tensor.js';
import { type MergeVariant, type Progress, runPlans, type ScheduleOptions } from './scheduler.js';
import type { SpooledRunner } from './spooled-runner.js';
import type { WorkerSetup } from './task.js';

/**
 * Elements of a tile by default: reads of 512 KiB for 16-bit inputs, long enough for the system call not to show and
 * short enough to stay in the cache.
 */
export const DEFAULT_TILE_ELEMENTS = 262_144;

export interface RunOptions extends CrewWish {
  /** Elements read at once of each input; changes speed and memory, never the result. */
  readonly tileElements?: number;
  /** Files that are not on this machine, by the path where they would be; ranges of them are spooled. */
  readonly remote?: ReadonlyMap<string, RemoteFile>;
  /** Most bytes that the spool takes of the disk. */
  readonly spoolBytes?: number;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: Progress) => void;
}

/** A prepared merge and what becomes of it. */
export interface MergeRun extends Pick<MergeVariant, 'report'> {
  readonly prepared: PreparedMerge;
  /** Where the weights go; undefined to merge without writing, for what the report shows. */
  readonly output: OutputFolder | undefined;
}

/**
 * Runs merges together and writes their weights; what they share of their inputs is read once. Throws the first failure
 * of a worker, or `interrupted`. For each merge, outcomes in plan order.
 */
export async function runMerges(
  merges: readonly MergeRun[],
  pool: WorkerPool,
  options: RunOptions = {},
): Promise<TensorOutcome[][]> {
  const measures = merges.some(({ report }) => report !== undefined);
  const kind = { cut: cutForMerging, decomposes: false, measures };
  return withPool(merges, kind, pool, options, (runner, variants, schedule) =>
    runPlans(
      variants.map((variant, i) => ({ ...variant, report: merges[i]!.report })),
      runner,
      schedule,
    ),
  );
}

/** Measures the geometry of the plan's task vectors; `names` are the experts in plan order. */
export async function runMeasurement(
  prepared: PreparedMerge,
  names: readonly string[],
  wish: MeasureWish,
  pool: WorkerPool,
  options: RunOptions = {},
): Promise<MeasuredGeometry> {
  const kind = { cut: () => layOutMeasured, decomposes: wish.spectral ?? false, measures: true };
  return withPool([{ prepared, output: undefined }], kind, pool, options, (runner, [variant], schedule) =>
    measurePlan(variant!, runner, names, wish, schedule),
  );
}

/** Options of a program that did not check its own; NaN, as of a variable that is not set, would merge to zeros. */
function checkOptions({ threads, tileElements, kernels = 'simd' }: RunOptions): void {
  for (const [name, value] of Object.entries({ threads, tileElements })) {
    if (value === undefined || (Number.isInteger(value) && value > 0)) continue;
    throw new M2MergeError('usage', { message: `${name} is ${value}, expected a whole number above 0` });
  }
  if (kernels === 'simd' || kernels === 'reference') return;
  throw new M2MergeError('usage', { message: `kernels is ${kernels}, expected simd or reference` });
}

interface RunKind {
  readonly cut: Cut;
  /** Whether matrices are decomposed besides what the method does. */
  readonly decomposes: boolean;
  /** Whether there is something to add up of what tasks find. */
  readonly measures: boolean;
}

const cutForMerging: Cut = (plan) => (job) => layoutOf(plan, job);

/** Prepares the pool for plans and lets `work` use it until it is done or the signal ends it. */
async function withPool<T>(
  merges: readonly MergeRun[],
  { cut, decomposes, measures }: RunKind,
  pool: WorkerPool,
  options: RunOptions,
  work: (runner: TaskRunner, variants: readonly Variant[], schedule: ScheduleOptions) => Promise<T>,
): Promise<T> {
  checkOptions(options);
  const { signal, onProgress = () => {} } = options;
  const plans = merges.map(({ prepared }) => prepared.plan);
  const retainedBytes = Math.max(...plans.map(derivedBytes));
  const files = new RunFiles();
  const variants = merges.map((merge, index) => files.add(merge, index, cut));
  const remote = files.remote(options.remote ?? new Map());
  // Loaded only where something is on the Hub.
  const spooling = remote.size === 0 ? undefined : await import('./spooled-runner.js');
  const spool = spooling?.placeSpool(merges, options.spoolBytes, files.inputs.length);
  const prepared = merges.map((merge) => merge.prepared);
  const crew = crewFor(prepared, { decomposes, isBusy: measures || remote.size > 0 }, options);
  const threads = threadsOf(crew);
  const setup: WorkerSetup = {
    methods: plans.map(({ method }) => method),
    inputFiles: spool === undefined ? files.inputs : [...files.inputs, { path: spool.path }],
    outputFiles: files.outputs,
    openFiles: filesOfWorker(threads, OPEN_FILES),
    simd: options.kernels === 'reference' ? undefined : await loadSimdKernels(),
    tileElements: options.tileElements ?? DEFAULT_TILE_ELEMENTS,
    retainedBytes,
  };
  const abort = (): void => pool.fail(signal?.reason ?? new M2MergeError('interrupted', { signal: 'abort' }));
  signal?.throwIfAborted();
  signal?.addEventListener('abort', abort, { once: true });
  let spooled: SpooledRunner | undefined;
  try {
    await pool.begin(crew, setup);
    if (spool !== undefined) spooled = await spooling!.SpooledRunner.open(pool, variants, remote, spool);
    const runner = spooled ?? pool;
    const held = spooled?.held;
    const located = held === undefined ? variants : variants.map((variant) => ({ ...variant, held }));
    const complete = await Promise.all(located.map((variant) => withMeanRows(variant, runner)));
    const result = await work(runner, complete, {
      // Enough tensors side by side that the end of one does not leave a worker waiting for its statistics.
      concurrency: 2 * threads,
      onProgress,
    });
    await files.checkUnchanged();
    signal?.throwIfAborted();
    return result;
  } finally {
    signal?.removeEventListener('abort', abort);
    await spooled?.close();
  }
}

/** Few merges have rows of no token; only those wait for their means. */
async function withMeanRows(variant: Variant, runner: TaskRunner): Promise<Variant> {
  if (variant.plan.rowMaps === undefined) return variant;
  const { findMeanRows } = await import('./mean-rows.js');
  const meanRows = await findMeanRows(variant, runner);
  return meanRows === undefined ? variant : { ...variant, meanRows };
}

/** Lets a pool start while a run is planned that will need it. */
export function warmUpFor(models: readonly NamedCheckpoint[], pool: WorkerPool, wish: CrewWish): void {
  if (areLarge(models) && !worksAlone(wish)) pool.warmUp();
}

let compiled: CompiledKernels | undefined;

/** The SIMD kernels that lie beside the compiled code, compiled by the first run of a process. */
async function loadSimdKernels(): Promise<CompiledKernels> {
  compiled ??= compileSimdKernels(await readFile(new URL('../../kernels/kernels.wasm', import.meta.url)));
  return compiled;
}
