/** The model that a plan will make, as if it were there: what later merges of the same run are planned with. */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import type { Checkpoint, TensorLocation } from '../checkpoint/checkpoint.js';
import type { ConfigField } from '../checkpoint/config.js';
import { bytesPerElement } from '../checkpoint/dtype.js';
import { PlannedFiles } from './beside-weights.js';
import type { Job, PreparedMerge } from './plan.js';

type Config = Readonly<Record<string, unknown>>;

/** The checkpoint in `folder` (absolute) once the plan is carried out. Its files are not there yet. */
export function plannedCheckpoint(
  { plan, shardHeaders, donorConfig, configFields, donorFiles, beside }: PreparedMerge,
  folder: string,
): Checkpoint {
  const files = plan.shards.map(({ name, byteLength }, index) => ({
    name,
    path: join(folder, name),
    byteLength,
    headerSha256: createHash('sha256').update(shardHeaders[index]!).digest('hex'),
  }));
  const tensors = new Map(plan.jobs.map((job) => [job.tensor, locationOf(job)]));
  const config = donorConfig && configFields.reduce(withField, donorConfig);
  const sideFiles = new PlannedFiles(folder, donorFiles, beside);
  return { folder, files, sideFiles, tensors, config, warnings: [] };
}

function locationOf(job: Job): TensorLocation {
  const { shape, target } = job;
  const elements = shape.reduce((product, length) => product * length, 1);
  const dtype = job.kind === 'copy' ? job.dtype : job.outputDtype;
  const byteLength = job.kind === 'copy' ? job.byteLength : elements * bytesPerElement(job.outputDtype);
  return { file: target.shard, dtype, shape, elements, begin: target.begin, end: target.begin + byteLength };
}

function withField(config: Config, { section: [key, ...inner], key: field, value }: ConfigField): Config {
  if (key === undefined) return { ...config, [field]: value };
  return { ...config, [key]: withField(config[key] as Config, { section: inner, key: field, value }) };
}
