/**
 * The results of a sweep as they come: one JSON line for each step of a variant, appended and flushed, so that a sweep
 * that ends at any moment goes on where it was. The last line of a variant counts.
 */
import { type FileHandle, open, readFile, stat, truncate } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { RESULTS_GONE } from '../errors/output.js';
import { M2MergeError } from '../errors.js';
import { isSameVersion, versionOf } from '../io/file-version.js';
import { type LockOptions, type Release, tryLock } from '../io/lock.js';
import { makeFolder } from '../io/make-folder.js';
import { asReadError } from '../io/read-error.js';
import { asWriteError } from '../io/write-error.js';
import type { SweepRow } from '../sweep/result.js';

const RESULTS_FILE = 'results.jsonl';

/** Who writes into the folder. Two sweeps at once would take each other's models away and cut each other's lines. */
const LOCK_FILE = '.m2merge-sweep.lock';

export class ResultsLog {
  readonly #path: string;
  readonly #file: FileHandle;
  readonly #release: Release;
  readonly #rows: Map<string, SweepRow>;
  /** The last row on its way; rejects for ever after one that failed. */
  #writing: Promise<void> = Promise.resolve();

  private constructor(path: string, file: FileHandle, release: Release, rows: Map<string, SweepRow>) {
    this.#path = path;
    this.#file = file;
    this.#release = release;
    this.#rows = rows;
  }

  /**
   * Opens the log in a folder, which is made if need be, and keeps other sweeps out of it until `close`. A line that was
   * being written is removed. Throws `sweep-running` and `output-unwritable`.
   */
  static async open(folder: string, options: LockOptions = {}): Promise<ResultsLog> {
    const path = join(folder, RESULTS_FILE);
    let release: Release | undefined;
    try {
      await makeFolder(folder).catch((error: unknown) => {
        throw asWriteError(error, folder);
      });
      release = await tryLock(join(folder, LOCK_FILE), options);
      if (release === undefined) throw new M2MergeError('sweep-running', { folder });
      const { rows, completeBytes } = await readRows(path);
      const file = await open(path, 'a');
      await truncate(path, completeBytes);
      return new ResultsLog(path, file, release, rows);
    } catch (error) {
      await release?.();
      throw asWriteError(error, path);
    }
  }

  /** The rows of a sweep that has run. Throws `results-invalid`, `file-unreadable`, and `output-unwritable` for no folder. */
  static async read(folder: string): Promise<ReadonlyMap<string, SweepRow>> {
    return (await readRows(join(folder, RESULTS_FILE))).rows;
  }

  /** Whether an earlier run left results. */
  get continues(): boolean {
    return this.#rows.size > 0;
  }

  /** All that is known, by identity. */
  get rows(): ReadonlyMap<string, SweepRow> {
    return this.#rows;
  }

  /** What is known of a variant, by its identity. */
  row(id: string): SweepRow | undefined {
    return this.#rows.get(id);
  }

  /** Takes it that nothing is known of some variants; their lines stay. */
  forget(ids: Iterable<string>): void {
    for (const id of ids) this.#rows.delete(id);
  }

  /** Adds a row; it is on the disk when the promise resolves. One after the other: behind a torn line none may follow. */
  append(row: SweepRow): Promise<void> {
    this.#writing = this.#writing.then(() => this.#write(row));
    return this.#writing;
  }

  async #write(row: SweepRow): Promise<void> {
    try {
      // A plain write to a disk that gets full would end in the middle of the line without a word.
      await this.#file.appendFile(`${JSON.stringify(row)}\n`);
      await this.#file.datasync();
    } catch (error) {
      throw asWriteError(error, RESULTS_FILE);
    }
    await this.#checkInPlace();
    noteRow(this.#rows, row);
  }

  /** Throws `output-unwritable` where nobody will find what was written: the folder is gone, or another has its name. */
  async #checkInPlace(): Promise<void> {
    const written = await this.#file.stat({ bigint: true });
    const found = await stat(this.#path, { bigint: true }).catch(() => undefined);
    if (found !== undefined && isSameVersion(versionOf(found), versionOf(written))) return;
    throw new M2MergeError('output-unwritable', { path: dirname(this.#path), reason: RESULTS_GONE });
  }

  async close(): Promise<void> {
    await this.#file.close();
    await this.#release();
  }
}

async function readRows(path: string): Promise<{ rows: Map<string, SweepRow>; completeBytes: number }> {
  const bytes = await readFile(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return Buffer.alloc(0);
    // It is where the sweep is to go rather than what it reads.
    if (error.code === 'ENOTDIR') throw asWriteError(error, dirname(path));
    throw asReadError(error, path);
  });
  const completeBytes = bytes.lastIndexOf(0x0a) + 1;
  const lines = bytes.subarray(0, completeBytes).toString('utf8').split('\n').slice(0, -1);
  const rows = lines.map((line, index) => parseRow(line, `${path}:${index + 1}`));
  const known = new Map<string, SweepRow>();
  for (const row of rows) noteRow(known, row);
  return { rows: known, completeBytes };
}

/** Rows are in the order of their last lines. */
function noteRow(rows: Map<string, SweepRow>, row: SweepRow): void {
  rows.delete(row.id);
  rows.set(row.id, row);
}

/**
 * By name, the identity of the variant whose model is in the folder of that name, if any is: the last that was noted.
 * Variants of recipes that were run in the folder one after the other can have the same names.
 */
export function ownersOf(rows: ReadonlyMap<string, SweepRow>): ReadonlyMap<string, string> {
  return new Map([...rows.values()].map(({ variant, id }) => [variant, id]));
}

function parseRow(line: string, place: string): SweepRow {
  try {
    const row = JSON.parse(line) as SweepRow;
    if (typeof row.id === 'string' && typeof row.variant === 'string') return row;
  } catch {
    // Told below.
  }
  throw new M2MergeError('results-invalid', { place });
}
