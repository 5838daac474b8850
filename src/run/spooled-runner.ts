/** Lets workers read models on the Hub: what a task reads is in the spool while the task runs, and not much longer. */
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { bytesPerElement } from '../checkpoint/dtype.js';
import { M2MergeError } from '../errors.js';
import type { RemoteFile } from '../hub/range.js';
import { leastCapacity, Spool } from '../hub/spool.js';
import { SegmentTable, type SpoolRange } from '../hub/spool-segments.js';
import { checkSpace } from '../io/free-space.js';
import type { CopyJob } from '../plan/plan.js';
import { readsRowsAnew } from '../plan/sources.js';
import { DEFAULT_SPOOL_BYTES } from '../plan/stream-costs.js';
import { HeldRows } from './held-rows.js';
import { removeLeftovers, spoolName } from './leftovers.js';
import type { Done, TaskRunner } from './pool.js';
import { draftTensors, groupByName, ScheduledTensor, type Variant } from './scheduled-tensor.js';
import type { HeldPlaces } from './stored-sources.js';
import { isGathered, type StoredVector } from './stored-vector.js';
import { COPY_UNIT_BYTES, type CopyTask, type Task, type VisitTask } from './task.js';

export interface SpoolPlace {
  /** Absolute path of a file to make. */
  readonly path: string;
  readonly capacity: number;
  /** Number of the spool among the workers' input files. */
  readonly number: number;
}

/** A place for a spool: beside the output, which has to be on a disk with room, else among temporary files. */
export function placeSpool(
  merges: readonly { readonly output: { readonly path: string } | undefined }[],
  capacity: number | undefined,
  number: number,
): SpoolPlace {
  const output = merges.find((merge) => merge.output !== undefined)?.output;
  const folder = output === undefined ? tmpdir() : dirname(output.path);
  return {
    path: join(folder, spoolName()),
    capacity: capacity ?? DEFAULT_SPOOL_BYTES,
    number,
  };
}

export class SpooledRunner implements TaskRunner {
  readonly #runner: TaskRunner;
  readonly #spool: Spool;
  readonly #number: number;
  readonly #files: ReadonlyMap<number, RemoteFile>;
  /** Where variants find what is not read unit by unit. */
  readonly held: HeldPlaces;

  private constructor(
    runner: TaskRunner,
    spool: Spool,
    number: number,
    files: ReadonlyMap<number, RemoteFile>,
    held: HeldPlaces,
  ) {
    this.#runner = runner;
    this.#spool = spool;
    this.#number = number;
    this.#files = files;
    this.held = held;
  }

  /**
   * Opens a spool for what variants read of `files`, by number, and fetches what has to be there from the start. Throws
   * `usage` when it is too small, `disk-full`, and what transfers throw.
   */
  static async open(
    runner: TaskRunner,
    variants: readonly Variant[],
    files: ReadonlyMap<number, RemoteFile>,
    { path, capacity, number }: SpoolPlace,
  ): Promise<SpooledRunner> {
    const table = new SegmentTable(rangesOf(variants, files));
    // Variants that read a tensor together read the models of all of them at once.
    const inputs = new Set(variants.flatMap(({ plan }) => plan.inputs.map(({ reference }) => reference))).size;
    const least = Math.min(leastCapacity(table, inputs), table.bytes);
    if (capacity < least) {
      const message = `a spool of ${capacity} bytes is too small for ${inputs} models`;
      throw new M2MergeError('usage', { message, hint: `--spool-size must be at least ${Math.ceil(least / 1e6)}MB` });
    }
    const bytes = Math.min(capacity, table.bytes);
    // Where nothing is written, no output has done it.
    await removeLeftovers(dirname(path), []);
    const output = variants.reduce(
      (total, { plan, firstOutput }) => total + (firstOutput === undefined ? 0 : outputBytes(plan.shards)),
      0,
    );
    const rows = new HeldRows(variants, files, bytes);
    const needed = bytes + rows.bytes + output;
    await checkSpace(dirname(path), needed);
    const spool = await Spool.open({ path, capacity: bytes, table, files });
    try {
      await rows.bring(path);
    } catch (error) {
      await spool.close();
      throw error;
    }
    spool.start();
    return new SpooledRunner(runner, spool, number, files, rows.places(number));
  }

  async run(task: Task, preferred?: number): Promise<Done> {
    // Spectra are measured of models on this machine only, and sums are taken of rows that are held.
    if (task.kind === 'spectral' || task.kind === 'sum-rows') return this.#runner.run(task, preferred);
    const ranges = task.kind === 'copy' ? copyRanges(task, this.#files) : visitRanges(task, this.#files);
    if (ranges.length === 0) return this.#runner.run(task, preferred);
    const lease = await this.#spool.acquire(ranges.map(({ range }) => range));
    try {
      return await this.#runner.run(this.#redirect(task, ranges, lease.places), preferred);
    } finally {
      lease.release(task.kind === 'visit' && task.retain);
    }
  }

  close(): Promise<void> {
    return this.#spool.close();
  }

  /** The task with the places of its ranges in the spool. */
  #redirect(task: VisitTask | CopyTask, ranges: readonly VectorRange[], places: readonly number[]): Task {
    const file = this.#number;
    if (task.kind === 'copy') return { ...task, source: file, sourceBegin: places[0]! };
    const moved = new Map(
      ranges.map(({ vector, offset }, i) => [vector!, { ...vector!, spooled: { file, begin: places[i]! - offset } }]),
    );
    const move = (vector: StoredVector): StoredVector => moved.get(vector) ?? vector;
    const { base, operands } = task.inputs;
    return { ...task, inputs: { ...task.inputs, base: base && move(base), operands: operands.map(move) } };
  }
}

interface VectorRange {
  readonly vector?: StoredVector;
  /** Bytes of the tensor before the range. */
  readonly offset: number;
  readonly range: SpoolRange;
}

type Files = ReadonlyMap<number, unknown>;

function rangeOf(vector: StoredVector, firstIndex: number, count: number): VectorRange {
  const width = bytesPerElement(vector.dtype);
  const offset = width * firstIndex;
  const begin = vector.begin + offset;
  return { vector, offset, range: { file: vector.file, begin, end: begin + width * count } };
}

/** Whether a vector is read unit by unit of a file on the Hub; one of rows in another order, or that are read anew, is held. */
function isStreamed(vector: StoredVector, files: Files): boolean {
  return files.has(vector.file) && !isGathered(vector) && !readsRowsAnew(vector);
}

function visitRanges({ inputs }: VisitTask, files: Files): VectorRange[] {
  const { base, operands, firstIndex, count } = inputs;
  const vectors = [...(base === undefined ? [] : [base]), ...operands];
  return vectors.filter((vector) => isStreamed(vector, files)).map((vector) => rangeOf(vector, firstIndex, count));
}

function copyRanges({ source, sourceBegin, byteLength }: CopyTask, files: Files): VectorRange[] {
  if (!files.has(source)) return [];
  return [{ offset: 0, range: { file: source, begin: sourceBegin, end: sourceBegin + byteLength } }];
}

/** What a pass over all tensors reads of the files, in its order: merges by name, then copies. */
function* rangesOf(variants: readonly Variant[], files: Files): Generator<SpoolRange> {
  for (const drafts of groupByName(variants.flatMap(draftTensors)).values()) {
    for (const draft of drafts) yield* tensorRanges(new ScheduledTensor(draft), files);
  }
  for (const variant of variants) {
    for (const job of variant.plan.jobs) {
      const file = job.kind === 'copy' ? variant.fileIndex(job.source) : undefined;
      if (file !== undefined && files.has(file)) yield* pieces(file, job as CopyJob);
    }
  }
}

function* tensorRanges({ base, operands, layout, units, job }: ScheduledTensor, files: Files): Generator<SpoolRange> {
  const streamed = [...(base === undefined ? [] : [base]), ...operands].filter((vector) => isStreamed(vector, files));
  for (let unit = 0; unit < units; unit++) {
    const firstIndex = unit * layout.unitElements;
    const count = Math.min(layout.unitElements, job.elements - firstIndex);
    for (const vector of streamed) yield rangeOf(vector, firstIndex, count).range;
  }
}

function* pieces(file: number, { source, byteLength }: CopyJob): Generator<SpoolRange> {
  for (let done = 0; done < byteLength; done += COPY_UNIT_BYTES) {
    const begin = source.begin + done;
    yield { file, begin, end: begin + Math.min(COPY_UNIT_BYTES, byteLength - done) };
  }
}

function outputBytes(shards: readonly { readonly byteLength: number }[]): number {
  return shards.reduce((total, { byteLength }) => total + byteLength, 0);
}
