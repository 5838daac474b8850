/** Which runs are too small for threads of their own. */
import { findMethod } from '../../kernels/methods/registry.js';
import type { PreparedMerge } from './plan.js';
import type { NamedCheckpoint } from './tensors.js';

/**
 * Bytes of models that a run without workers reads at most, all passes together. A worker takes a tenth of a second to start;
 * the slowest methods that go element by element take about as long for so much, and what each task takes of it, the
 * thread can do without hearing signals.
 */
const MOST_BYTES = 16_000_000;

/** Whether runs of these merges, done together, should be spared the workers. */
export function isSmallRun(merges: readonly Pick<PreparedMerge, 'plan' | 'costs'>[]): boolean {
  const bytes = merges.reduce((sum, { costs }) => sum + costs.bytesRead, 0);
  return bytes <= MOST_BYTES && !merges.some(({ plan }) => decomposes(plan));
}

/** Whether the models are so large that no run over all of them is small. */
export function areLarge(models: readonly NamedCheckpoint[]): boolean {
  let bytes = 0;
  for (const { checkpoint } of models) {
    for (const { begin, end } of checkpoint.tensors.values()) bytes += end - begin;
  }
  return bytes > MOST_BYTES;
}

/** Whether a matrix is taken as a whole, which takes time by the cube of its length. */
function decomposes({ jobs, method, settings }: PreparedMerge['plan']): boolean {
  const wholeTensors = findMethod(method)?.wholeTensors;
  if (wholeTensors === undefined) return false;
  return jobs.some((job) => job.kind === 'merge' && wholeTensors(settings[job.settings]!, job.shape));
}
