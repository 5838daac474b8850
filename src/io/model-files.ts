/** The files of a model by name, wherever they are. */
import type { ByteSource } from './source.js';

export interface ModelFiles {
  /** Absolute folder that holds the files, or will. */
  readonly folder: string;
  /** What to call a file in messages. */
  describe(name: string): string;
  /** Names of what lies directly in the model's folder. Throws `file-missing`, `file-unreadable`. */
  list(): Promise<readonly string[]>;
  /** The caller closes the source. */
  open(name: string): Promise<ByteSource>;
}
