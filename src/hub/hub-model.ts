/** A model on the Hub as the layers above see it. */
import type { ModelFiles } from '../io/model-files.js';
import type { Warning } from '../warnings.js';
import type { PullOptions } from './pull.js';
import type { RemoteFile } from './range.js';

/** Where a model comes from, for others to find it again. */
export interface HubOrigin {
  readonly repo: string;
  /** Full id of the commit. */
  readonly commit: string;
}

export interface HubModel extends ModelFiles {
  readonly origin: HubOrigin;
  readonly warnings: readonly Warning[];
  /** Paths of all files, also in subfolders. */
  readonly paths: readonly string[];
  /** Bytes of a file. Throws `hub-file-missing`. */
  byteLength(path: string): number;
  /** Makes files be in `folder`, checked. Returns what is worth saying. */
  pull(paths: readonly string[], options?: PullOptions): Promise<readonly Warning[]>;
  /** Whether a file is in `folder`, whole and right. */
  isCached(path: string): Promise<boolean>;
  /** What an error about the model's files means for a model on the Hub. */
  explain(error: unknown): unknown;
  /** A file to fetch ranges of. Throws `hub-offline` when the network must not be used. */
  remote(path: string): RemoteFile;
}
