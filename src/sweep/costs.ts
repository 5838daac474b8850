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
  /** What is free there, less what models on the Hub will take of it. */
  readonly freeBytes: number;
  /** Estimates: of the merges, and of the evaluations at most. */
  readonly mergeSeconds: number;
  readonly evaluationSeconds: number;
}
