/** A checkpoint as its headers describe it: which tensor lies where. No weights are held. */
import type { HubModel } from '../hub/hub-model.js';
import type { FileVersion } from '../io/file-version.js';
import type { ModelFiles } from '../io/model-files.js';
import type { Warning } from '../warnings.js';
import type { Dtype, MergeableDtype } from './dtype.js';

/** One weight file of a checkpoint. */
export interface CheckpointFile {
  /** Name inside the model folder, as `model-00001-of-00003.safetensors`. */
  readonly name: string;
  /** Absolute path on this machine. */
  readonly path: string;
  readonly byteLength: number;
  /** Hex sha256 of the file's length prefix and header. */
  readonly headerSha256: string;
  /** Of a file that was on this machine when its header was read. */
  readonly version?: FileVersion;
  /** The model on the Hub that it is of; it may not be at its path yet. */
  readonly hub?: HubModel;
}

export interface TensorLocation {
  /** Index into `Checkpoint.files`. */
  readonly file: number;
  readonly dtype: Dtype;
  readonly shape: readonly number[];
  /** Product of the shape; 1 for a scalar. */
  readonly elements: number;
  /** Absolute byte range [begin, end) in the file. */
  readonly begin: number;
  readonly end: number;
  /** What an adapter adds to the stored values. */
  readonly lowRank?: LowRankTerm;
}

/** A matrix of an adapter. */
export interface FactorLocation {
  /** Index into `Checkpoint.files`. */
  readonly file: number;
  /** Absolute byte of its first element in the file. */
  readonly begin: number;
  readonly dtype: MergeableDtype;
}

/** scale·L·R, to be added to a matrix [rows, columns]; L is [rows, rank] and R is [rank, columns], row-major. */
export interface LowRankTerm {
  readonly left: FactorLocation;
  readonly right: FactorLocation;
  /** Of the matrix as it is stored, of which a merge may take fewer. */
  readonly rows: number;
  readonly rank: number;
  /** Both are stored as their transposes. */
  readonly transposed: boolean;
  readonly scale: number;
  /** With DoRA, the norm that each row has in the end, one of them for each. */
  readonly magnitudes?: FactorLocation;
}

export interface Checkpoint {
  /**
   * Absolute folder (an adapter's file lies elsewhere); of a model on the Hub, the one in the cache that its files come to
   * when they are needed.
   */
  readonly folder: string;
  /** Set for a model on the Hub. */
  readonly hub?: HubModel;
  readonly files: readonly CheckpointFile[];
  /** What stands beside the weights, where it is not (yet) in `folder`. */
  readonly sideFiles?: ModelFiles;
  /** In file order, then offset order. */
  readonly tensors: ReadonlyMap<string, TensorLocation>;
  /** Parsed config.json; undefined when the folder has none. */
  readonly config: Readonly<Record<string, unknown>> | undefined;
  readonly warnings: readonly Warning[];
}
