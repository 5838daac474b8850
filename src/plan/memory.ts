/** How much memory a run will need, from the plan and the run's settings. */
import { sparsifies } from '../../kernels/methods/in-front.js';
import { findMethod } from '../../kernels/methods/registry.js';
import { bytesPerElement } from '../checkpoint/dtype.js';
import { adaptedBytes, CHUNK_ELEMENTS, rightBytes } from './adapted-memory.js';
import type { MergeJob, Plan } from './plan.js';
import { placesOf, sourcesOf } from './sources.js';
import { layoutOf, takesWhole } from './tensor-merge.js';

/** Resident memory of Node with m2merge loaded, before workers, bytes (measured: 60 MB to 75 MB). */
const PROCESS_BYTES = 75_000_000;

/** Resident memory of a worker's JavaScript engine, bytes (measured: 12 MB to 16 MB). */
const WORKER_BYTES = 16_000_000;

/**
 * What headers and the plan take for each tensor of each input, and the heap that grows with them, bytes (measured: 97 MB
 * for the 94,335 of a mixture of experts and four of its fine-tunes).
 */
const PLANNED_BYTES = 1_100;

/** Tables of a statistic for one operand, bytes, rounded up. */
const OPERAND_BYTES = 1_000_000;

/** Chunks of rows that come from several places, as stored and as f32, bytes. */
const GATHER_BYTES = (8 + 4) * CHUNK_ELEMENTS;

/**
 * What stands there of a matrix that is decomposed as a whole, bytes an element: vectors and directions in f64, and of a
 * square one as much for its products, reflectors, eigenvectors and combinations each.
 */
const DECOMPOSED_BYTES = 6 * 8;

/** f32 vectors of one step that an operand takes: its values, and what two views make of them. */
const STEP_VECTORS = 3;

/** As many where a sparsifier stands in front, whose view statistics and reports have for themselves. */
const SPARSIFIED_STEP_VECTORS = 6;

/**
 * What methods that look at whole rows set aside for rows that stay together, bytes an element: the ranks of DELLA 19, and
 * a vector of the result 4.
 */
const ROW_SCRATCH_BYTES = 23;

/**
 * The most that a worker has for what a pass derives for the next one of the same units, bytes: the random masks of 64
 * units of four models, most of what the embeddings of a small model have. Inputs are read anew instead: they come from
 * the page cache as fast as from any memory that the caches do not hold, and cost no room.
 */
const MAX_DERIVED_BYTES = 34_000_000;

/** Bytes that a worker needs for what passes derive: bits of the largest tensor, for each operand and for all of them. */
export function derivedBytes(plan: Plan): number {
  const method = findMethod(plan.method)!;
  const masks = plan.jobs.map((job) => {
    if (job.kind === 'copy') return 0;
    // Only where a statistic is gathered tensor by tensor does the next pass over its units follow at once.
    const revisits = method.statistics(plan.settings[job.settings]!).some(({ scope }) => scope === 'tensor');
    return revisits ? Math.ceil(job.elements / 8) * (job.operands.length + 1) : 0;
  });
  return Math.min(
    MAX_DERIVED_BYTES,
    masks.reduce((most, bytes) => Math.max(most, bytes), 0),
  );
}

/** Peak resident memory in bytes, an upper estimate: it depends on the number of models and tensors, not on their size. */
export function estimateMemory(plan: Plan, threads: number, tileElements: number): number {
  const mergeJobs = plan.jobs.filter((job): job is MergeJob => job.kind === 'merge');
  const perWorker = mergeJobs.map((job) => {
    const { outputDtype } = job;
    const sources = sourcesOf(job);
    const held = sources.map((source) => {
      const isComputed = source.lowRank !== undefined || source.rows !== undefined;
      return bytesPerElement(isComputed ? 'F32' : source.dtype);
    });
    const widths = held.reduce((total, width) => total + width, bytesPerElement(outputDtype));
    const { stepElements, runElements } = layoutOf(plan, job);
    const [, columns = 0] = job.shape;
    const terms = sources.flatMap(placesOf).flatMap(({ lowRank }) => (lowRank === undefined ? [] : [lowRank]));
    const adapted = adaptedBytes(
      terms.map((term) => rightBytes({ ...term, columns })),
      terms.some(({ magnitudes }) => magnitudes !== undefined),
    );
    const gathered = sources.some(({ rows }) => rows !== undefined) ? GATHER_BYTES : 0;
    const vectors = sparsifies(plan.settings[job.settings]!) ? SPARSIFIED_STEP_VECTORS : STEP_VECTORS;
    const perOperand = OPERAND_BYTES + vectors * 4 * stepElements;
    const scratch = (takesWhole(plan, job) ? DECOMPOSED_BYTES : ROW_SCRATCH_BYTES) * runElements;
    const inputs = widths * Math.max(tileElements, runElements) + sources.length * perOperand;
    return inputs + scratch + adapted + gathered;
  });
  const largest = perWorker.reduce((most, bytes) => Math.max(most, bytes), 0);
  const planned = PLANNED_BYTES * mergeJobs.reduce((total, job) => total + sourcesOf(job).length, 0);
  return PROCESS_BYTES + planned + threads * (WORKER_BYTES + largest + derivedBytes(plan));
}
