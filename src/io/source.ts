/** Where bytes come from: one interface for local files and whatever wraps or replaces them. Knows no tensors. */
import type { FileVersion } from './file-version.js';

export interface ByteSource {
  /** What the source is, for messages: a path, or repository, commit and file. */
  readonly name: string;
  readonly byteLength: number;
  /** Of a file on this machine. */
  readonly version?: FileVersion;
  /**
   * Reads bytes [begin, end) into the start of `target`, which the caller owns and which holds at least end − begin
   * bytes. Throws `read-short` when the source ends early.
   */
  read(begin: number, end: number, target: Uint8Array): Promise<void>;
  close(): Promise<void>;
}
