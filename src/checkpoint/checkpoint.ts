/** A checkpoint as its headers describe it: which tensor lies where. No weights are held. */
import type { Warning } from '../warnings.js';
import type { Dtype } from './dtype.js';

/** One weight file of a checkpoint. */
export interface CheckpointFile {
  /** Name inside the model folder, as `model-00001-of-00003.safetensors`. */
  readonly name: string;
  /** Absolute path on this machine. */
  readonly path: string;
  readonly byteLength: number;
  /** Hex sha256 of the file's length prefix and header. */
  readonly headerSha256: string;
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
}

export interface Checkpoint {
  /** Absolute folder. */
  readonly folder: string;
  readonly files: readonly CheckpointFile[];
  /** In file order, then offset order. */
  readonly tensors: ReadonlyMap<string, TensorLocation>;
  /** Parsed config.json; undefined when the folder has none. */
  readonly config: Readonly<Record<string, unknown>> | undefined;
  readonly warnings: readonly Warning[];
}
