/** What a sweep costs from where it stands. */
export interface SweepCosts {
  /** Variants that are still to be merged, in how many runs, and how many of them together. */
  readonly open: number;
  readonly waves: number;
  readonly waveSize: number;
  /** Bytes of the largest folder that a variant makes. */
  readonly variantBytes: number;
  readonly bytesRead: number;
  readonly bytesWritten: number;
  /** Bytes of models that lie side by side at most. */
  readonly diskBytes: number;
  readonly freeBytes: number;
  /** Estimates: of the merges, and of the evaluations at most. */
  readonly mergeSeconds: number;
  readonly evaluationSeconds: number;
}
