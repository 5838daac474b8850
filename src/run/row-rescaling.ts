/**
 * DoRA (arXiv 2402.09353, equation 5): every row of W + scale·L·R gets the norm that was trained for it,
 *
 *   W′[i, :] = m[i] / ‖(W + scale·L·R)[i, :]‖ · (W + scale·L·R)[i, :]
 *
 * Norms are sums of squares in f64 over the whole row in its own order, wherever tiles cut it.
 */
import { OPERAND_BYTES, REDUCTION_LANES, type Slot } from '../../kernels/abi.js';
import { fillOperandTable } from '../../kernels/operand-table.js';
import { CHUNK_ELEMENTS } from '../plan/adapted-memory.js';
import type { AdaptedVector, StoredFactor } from './stored-vector.js';
import { type ReadTools, readWidened, STORED_CHUNK_BYTES } from './widened-read.js';

/** Bytes of an f64 for each lane. */
const LANE_BYTES = 8 * REDUCTION_LANES;

/** A piece of a matrix, as f32 at `values`. */
interface Piece {
  readonly vector: AdaptedVector;
  readonly magnitudes: StoredFactor;
  readonly values: Slot;
  readonly firstIndex: number;
  readonly count: number;
}

/** Writes elements [firstIndex, firstIndex + count) of the piece's matrix, not rescaled, to `destination`. */
type ReadSum = (destination: Slot, firstIndex: number, count: number) => void;

export class RowRescaling {
  readonly #tools: ReadTools;
  /** A chunk of a row or of magnitudes, as stored and as f32; f64 sums; one entry of an operand table. */
  readonly #stored: Slot;
  readonly #chunk: Slot;
  readonly #lanes: Slot;
  readonly #table: Slot;
  /** Of each matrix the row that a tile cut last, which the next tile begins in. */
  readonly #cutRows = new Map<AdaptedVector, { readonly row: number; readonly norm: number }>();

  /** Takes memory for one unit's inputs. */
  constructor(tools: ReadTools) {
    const { memory } = tools;
    this.#tools = tools;
    this.#stored = memory.take(STORED_CHUNK_BYTES);
    this.#chunk = memory.take(4 * CHUNK_ELEMENTS);
    this.#lanes = memory.take(LANE_BYTES);
    this.#table = memory.take(OPERAND_BYTES);
  }

  /** Rescales a piece in place; `readSum` gives what a row has beyond it. A row of zeros becomes NaN, as in PEFT. */
  rescale(piece: Piece, readSum: ReadSum): void {
    const { vector, values, firstIndex, count } = piece;
    const { columns } = vector.lowRank;
    const end = firstIndex + count;
    const firstRow = Math.floor(firstIndex / columns);
    const magnitudes = this.#magnitudes(piece.magnitudes, firstRow, Math.ceil(end / columns) - firstRow);
    magnitudes.forEach((magnitude, i) => {
      const row = firstRow + i;
      const begin = Math.max(firstIndex, row * columns);
      const stop = Math.min(end, (row + 1) * columns);
      const slot = values + 4 * (begin - firstIndex);
      const isWhole = stop - begin === columns;
      const norm = isWhole ? this.#normOf(slot, columns) : this.#normOfCutRow(vector, row, readSum);
      this.#multiply(slot, stop - begin, magnitude / norm);
    });
  }

  /** Copies, as `#chunk` is wanted for rows. */
  #magnitudes(factor: StoredFactor, firstRow: number, rows: number): Float32Array {
    const all = new Float32Array(rows);
    for (let done = 0; done < rows; done += CHUNK_ELEMENTS) {
      const count = Math.min(CHUNK_ELEMENTS, rows - done);
      readWidened(this.#tools, factor, this.#stored, firstRow + done, count, this.#chunk);
      all.set(new Float32Array(this.#tools.kernels.memory.buffer, this.#chunk, count), done);
    }
    return all;
  }

  #normOf(row: Slot, columns: number): number {
    this.#clearLanes();
    this.#tools.kernels.sumSquares(row, columns, this.#lanes);
    return this.#norm();
  }

  #normOfCutRow(vector: AdaptedVector, row: number, readSum: ReadSum): number {
    const known = this.#cutRows.get(vector);
    if (known?.row === row) return known.norm;
    const { columns } = vector.lowRank;
    this.#clearLanes();
    // Chunks are multiples of the lanes, so the sums are those of the row at once.
    for (let column = 0; column < columns; column += CHUNK_ELEMENTS) {
      const count = Math.min(CHUNK_ELEMENTS, columns - column);
      readSum(this.#chunk, row * columns + column, count);
      this.#tools.kernels.sumSquares(this.#chunk, count, this.#lanes);
    }
    const norm = this.#norm();
    this.#cutRows.set(vector, { row, norm });
    return norm;
  }

  #clearLanes(): void {
    this.#tools.memory.bytes(this.#lanes, LANE_BYTES).fill(0);
  }

  /** The root of the lanes' sum, lane after lane. */
  #norm(): number {
    const lanes = new Float64Array(this.#tools.kernels.memory.buffer, this.#lanes, REDUCTION_LANES);
    return Math.sqrt(lanes.reduce((sum, lane) => sum + lane, 0));
  }

  #multiply(values: Slot, count: number, factor: number): void {
    const { kernels } = this.#tools;
    fillOperandTable(kernels, this.#table, [values], [factor], [1]);
    kernels.weightedSum(this.#table, 1, values, count);
  }
}
