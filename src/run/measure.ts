/** Measures the geometry of a plan's task vectors: one pass over the inputs, nothing written. */
import { GeometryCollector, type GeometryTensor, type MeasuredGeometry } from '../geometry/collect.js';
import type { ProjectionWish } from '../geometry/projection.js';
import { forEachConcurrently } from '../io/concurrency.js';
import type { WorkerPool } from './pool.js';
import { randomKey } from './random-key.js';
import type { Variant } from './scheduled-tensor.js';
import { type ScheduleOptions, scheduleTensors } from './scheduler.js';
import { SharedTensor } from './shared-tensor.js';
import type { MeasureResult } from './task.js';

/** Numbers of the layers of tensors that belong to one. */
export type LayerOf = (tensor: string) => number | undefined;

/** What to measure beside what every geometry has. */
export interface MeasureWish {
  readonly layerOf: LayerOf;
  /** Dimensions of a random projection; none unless given. */
  readonly projection?: number | undefined;
}

/** Measures all merge jobs of a plan, whose operands are `names` in order. */
export async function measurePlan(
  variant: Variant,
  pool: WorkerPool,
  names: readonly string[],
  { layerOf, projection }: MeasureWish,
  { concurrency, onProgress }: ScheduleOptions,
): Promise<MeasuredGeometry> {
  const tensors = scheduleTensors(variant).flatMap((tensor) => SharedTensor.group([tensor]));
  const described = tensors.map(({ members: [tensor] }): GeometryTensor => {
    const { job, units } = tensor!;
    return { name: job.tensor, layer: layerOf(job.tensor), shape: job.shape, units };
  });
  const wishes = described.map(({ name }): ProjectionWish | undefined =>
    projection === undefined
      ? undefined
      : { dimensions: projection, key: randomKey(variant.plan.seed, 'projection', '', name) },
  );
  const collector = new GeometryCollector(described, names);
  await forEachConcurrently([...tensors.entries()], concurrency, async ([index, tensor]) => {
    await Promise.all(
      Array.from({ length: tensor.units }, async (_, unit) => {
        const part = tensor.part(tensor.members[0]!, unit);
        const action = { kind: 'measure', part, projection: wishes[index] } as const;
        const task = { kind: 'visit', inputs: tensor.inputs(unit), actions: [action], retain: false } as const;
        const { result } = await pool.run(task);
        collector.add(index, unit, (result[0] as MeasureResult).sums);
        onProgress({ bytesRead: tensor.inputBytes / tensor.units, bytesWritten: 0, tensorsDone: 0 });
      }),
    );
    onProgress({ bytesRead: 0, bytesWritten: 0, tensorsDone: 1 });
  });
  return collector.finish();
}
