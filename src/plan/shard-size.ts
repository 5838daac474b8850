import { M2MergeError } from '../errors.js';

/** Bytes of tensors in one output file unless the user says otherwise: the Hub's convention, 5 GB decimal. */
export const DEFAULT_SHARD_BYTES = 5_000_000_000;

/** Throws `usage` for what is no size: it would make one shard of all, or one of each tensor. */
export function checkShardBytes(bytes: number): void {
  if (typeof bytes === 'number' && bytes >= 1) return;
  throw new M2MergeError('usage', { message: `shardBytes is ${bytes}, expected a number of bytes above 0` });
}
