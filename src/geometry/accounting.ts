/** What a merge made of its experts: the worker's sums over a unit, and the account of the whole model. */
import { type Kernels, OPERAND_BYTES, REDUCTION_LANES, type Slot } from '../../kernels/abi.js';
import { fillOperandTable } from '../../kernels/operand-table.js';
import { ratio } from './metrics.js';
import type { MergeAccounting } from './result.js';
import { foldLanes } from './unit-sums.js';

/** Sums over one unit. Δ is the merged change in f32, Δ̃ the written value minus the base; arrays are by expert. */
export interface UnitAccount {
  readonly elements: number;
  /** Elements with Δ = 0, and with Δ̃ = 0. */
  readonly unchanged: number;
  readonly unchangedWritten: number;
  /** ΣΔ² and ΣΔ̃². */
  readonly deltaSquares: number;
  readonly writtenSquares: number;
  /** ΣΔτ and ΣΔ̃τ. */
  readonly dots: readonly number[];
  readonly writtenDots: readonly number[];
}

/** Vectors of one step, f32. */
export interface AccountedStep {
  readonly count: number;
  readonly operands: readonly Slot[];
  readonly delta: Slot;
  readonly written: Slot;
}

export interface AccountContext {
  readonly kernels: Kernels;
  readonly experts: number;
  /** Takes zeroed kernel memory for the unit. */
  allocate(bytes: number): Slot;
}

/** Adds up the account of a unit step by step. */
export class AccountObserver {
  readonly #context: AccountContext;
  readonly #table: Slot;
  /** Lanes of the sums of Δ and of Δ̃: of its squares, then of its products with each expert. */
  readonly #delta: Slot;
  readonly #written: Slot;
  #elements = 0;
  #unchanged = 0;
  #unchangedWritten = 0;

  constructor(context: AccountContext) {
    const laneBytes = 8 * REDUCTION_LANES * (context.experts + 1);
    this.#context = context;
    this.#table = context.allocate(OPERAND_BYTES * context.experts);
    this.#delta = context.allocate(laneBytes);
    this.#written = context.allocate(laneBytes);
  }

  observe({ count, operands, delta, written }: AccountedStep): void {
    const { kernels } = this.#context;
    const ones = operands.map(() => 1);
    fillOperandTable(kernels, this.#table, operands, ones, ones);
    this.#elements += count;
    this.#unchanged += kernels.sumDots(delta, this.#table, operands.length, count, this.#delta);
    this.#unchangedWritten += kernels.sumDots(written, this.#table, operands.length, count, this.#written);
  }

  finish(): UnitAccount {
    const { kernels, experts } = this.#context;
    const [delta, written] = [this.#delta, this.#written].map((slot) =>
      foldLanes(new Float64Array(kernels.memory.buffer, slot, (experts + 1) * REDUCTION_LANES), experts + 1),
    );
    return {
      elements: this.#elements,
      unchanged: this.#unchanged,
      unchangedWritten: this.#unchangedWritten,
      deltaSquares: delta![0]!,
      writtenSquares: written![0]!,
      dots: delta!.slice(1),
      writtenDots: written!.slice(1),
    };
  }
}

/** Adds up Στ² of each expert over a unit: what accounts of all merges of these experts have in common. */
export class SquaresObserver {
  readonly #kernels: Kernels;
  readonly #tables: readonly Slot[];
  readonly #lanes: readonly Slot[];

  constructor({ kernels, experts, allocate }: AccountContext) {
    this.#kernels = kernels;
    this.#tables = Array.from({ length: experts }, () => allocate(OPERAND_BYTES));
    this.#lanes = Array.from({ length: experts }, () => allocate(8 * REDUCTION_LANES));
  }

  observe(count: number, operands: readonly Slot[]): void {
    operands.forEach((operand, expert) => {
      fillOperandTable(this.#kernels, this.#tables[expert]!, [operand], [1], [1]);
      this.#kernels.sumProducts(this.#tables[expert]!, 1, count, this.#lanes[expert]!);
    });
  }

  finish(): number[] {
    const { buffer } = this.#kernels.memory;
    return this.#lanes.map((slot) => foldLanes(new Float64Array(buffer, slot, REDUCTION_LANES), 1)[0]!);
  }
}

/** The account of one unit, with Στ² by expert. */
export interface MeasuredUnit {
  readonly account: UnitAccount;
  readonly squares: readonly number[];
}

/** The account of the whole merge; `units` in plan order, `names` the experts in recipe order. */
export function accountMerge(
  units: readonly MeasuredUnit[],
  names: readonly string[],
  nonFinite: number,
): MergeAccounting {
  const sum = (read: (unit: UnitAccount) => number): number =>
    units.reduce((total, { account }) => total + read(account), 0);
  const updated = sum(({ elements, unchanged }) => elements - unchanged);
  const lost = sum(({ unchangedWritten, unchanged }) => unchangedWritten - unchanged);
  const deltaNorm = Math.sqrt(sum(({ deltaSquares }) => deltaSquares));
  const writtenNorm = Math.sqrt(sum(({ writtenSquares }) => writtenSquares));
  const squares = names.map((_, i) => units.reduce((total, unit) => total + unit.squares[i]!, 0));
  const dots = names.map((_, i) => sum((unit) => unit.dots[i]!));
  const writtenDots = names.map((_, i) => sum((unit) => unit.writtenDots[i]!));
  const meanNorm = squares.reduce((total, square) => total + Math.sqrt(square), 0) / names.length;
  const byExpert = (value: (i: number) => number | null) =>
    Object.fromEntries(names.map((name, i) => [name, value(i)]));
  return {
    updated_coordinates: updated,
    lost_to_rounding: lost,
    rounding_survival: ratio(updated - lost, updated),
    delta_norm: deltaNorm,
    delta_norm_after_rounding: writtenNorm,
    retained_projection: byExpert((i) => ratio(dots[i]!, squares[i]!)),
    retained_projection_after_rounding: byExpert((i) => ratio(writtenDots[i]!, squares[i]!)),
    direction_retention: byExpert((i) => ratio(writtenDots[i]!, Math.sqrt(squares[i]!) * writtenNorm)),
    norm_ratio: ratio(writtenNorm, meanNorm),
    non_finite: nonFinite,
  };
}
