/**
 * Reads inputs that an adapter changes: stored values widened to f32, plus scale·L·R for the rows that a tile covers, which
 * DoRA then rescales. A worker never holds more of a factor L than some rows; of R it holds all, for each adapted input of a
 * unit while there is room, else for one at a time.
 */
import type { Slot } from '../../kernels/abi.js';
import { CHUNK_ELEMENTS, holdsAllRights, rightBytes } from '../plan/adapted-memory.js';
import { readsRowsAnew } from '../plan/sources.js';
import { RowRescaling } from './row-rescaling.js';
import {
  type AdaptedVector,
  isAdapted,
  isGathered,
  type StoredFactor,
  type StoredLowRank,
  type StoredVector,
} from './stored-vector.js';
import { type ReadTools, readWidened, STORED_CHUNK_BYTES } from './widened-read.js';

export class AdaptedInputs {
  readonly #tools: ReadTools;
  /** Stored bytes of a chunk, a chunk of a factor as f32, and rows of L as f32. */
  readonly #chunkStored: Slot;
  readonly #chunk: Slot;
  readonly #left: Slot;
  /** Where the R of each input goes. */
  readonly #rights = new Map<AdaptedVector, Slot>();
  /** What each slot of an R holds now. */
  readonly #held = new Map<Slot, AdaptedVector>();
  /** Undefined where no input needs it. */
  readonly #rescaling: RowRescaling | undefined;

  /** Takes memory for one unit's inputs; those without a term need none. */
  constructor(tools: ReadTools, inputs: readonly StoredVector[]) {
    this.#tools = tools;
    const { memory } = tools;
    const adapted = inputs.filter(isAdapted);
    this.#chunkStored = memory.take(STORED_CHUNK_BYTES);
    this.#chunk = memory.take(4 * CHUNK_ELEMENTS);
    this.#left = memory.take(4 * CHUNK_ELEMENTS);
    const sizes = adapted.map(({ lowRank }) => rightBytes(lowRank));
    const shared = holdsAllRights(sizes) ? undefined : memory.take(Math.max(...sizes));
    adapted.forEach((vector, i) => {
      this.#rights.set(vector, shared ?? memory.take(sizes[i]!));
    });
    this.#rescaling = adapted.some(readsRowsAnew) ? new RowRescaling(tools) : undefined;
  }

  /** Elements [firstIndex, firstIndex + count) of an adapted input as f32, at `destination`. */
  read(vector: AdaptedVector, destination: Slot, firstIndex: number, count: number): void {
    this.#readSum(vector, destination, firstIndex, count);
    const { magnitudes } = vector.lowRank;
    if (magnitudes === undefined) return;
    this.#rescaling!.rescale({ vector, magnitudes, values: destination, firstIndex, count }, (to, first, elements) =>
      this.#readSum(vector, to, first, elements),
    );
  }

  /** The stored values and the product, not rescaled. */
  #readSum(vector: AdaptedVector, destination: Slot, firstIndex: number, count: number): void {
    const { kernels } = this.#tools;
    const { lowRank, dtype } = vector;
    const place = { ...(vector.spooled ?? vector), dtype };
    readWidened(this.#tools, place, this.#chunkStored, firstIndex, count, destination);
    const right = this.#right(vector);
    const { columns, rank, scale } = lowRank;
    const rowsAtOnce = Math.floor(CHUNK_ELEMENTS / rank);
    const end = firstIndex + count;
    for (let begin = firstIndex; begin < end; ) {
      const row = Math.floor(begin / columns);
      const pieceEnd = Math.min(end, (row + rowsAtOnce) * columns);
      this.#readLeft(lowRank, row, Math.ceil(pieceEnd / columns) - row);
      const values = destination + 4 * (begin - firstIndex);
      kernels.addLowRank(values, pieceEnd - begin, begin % columns, columns, this.#left, right, rank, scale);
      begin = pieceEnd;
    }
  }

  /** Rows of L as f32 [count, rank]. */
  #readLeft({ left, rows, rank, transposed }: StoredLowRank, row: number, count: number): void {
    if (!transposed) {
      this.#readFactor(left, row * rank, count * rank, this.#left);
      return;
    }
    const to = this.#floats(this.#left, count * rank);
    for (let k = 0; k < rank; k++) {
      this.#readFactor(left, k * rows + row, count, this.#chunk);
      const from = this.#floats(this.#chunk, count);
      for (let i = 0; i < count; i++) to[i * rank + k] = from[i]!;
    }
  }

  /** All of R as f32 [rank, columns]. */
  #right(vector: AdaptedVector): Slot {
    const slot = this.#rights.get(vector)!;
    if (this.#held.get(slot) === vector) return slot;
    const { right, rank, columns, transposed } = vector.lowRank;
    if (transposed) this.#readTransposedRight(vector.lowRank, slot);
    else this.#readFactor(right, 0, rank * columns, slot);
    this.#held.set(slot, vector);
    return slot;
  }

  #readTransposedRight({ right, rank, columns }: StoredLowRank, slot: Slot): void {
    const to = this.#floats(slot, rank * columns);
    const atOnce = Math.floor(CHUNK_ELEMENTS / rank);
    for (let first = 0; first < columns; first += atOnce) {
      const count = Math.min(atOnce, columns - first);
      this.#readFactor(right, first * rank, count * rank, this.#chunk);
      const from = this.#floats(this.#chunk, count * rank);
      for (let k = 0; k < rank; k++) {
        for (let i = 0; i < count; i++) to[k * columns + first + i] = from[i * rank + k]!;
      }
    }
  }

  /** Consecutive elements of a factor as f32. */
  #readFactor(factor: StoredFactor, firstElement: number, count: number, destination: Slot): void {
    readWidened(this.#tools, factor, this.#chunkStored, firstElement, count, destination);
  }

  #floats(slot: Slot, count: number): Float32Array {
    return new Float32Array(this.#tools.kernels.memory.buffer, slot, count);
  }
}

/** The readers of a unit's inputs that an adapter changes; undefined when there are none. */
export function adaptInputs(tools: ReadTools, inputs: readonly StoredVector[]): AdaptedInputs | undefined {
  const read = inputs.flatMap((input) => (isGathered(input) ? input.rows.parts : [input]));
  return read.some(isAdapted) ? new AdaptedInputs(tools, read) : undefined;
}
