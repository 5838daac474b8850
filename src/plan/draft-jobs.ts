/** Jobs before they have a place in the output. */
import type { TensorLocation } from '../checkpoint/checkpoint.js';
import { bytesPerElement } from '../checkpoint/dtype.js';
import { formatShardIndex } from '../checkpoint/shard-index.js';
import type { ShardLayout } from '../checkpoint/shards.js';
import type { Job, Source } from './plan.js';
import type { PlanModel } from './plan-models.js';
import { mergeableLocation } from './tensors.js';

export type DraftJob = { readonly [K in Job['kind']]: Omit<Extract<Job, { kind: K }>, 'target'> }[Job['kind']];

/** Carries a tensor over as it is, or the rows of it that `shape` says. */
export function draftCopy(
  tensor: string,
  { input }: PlanModel,
  { shape: whole, dtype, begin, end, file, elements }: TensorLocation,
  shape = whole,
): DraftJob {
  const kept = shape.reduce((product, length) => product * length, 1);
  const byteLength = elements === 0 ? 0 : ((end - begin) / elements) * kept;
  return { kind: 'copy', tensor, shape, dtype, byteLength, source: { input, file, begin } };
}

/** Where a model's part of a tensor is read. Throws `dtype-unmergeable`. */
export function sourceOf(tensor: string, { input, name }: PlanModel, location: TensorLocation): Source {
  const { file, begin, dtype, lowRank } = mergeableLocation(tensor, location, name);
  return { input, file, begin, dtype, ...(lowRank === undefined ? {} : { lowRank }) };
}

export function describeOutput(draft: DraftJob) {
  return { name: draft.tensor, shape: draft.shape, dtype: draft.kind === 'copy' ? draft.dtype : draft.outputDtype };
}

/** Text of the index of several output files. */
export function formatIndex(drafts: readonly DraftJob[], layouts: readonly ShardLayout[]): string {
  const bytesOf = (draft: DraftJob) =>
    draft.kind === 'copy' ? draft.byteLength : draft.elements * bytesPerElement(draft.outputDtype);
  return formatShardIndex({
    totalParameters: drafts.reduce(
      (total, { shape }) => total + shape.reduce((product, length) => product * length, 1),
      0,
    ),
    totalSize: drafts.reduce((total, draft) => total + bytesOf(draft), 0),
    weightMap: new Map(
      layouts.flatMap(({ fileName, tensors }) => [...tensors.keys()].map((name) => [name, fileName] as const)),
    ),
  });
}
