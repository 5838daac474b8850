/** Reads matrices whose rows come from several places, as embeddings in the order of another model's tokens. */
import type { Slot } from '../../kernels/abi.js';
import { bytesPerElement, type MergeableDtype } from '../checkpoint/dtype.js';
import { CHUNK_ELEMENTS } from '../plan/adapted-memory.js';
import { MEAN_OF_ROWS, runIndex } from '../plan/row-maps.js';
import type { AdaptedInputs } from './adapted-inputs.js';
import { type GatheredVector, isAdapted, isGathered, type StoredRows, type StoredVector } from './stored-vector.js';
import { type ReadTools, readWidened, STORED_CHUNK_BYTES } from './widened-read.js';

export interface GatherTools extends ReadTools {
  /** Reads parts that an adapter changes. */
  readonly adapted: AdaptedInputs | undefined;
}

/** Where elements go, and the dtype they are held in. */
interface Destination {
  readonly slot: Slot;
  readonly held: MergeableDtype;
}

export class GatheredInputs {
  readonly #tools: GatherTools;
  /** Stored bytes of a chunk, and a chunk as f32. */
  readonly #stored: Slot;
  readonly #chunk: Slot;

  /** Takes memory for one unit's inputs. */
  constructor(tools: GatherTools) {
    this.#tools = tools;
    this.#stored = tools.memory.take(STORED_CHUNK_BYTES);
    this.#chunk = tools.memory.take(4 * CHUNK_ELEMENTS);
  }

  /** Elements [firstIndex, firstIndex + count) of a gathered input in its held dtype, at `destination`. */
  read({ rows }: GatheredVector, destination: Slot, firstIndex: number, count: number): void {
    const { columns, runs, held } = rows;
    const width = bytesPerElement(held);
    const end = firstIndex + count;
    for (let run = runIndex(runs, Math.floor(firstIndex / columns)); run < runs.starts.length - 1; run++) {
      const runBegin = runs.starts[run]! * columns;
      const begin = Math.max(firstIndex, runBegin);
      const stop = Math.min(end, runs.starts[run + 1]! * columns);
      if (begin >= end) return;
      const slot = destination + width * (begin - firstIndex);
      this.#fill(rows, run, { slot, held }, begin - runBegin, stop - begin);
    }
  }

  /** `count` elements of a run from its element `offset` on. */
  #fill({ columns, parts, mean, runs }: StoredRows, run: number, to: Destination, offset: number, count: number): void {
    const { offsets, terms } = runs;
    const first = offsets[run]!;
    const end = offsets[run + 1]!;
    const isMean = terms[first] === MEAN_OF_ROWS && first < end;
    if (isMean || first === end) {
      this.#tools.memory.bytes(to.slot, bytesPerElement(to.held) * count).fill(0);
      if (isMean && mean !== undefined) repeatRow(this.#floats(to.slot, count), mean, offset);
      return;
    }
    const partOf = (term: number): StoredVector => parts[terms[term]!]!;
    const place = (term: number): number => terms[term + 1]! * columns + offset;
    this.#copy(partOf(first), place(first), count, to);
    if (end - first === 2) return;
    for (let term = first + 2; term < end; term += 2) this.#add(partOf(term), place(term), count, to.slot);
    const values = this.#floats(to.slot, count);
    for (let i = 0; i < count; i++) values[i]! /= (end - first) / 2;
  }

  #copy(part: StoredVector, begin: number, count: number, { slot, held }: Destination): void {
    const { adapted, files, memory } = this.#tools;
    if (isAdapted(part)) {
      adapted!.read(part, slot, begin, count);
      return;
    }
    const width = bytesPerElement(part.dtype);
    if (part.dtype === held) files.read(part.file, memory.bytes(slot, width * count), part.begin + width * begin);
    else readWidened(this.#tools, part, this.#stored, begin, count, slot);
  }

  /** Adds elements of a part to f32 values, one rounding each. */
  #add(part: StoredVector, begin: number, count: number, slot: Slot): void {
    for (let done = 0; done < count; done += CHUNK_ELEMENTS) {
      const elements = Math.min(CHUNK_ELEMENTS, count - done);
      this.#copy(part, begin + done, elements, { slot: this.#chunk, held: 'F32' });
      const sum = this.#floats(slot + 4 * done, elements);
      const summand = this.#floats(this.#chunk, elements);
      for (let i = 0; i < elements; i++) sum[i] = sum[i]! + summand[i]!;
    }
  }

  #floats(slot: Slot, count: number): Float32Array {
    return new Float32Array(this.#tools.kernels.memory.buffer, slot, count);
  }
}

/** Fills rows that are alike, from element `offset` of the first on. */
function repeatRow(to: Float32Array, row: Float32Array, offset: number): void {
  for (let i = 0; i < to.length; i++) to[i] = row[(offset + i) % row.length]!;
}

/** The reader of a unit's gathered inputs; undefined when there are none. */
export function gatherInputs(tools: GatherTools, inputs: readonly StoredVector[]): GatheredInputs | undefined {
  return inputs.some(isGathered) ? new GatheredInputs(tools) : undefined;
}
