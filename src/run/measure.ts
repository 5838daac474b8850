/** Measures the geometry of a plan's task vectors: one pass over the inputs, nothing written. */
import { GeometryCollector, type GeometryTensor, type MeasuredGeometry } from '../geometry/collect.js';
import { inputBytes } from '../plan/costs.js';
import type { MergeJob, Plan } from '../plan/plan.js';
import { forEachConcurrently } from './concurrency.js';
import type { WorkerPool } from './pool.js';
import { ScheduledTensor } from './scheduled-tensor.js';
import type { ScheduleOptions } from './scheduler.js';

/** Numbers of the layers of tensors that belong to one. */
export type LayerOf = (tensor: string) => number | undefined;

/** Measures all merge jobs of a plan, whose operands are `names` in order. */
export async function measurePlan(
  plan: Plan,
  pool: WorkerPool,
  names: readonly string[],
  layerOf: LayerOf,
  { concurrency, fileIndex, onProgress }: ScheduleOptions,
): Promise<MeasuredGeometry> {
  const jobs = plan.jobs.filter((job): job is MergeJob => job.kind === 'merge');
  const tensors = jobs.map((job, index) => new ScheduledTensor(plan, job, fileIndex, index, 0));
  const described = tensors.map(
    ({ job, units }): GeometryTensor => ({ name: job.tensor, layer: layerOf(job.tensor), units }),
  );
  const collector = new GeometryCollector(described, names);
  await forEachConcurrently([...tensors.entries()], concurrency, async ([index, tensor]) => {
    await Promise.all(
      Array.from({ length: tensor.units }, async (_, unit) => {
        const { result } = await pool.run({ kind: 'measure', inputs: tensor.unitInputs(unit) });
        collector.add(index, unit, result.sums);
        onProgress({ bytesRead: inputBytes(tensor.job) / tensor.units, bytesWritten: 0, tensorsDone: 0 });
      }),
    );
    onProgress({ bytesRead: 0, bytesWritten: 0, tensorsDone: 1 });
  });
  return collector.finish();
}
