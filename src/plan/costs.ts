/** What a plan costs, from the plan alone. */
import { findMethod } from '../../kernels/methods/registry.js';
import { bytesPerElement } from '../checkpoint/dtype.js';
import type { Costs, MergeJob, Plan } from './plan.js';

/**
 * Counts the bytes a plan moves. Statistics read the inputs again; the factors of
 * adapters and a rare further pass for exact ties are not counted. */
export function estimateCosts(plan: Plan): Costs {
  const statistics = findMethod(plan.method)!;
  let parameters = 0;
  let bytesRead = 0;
  let passes = 1;
  for (const job of plan.jobs) {
    parameters += job.shape.reduce((product, length) => product * length, 1);
    if (job.kind === 'copy') {
      bytesRead += job.byteLength;
      continue;
    }
    const needed = statistics.statistics(plan.settings[job.settings]!);
    const jobPasses = 1 + needed.reduce((total, { typicalPasses }) => total + typicalPasses, 0);
    passes = Math.max(passes, jobPasses);
    bytesRead += jobPasses * inputBytes(job);
  }
  const bytesWritten = plan.shards.reduce((total, { byteLength }) => total + byteLength, 0);
  return { parameters, passes, bytesRead, bytesWritten };
}

/** Bytes one pass over a job's inputs reads. */
export function inputBytes({ base, operands, elements }: MergeJob): number {
  const sources = [...(base === undefined ? [] : [base]), ...operands.map(({ source }) => source)];
  return sources.reduce((total, { dtype }) => total + elements * bytesPerElement(dtype), 0);
}
