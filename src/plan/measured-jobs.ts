/** Which tensors geometry and accounts are of: those in which all models have a part, since they compare all. */
import { isMergeable } from '../checkpoint/dtype.js';
import type { Job, MergeJob, Plan } from './plan.js';

type Measured = Pick<Plan, 'jobs' | 'inputs'>;

/** In plan order. Operands may stand in any order, as slices can name models in several. */
export function measuredJobs({ jobs, inputs }: Measured): MergeJob[] {
  const models = inputs.filter(({ role }) => role === 'model').length;
  return jobs.filter((job): job is MergeJob => {
    if (job.kind !== 'merge' || job.base === undefined || job.operands.length !== models) return false;
    return new Set(job.operands.map(({ model }) => model)).size === models;
  });
}

/** Tensors of numbers that are not measured, each with the indices of the models that have no part in it. */
export function unmeasuredTensors(plan: Measured): ReadonlyMap<string, readonly number[]> {
  const models = plan.inputs.filter(({ role }) => role === 'model').map((_, model) => model);
  const measured = new Set<Job>(measuredJobs(plan));
  const left = plan.jobs.filter((job) => !measured.has(job) && (job.kind === 'merge' || isMergeable(job.dtype)));
  return new Map(
    left.map((job) => {
      const present = new Set(job.kind === 'merge' ? job.operands.map(({ model }) => model) : []);
      return [job.tensor, models.filter((model) => !present.has(model))] as const;
    }),
  );
}
