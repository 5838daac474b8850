/** Positioned, synchronous reads and writes of a worker. The only file of the merge loop that touches the disk. */
import { closeSync, fstatSync, openSync, readSync, writeSync } from 'node:fs';
import { M2MergeError } from '../errors.js';
import { type FileVersion, isSameVersion, versionOf } from '../io/file-version.js';
import { asReadError } from '../io/read-error.js';
import { asWriteError } from '../io/write-error.js';

/** Files one worker keeps open at most; a merge of eight models in 16 shards each fits, the usual limit of 1,024 is far. */
export const OPEN_FILES = 128;

export interface InputFile {
  readonly path: string;
  /** What its header was read of; unknown for what is not on this machine yet when headers are read. */
  readonly version?: FileVersion;
}

/** The files behind the indices that tasks carry. */
export interface FileNames {
  readonly inputs: readonly InputFile[];
  readonly outputs: readonly string[];
}

interface OpenFile {
  readonly descriptor: number;
  readonly isOutput: boolean;
}

export class PositionedFiles {
  readonly #names: FileNames;
  readonly #most: number;
  /** By path, least recently used first. */
  readonly #open = new Map<string, OpenFile>();

  constructor(names: FileNames, openFiles = OPEN_FILES) {
    this.#names = names;
    this.#most = openFiles;
  }

  /** Fills `target` from byte `position` of an input. Throws `read-short`, `file-unreadable`, `input-changed`. */
  read(input: number, target: Uint8Array, position: number): void {
    const { path, version } = this.#names.inputs[input]!;
    try {
      const descriptor = this.#descriptor(path, 'r', version);
      for (let done = 0; done < target.length; ) {
        const read = readSync(descriptor, target, done, target.length - done, position + done);
        if (read === 0) {
          throw new M2MergeError('read-short', { file: path, position, expected: target.length, found: done });
        }
        done += read;
      }
    } catch (error) {
      throw codeOf(error) === undefined ? error : asReadError(error, path);
    }
  }

  /** Writes `bytes` at byte `position` of an output. Throws `disk-full`, `output-unwritable`. */
  write(output: number, bytes: Uint8Array, position: number): void {
    const path = this.#names.outputs[output]!;
    try {
      const descriptor = this.#descriptor(path, 'r+');
      for (let done = 0; done < bytes.length; ) {
        done += writeSync(descriptor, bytes, done, bytes.length - done, position + done);
      }
    } catch (error) {
      throw asWriteError(error, path);
    }
  }

  /**
   * Closes all, then throws what the first output failed with: some file systems tell only then that what was written has no
   * place. Throws `disk-full`, `output-unwritable`.
   */
  close(): void {
    const failures: unknown[] = [];
    while (this.#open.size > 0) {
      try {
        this.#closeOldest();
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length > 0) throw failures[0];
  }

  #descriptor(path: string, flags: 'r' | 'r+', version?: FileVersion): number {
    const known = this.#open.get(path);
    if (known !== undefined) {
      this.#open.delete(path);
      this.#open.set(path, known);
      return known.descriptor;
    }
    if (this.#open.size >= this.#most) this.#closeOldest();
    const descriptor = this.#openFile(path, flags);
    if (version !== undefined && !isSameVersion(versionOf(fstatSync(descriptor, { bigint: true })), version)) {
      closeSync(descriptor);
      throw new M2MergeError('input-changed', { path });
    }
    this.#open.set(path, { descriptor, isOutput: flags === 'r+' });
    return descriptor;
  }

  /** Where the process has too many open nevertheless, others are closed for it. */
  #openFile(path: string, flags: 'r' | 'r+'): number {
    for (;;) {
      try {
        return openSync(path, flags);
      } catch (error) {
        if (codeOf(error) !== 'EMFILE' || this.#open.size === 0) throw error;
        this.#closeOldest();
      }
    }
  }

  #closeOldest(): void {
    const [oldest, { descriptor, isOutput }] = this.#open.entries().next().value!;
    this.#open.delete(oldest);
    try {
      closeSync(descriptor);
    } catch (error) {
      // Of an input, all that was wanted has been read.
      if (isOutput) throw asWriteError(error, oldest);
    }
  }
}

function codeOf(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException).code;
}
