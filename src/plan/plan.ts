/**
 * A plan is what a merge will do, as plain data: ordered jobs with the byte ranges they read and write. It is made from
 * headers alone. The same recipe over the same inputs gives the same plan, whose hash can key resumption and checks.
 */
import type { Preset } from '../../kernels/method.js';
import type { Settings } from '../../kernels/parameters.js';
import type { LowRankTerm } from '../checkpoint/checkpoint.js';
import type { ConfigField } from '../checkpoint/config.js';
import type { Dtype, MergeableDtype, OutputDtype } from '../checkpoint/dtype.js';
import type { HubModel, HubOrigin } from '../hub/hub-model.js';
import type { FileVersion } from '../io/file-version.js';
import type { ModelFiles } from '../io/model-files.js';
import type { Rounding } from '../recipe/recipe.js';
import type { Warning } from '../warnings.js';
import type { BesideWeights } from './beside-weights.js';
import type { RowMap, RowRuns } from './row-maps.js';

/** Version of the plan's shape; part of its hash. */
export const PLAN_VERSION = 1;

export interface PlanFile {
  readonly name: string;
  readonly byteLength: number;
  /** Hex sha256 of the safetensors header with its length prefix: the file's identity without reading weights. */
  readonly headerSha256: string;
}

/** A checkpoint that takes part. */
export interface PlanInput {
  /** The reference as the recipe writes it. */
  readonly reference: string;
  /**
   * `copied`: slices are this model's layers as they are, and nothing is compared with it. `donor`: takes no part in the
   * weights, but gives config and side files.
   */
  readonly role: 'base' | 'model' | 'copied' | 'donor';
  /** Repository and commit of a model on the Hub. */
  readonly hub?: HubOrigin;
  /** Those of its adapter. */
  readonly adapterHub?: HubOrigin;
  readonly files: readonly PlanFile[];
}

/** A byte range of an input, by index: `plan.inputs[input].files[file]` from `begin`. */
export interface Source {
  readonly input: number;
  readonly file: number;
  readonly begin: number;
  readonly dtype: MergeableDtype;
  /** What an adapter adds to the stored values; its factors lie in files of the same input. */
  readonly lowRank?: LowRankTerm;
  /** Its rows come from several places; what is said above is then its identity alone. */
  readonly rows?: SourceRows;
}

/** Rows of a matrix by `plan.rowMaps[map]`, whose parts are `parts`. */
export interface SourceRows {
  readonly map: number;
  readonly parts: readonly Omit<Source, 'rows'>[];
}

/** Where a tensor goes: `plan.shards[shard]` from byte `begin`. */
export interface Target {
  readonly shard: number;
  readonly begin: number;
}

/** One model's part in a tensor. */
export interface OperandPlan {
  /** Index of the model in the recipe's list. */
  readonly model: number;
  readonly source: Source;
  /** Index into `plan.settings`. */
  readonly settings: number;
  /** Whether it has no share in the result, and is read for the report alone. */
  readonly isOnlyMeasured?: true;
}

/** Compute one tensor; operands that are only measured come last. */
export interface MergeJob {
  readonly kind: 'merge';
  readonly tensor: string;
  readonly shape: readonly number[];
  readonly elements: number;
  /** What task vectors are taken against; undefined for methods that work on weights. */
  readonly base: Source | undefined;
  readonly operands: readonly OperandPlan[];
  /** Index into `plan.settings`: the per-merge parameters. */
  readonly settings: number;
  readonly target: Target;
  readonly outputDtype: OutputDtype;
}

/** Carry one tensor over unchanged: integers, booleans, and tensors no model changes. */
export interface CopyJob {
  readonly kind: 'copy';
  readonly tensor: string;
  readonly shape: readonly number[];
  readonly dtype: Dtype;
  readonly byteLength: number;
  readonly source: { readonly input: number; readonly file: number; readonly begin: number };
  readonly target: Target;
}

export type Job = MergeJob | CopyJob;

export interface PlanShard {
  readonly name: string;
  readonly byteLength: number;
}

export interface Plan {
  readonly version: typeof PLAN_VERSION;
  readonly method: string;
  readonly preset: Preset;
  readonly rounding: Rounding;
  readonly seed: number;
  readonly inputs: readonly PlanInput[];
  /** Input that gives the tensor list, the config and the side files. */
  readonly donor: number;
  /** Distinct settings, referred to by index. */
  readonly settings: readonly Settings[];
  /** Digest of what stands beside the weights otherwise than in the donor; see `BesideWeights`. */
  readonly beside?: string;
  /** How rows are put in the order of the merged vocabulary, where they are. */
  readonly rowMaps?: readonly RowMap[];
  /** By tensor name in UTF-8 byte order. */
  readonly jobs: readonly Job[];
  readonly shards: readonly PlanShard[];
}

/** What the plan will cost, in bytes. */
export interface Costs {
  readonly parameters: number;
  /** Passes over the inputs: one to combine, and those of the statistics. */
  readonly passes: number;
  readonly bytesRead: number;
  readonly bytesWritten: number;
}

export interface LayerOfInput {
  readonly input: number;
  readonly layer: number;
}

/** The layers of a merged model, in order, that slices made. */
export interface StackedLayers {
  /** As `model.layers`. */
  readonly prefix: string;
  /** The layers that each comes from: of the base where there is one, then of the sources. */
  readonly layers: readonly (readonly LayerOfInput[])[];
}

/** A plan with what does not belong to its identity: folders on this machine, bytes ready to write, warnings. */
export interface PreparedMerge {
  readonly plan: Plan;
  readonly costs: Costs;
  /** Hex sha256 of the plan. */
  readonly planHash: string;
  /** Absolute folder of each input. */
  readonly folders: readonly string[];
  /** Absolute path of each file of each input. */
  readonly paths: readonly (readonly string[])[];
  /** Which state of each file of each input was planned with; undefined for models on the Hub. */
  readonly versions: readonly (readonly (FileVersion | undefined)[])[];
  /** By input, the model on the Hub that it is. */
  readonly hubModels: readonly (HubModel | undefined)[];
  /** By input and file, the model on the Hub that the file is of; it may not be at its path yet. */
  readonly hubFiles: readonly (readonly (HubModel | undefined)[])[];
  /** Header bytes of each shard. */
  readonly shardHeaders: readonly Uint8Array[];
  /** Text of model.safetensors.index.json; undefined for a single file. */
  readonly indexText: string | undefined;
  /** The donor's files. */
  readonly donorFiles: ModelFiles;
  /** The donor's config. */
  readonly donorConfig: Readonly<Record<string, unknown>> | undefined;
  /** What the merged model's config says otherwise than the donor's, beside the dtype. */
  readonly configFields: readonly ConfigField[];
  /** The runs of each of the plan's row maps. */
  readonly rowRuns: readonly RowRuns[];
  /** What else stands beside the weights otherwise than in the donor; undefined: nothing. */
  readonly beside: BesideWeights | undefined;
  /** Where the layers of each module come from that is put together from slices. */
  readonly stacks: readonly StackedLayers[];
  readonly warnings: readonly Warning[];
}
