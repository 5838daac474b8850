/** Which runs are too small for threads of their own. */
import type { MergeJob, PreparedMerge } from './plan.js';
import { layoutOf, takesWhole } from './tensor-merge.js';
import type { NamedCheckpoint } from './tensors.js';

/**
 * Bytes of models that a run without workers reads at most, all passes together. A worker takes a tenth of a second to start,
 * in which methods that go element by element are about done with so much. No signal is heard during a task, and no task
 * takes long.
 */
const MOST_BYTES = 16_000_000;

/** Whether a run of these merges together has no workers: it is small, and nobody has asked for `threads`. */
export function isSmallRun(
  merges: readonly Pick<PreparedMerge, 'plan' | 'costs'>[],
  threads: number | undefined,
): boolean {
  if (threads !== undefined) return false;
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

/**
 * Elements of rows that stay together, at most, where a task takes no longer than others: eight steps. Above, what a method
 * makes of them leaves the cache, and a task may take a second.
 */
const LONGEST_SHORT_RUN = 65_536;

/** Whether any task takes so long that a thread which does it hears nothing else meanwhile. */
export function hasLongTasks(plan: PreparedMerge['plan']): boolean {
  return decomposes(plan) || plan.jobs.some((job) => job.kind === 'merge' && hasLongRuns(plan, job));
}

const hasLongRuns = (plan: PreparedMerge['plan'], job: MergeJob): boolean =>
  layoutOf(plan, job).runElements > LONGEST_SHORT_RUN;

/** Whether a matrix is taken as a whole, which takes time by the cube of its length. */
function decomposes(plan: PreparedMerge['plan']): boolean {
  return plan.jobs.some((job) => job.kind === 'merge' && takesWhole(plan, job));
}
