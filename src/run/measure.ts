/** Measures the geometry of a plan's task vectors: one pass over the inputs, nothing written. */
import { GeometryCollector, type GeometryTensor, type MeasuredGeometry } from '../geometry/collect.js';
import type { ProjectionWish } from '../geometry/projection.js';
import { withSpectra } from '../geometry/spectral.js';
import { hasSpectrum, SPECTRAL_PASSES, type SpectralSums } from '../geometry/spectrum.js';
import { forEachConcurrently } from '../io/concurrency.js';
import { measuredJobs } from '../plan/measured-jobs.js';
import { layOutRows } from '../plan/unit-layout.js';
import type { TaskRunner } from './pool.js';
import { randomKey } from './random-key.js';
import { draftTensors, type TensorDraft, type Variant } from './scheduled-tensor.js';
import type { ScheduleOptions } from './scheduler.js';
import { SharedTensor } from './shared-tensor.js';
import type { MeasureResult, SpectralResult } from './task.js';

/** Numbers of the layers of tensors that belong to one. */
export type LayerOf = (tensor: string) => number | undefined;

/** What to measure beside what every geometry has. */
export interface MeasureWish {
  readonly layerOf: LayerOf;
  /** Dimensions of a random projection; none unless given. */
  readonly projection?: number | undefined;
  /** Whether to find the spectra of all matrices that some expert changed; takes SPECTRAL_PASSES more passes. */
  readonly spectral?: boolean | undefined;
}

/** Measures the tensors of a plan in which all of `names` have a part, as operands in this order. */
export async function measurePlan(
  variant: Variant,
  pool: TaskRunner,
  names: readonly string[],
  { layerOf, projection, spectral = false }: MeasureWish,
  { concurrency, onProgress }: ScheduleOptions,
): Promise<MeasuredGeometry> {
  const jobs = new Set(measuredJobs(variant.plan));
  const drafts = draftTensors(variant).filter(({ job }) => jobs.has(job));
  const described = drafts.map(({ job, units }): GeometryTensor => {
    return { name: job.tensor, layer: layerOf(job.tensor), shape: job.shape, units };
  });
  const wishes = described.map(({ name }): ProjectionWish | undefined =>
    projection === undefined
      ? undefined
      : { dimensions: projection, key: randomKey(variant.plan.seed, 'projection', '', name) },
  );
  const collector = new GeometryCollector(described, names);
  await forEachConcurrently([...drafts.entries()], concurrency, async ([index, draft]) => {
    const tensor = SharedTensor.alone(draft);
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
  const geometry = collector.finish();
  if (!spectral) return geometry;
  return withSpectra(geometry, await findSpectra(drafts, geometry, pool, concurrency, onProgress), names, layerOf);
}

/** Spectra by tensor. A tensor that no expert changed has none: any direction is as good as another for zeros. */
async function findSpectra(
  drafts: readonly TensorDraft[],
  measured: MeasuredGeometry,
  pool: TaskRunner,
  concurrency: number,
  onProgress: ScheduleOptions['onProgress'],
): Promise<ReadonlyMap<string, SpectralSums>> {
  const spectra = new Map<string, SpectralSums>();
  const matrices = drafts.filter(({ job }) => {
    const changes = Object.values(measured.tensors[job.tensor]!.experts);
    return hasSpectrum(job.shape) && changes.some(({ norm }) => norm > 0 && Number.isFinite(norm));
  });
  await forEachConcurrently(matrices, concurrency, async (draft) => {
    const { job, variant } = draft;
    const tensor = SharedTensor.alone(draft);
    const member = tensor.members[0]!;
    const inputs = { ...tensor.inputs(0), count: job.elements, layout: layOutRows(job.shape) };
    const key = randomKey(variant.plan.seed, 'spectrum', '', job.tensor);
    const { result } = await pool.run({ kind: 'spectral', inputs, part: tensor.part(member, 0), key });
    spectra.set(job.tensor, (result[0] as SpectralResult).sums);
    onProgress({ bytesRead: SPECTRAL_PASSES * tensor.inputBytes, bytesWritten: 0, tensorsDone: 0 });
  });
  return spectra;
}
