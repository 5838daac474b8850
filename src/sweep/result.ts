/** What a sweep found, as typed data: what `sweep.json` holds and every rendering shows. */

/** Version of this shape; it grows when a field changes its meaning or goes, not when one is added. */
export const SWEEP_VERSION = 1;

/** Values of settings, as short text. */
export type SettingTexts = Readonly<Record<string, string>>;

/** What the merge made of the experts, over the whole model; null where there is no base or no change. */
export interface VariantGeometry {
  /** ⟨τᵢ,Δ̃⟩/‖τᵢ‖² of the written model by expert: 1 means fully kept. */
  readonly retained_projection: Readonly<Record<string, number | null>>;
  /** ‖Δ̃‖ / mean ‖τᵢ‖. */
  readonly norm_ratio: number | null;
  /** Share of changed elements that are still changed in the written dtype. */
  readonly rounding_survival: number | null;
}

/** Tensors that geometry leaves out, as it compares all models, and models that have no part or the weight 0 in them. */
export interface Unmeasured {
  readonly tensors: number;
  /** Names of experts. */
  readonly models: readonly string[];
}

/** `merged`: there is no evaluation. `failed`: its evaluation gave no metrics, and `problem` says why. */
export type RowStatus = 'evaluated' | 'merged' | 'failed';

/** One variant and how it did. */
export interface SweepRow {
  /** Name of the variant and of its folder. */
  readonly variant: string;
  /** Hex digest of the variant's recipe: what identifies it when a sweep goes on. */
  readonly id: string;
  readonly settings: SettingTexts;
  /** Text of its recipe. */
  readonly recipe: string;
  readonly status: RowStatus;
  readonly metrics: Readonly<Record<string, number>>;
  readonly problem?: string;
  readonly geometry: VariantGeometry | null;
  /** Only where there is a base and something is left out. */
  readonly unmeasured?: Unmeasured;
  /** Wall seconds of the evaluation. */
  readonly evaluation_seconds: number | null;
  /** In the log: the state of the models on this machine that it was merged from, where there were any. */
  readonly inputs?: string;
  /** In the log: a digest of the command that judged it. */
  readonly judge?: string;
}

/** Whether there were evaluations, and none of them gave a number. */
export function isUnjudged(rows: readonly SweepRow[]): boolean {
  return rows.length > 0 && rows.every(({ status }) => status === 'failed');
}

/** Where the sweep's result and its renderings are, in its folder. */
export const SWEEP_FILES = { json: 'sweep.json', markdown: 'sweep.md', html: 'sweep.html' } as const;

/** The number that decides: a metric, or the mean of all. */
export interface Objective {
  readonly metric: string | null;
  readonly maximize: boolean;
}

export interface SweepResult {
  readonly version: typeof SWEEP_VERSION;
  readonly tool: string;
  /** Name of the recipe's file. */
  readonly recipe: string;
  readonly objective: Objective;
  /** Settings that were varied, in the order they are given. */
  readonly settings: readonly string[];
  /** All metrics seen, in the order they first came. */
  readonly metrics: readonly string[];
  /** In the order of the sweep. */
  readonly rows: readonly SweepRow[];
  /** Name of the best variant; null when none has the objective. */
  readonly best: string | null;
  /** Text of the best variant's recipe. */
  readonly best_recipe: string | null;
  /** Names of the variants that none other beats in all metrics at once. */
  readonly pareto: readonly string[];
}
