/** Bytes of tensors in one output file unless the user says otherwise: the Hub's convention, 5 GB decimal. */
export const DEFAULT_SHARD_BYTES = 5_000_000_000;
