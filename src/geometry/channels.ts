/**
 * Energies of the channels of an MLP, the worker's side. A channel is one hidden unit: a row of the gate and up
 * projections, a column of the down projection.
 */
import { type Kernels, REDUCTION_LANES, type Slot } from '../../kernels/abi.js';
import { moduleTypeOf } from './module-type.js';

/** How a matrix holds channels. */
export interface ChannelLayout {
  readonly axis: 'rows' | 'columns';
  /** Whether it leads out of the channels. */
  readonly isDown: boolean;
  readonly rows: number;
  readonly columns: number;
}

/** Energies of consecutive channels within a unit. */
export interface ChannelSums {
  readonly first: number;
  /** Στ² of each channel, by expert. */
  readonly energies: readonly Float64Array[];
}

/** Number of channels that a matrix holds; twice as many where gate and up are one. */
export const channelsIn = ({ axis, rows, columns }: ChannelLayout): number => (axis === 'rows' ? rows : columns);

/** Length of a channel: what goes into the MLP, or comes out of it. */
export const widthOf = ({ axis, rows, columns }: ChannelLayout): number => (axis === 'rows' ? columns : rows);

/** The channels of a tensor, if it is a matrix of an MLP. */
export function channelLayout(tensor: string, shape: readonly number[]): ChannelLayout | undefined {
  const [rows, columns] = shape;
  if (shape.length !== 2 || rows === undefined || columns === undefined || rows * columns === 0) return undefined;
  const type = moduleTypeOf(tensor);
  const isDown = type === 'down' || type === 'expert_down';
  const leadsIn = type === 'gate' || type === 'up' || type === 'expert_gate' || type === 'expert_up';
  if (!isDown && !leadsIn) return undefined;
  return { axis: isDown === isInputFirst(tensor, isDown, rows, columns) ? 'rows' : 'columns', isDown, rows, columns };
}

/**
 * Whether the matrix is stored with its inputs as rows, as GPT-2's are. Others have taken over the names of these, which
 * store outputs as rows; but all such MLPs are wider than what goes into them.
 */
function isInputFirst(tensor: string, isDown: boolean, rows: number, columns: number): boolean {
  return isDown
    ? /\.c_proj\.weight$/.test(tensor) && rows > columns
    : /\.c_fc2?\.weight$/.test(tensor) && rows < columns;
}

export interface ChannelContext {
  readonly kernels: Kernels;
  readonly experts: number;
  /** The unit's first element, and how many it has. */
  readonly firstIndex: number;
  readonly count: number;
  allocate(bytes: number): Slot;
}

/** Adds up channel energies of one unit; they do not depend on how it is cut into steps. */
export class ChannelObserver {
  readonly #context: ChannelContext;
  readonly #layout: ChannelLayout;
  readonly #sums: readonly Slot[];
  readonly #lanes: readonly Slot[];

  constructor(context: ChannelContext, layout: ChannelLayout) {
    const { experts, allocate } = context;
    this.#context = context;
    this.#layout = layout;
    const bytes = layout.axis === 'rows' ? 8 * this.#rowsOfUnit() : 4 * layout.columns;
    this.#sums = Array.from({ length: experts }, () => allocate(bytes));
    this.#lanes = Array.from({ length: experts }, () => allocate(4 * REDUCTION_LANES));
  }

  observe(firstIndex: number, count: number, operands: readonly Slot[]): void {
    const { kernels } = this.#context;
    const { axis, columns } = this.#layout;
    const column = firstIndex % columns;
    const row = Math.floor(firstIndex / columns) - this.#firstRow();
    operands.forEach((operand, expert) => {
      const sums = this.#sums[expert]!;
      if (axis === 'columns') kernels.addColumnSquares(operand, count, column, columns, sums);
      else kernels.addRowSquares(operand, count, column, columns, this.#lanes[expert]!, sums + 8 * row);
    });
  }

  finish(): ChannelSums {
    const { buffer } = this.#context.kernels.memory;
    const { axis, columns } = this.#layout;
    if (axis === 'columns') {
      return {
        first: 0,
        energies: this.#sums.map((slot) => Float64Array.from(new Float32Array(buffer, slot, columns))),
      };
    }
    const energies = this.#sums.map((slot, expert) => {
      const rows = new Float64Array(buffer, slot, this.#rowsOfUnit()).slice();
      // What the unit has of a row that goes on in the next one.
      const unfinished = new Float32Array(buffer, this.#lanes[expert]!, REDUCTION_LANES);
      rows[rows.length - 1]! += unfinished.reduce((sum, lane) => sum + lane, 0);
      return rows;
    });
    return { first: this.#firstRow(), energies };
  }

  #firstRow(): number {
    return Math.floor(this.#context.firstIndex / this.#layout.columns);
  }

  #rowsOfUnit(): number {
    const { firstIndex, count } = this.#context;
    return Math.ceil((firstIndex + count) / this.#layout.columns) - this.#firstRow();
  }
}
