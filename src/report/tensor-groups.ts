/** Tensors that differ only in their numbers (layers, experts) as one line each. */
import type { Job } from '../plan/plan.js';

export interface TensorGroup {
  /** The common name, numbers as `*`. */
  readonly pattern: string;
  readonly shape: readonly number[];
  /** Dtypes read, and the one written. */
  readonly from: string;
  readonly to: string;
  readonly kind: Job['kind'];
  readonly jobs: readonly Job[];
}

/** Groups jobs of the same pattern, shape and dtypes, in plan order of their first member. */
export function groupTensors(jobs: readonly Job[]): TensorGroup[] {
  const groups = new Map<string, TensorGroup & { jobs: Job[] }>();
  for (const job of jobs) {
    const pattern = job.tensor.replace(/(^|\.)\d+(?=\.|$)/g, '$1*');
    const { from, to } = dtypesOf(job);
    const key = JSON.stringify([pattern, job.shape, from, to, job.kind]);
    const group = groups.get(key) ?? { pattern, shape: job.shape, from, to, kind: job.kind, jobs: [] };
    group.jobs.push(job);
    groups.set(key, group);
  }
  return [...groups.values()];
}

function dtypesOf(job: Job): { from: string; to: string } {
  if (job.kind === 'copy') return { from: job.dtype, to: job.dtype };
  const sources = [...(job.base === undefined ? [] : [job.base]), ...job.operands.map(({ source }) => source)];
  return { from: [...new Set(sources.map(({ dtype }) => dtype))].join('+'), to: job.outputDtype };
}
