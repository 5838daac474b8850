/** What a merge made of its experts: the worker's sums over a unit, and the account of the whole model. */
import { type Kernels, OPERAND_BYTES, REDUCTION_LANES, type Slot } from '../../kernels/abi.js';
import { fillOperandTable } from '../../kernels/operand-table.js';
import { ratio } from './metrics.js';
import type { MergeAccounting } from './result.js';
import { foldLanes, productSums } from './unit-sums.js';

/** Sums over one unit. Δ is the merged change in f32, Δ̃ the written value minus the base; arrays are by expert. */
export interface UnitAccount {
  readonly elements: number;
  /** Elements with Δ = 0, and with Δ̃ = 0. */
  readonly unchanged: number;
  readonly unchangedWritten: number;
  /** ΣΔ² and ΣΔ̃². */
  readonly deltaSquares: number;
  readonly writtenSquares: number;
  /** Στ², ΣΔτ and ΣΔ̃τ. */
  readonly squares: readonly number[];
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
  /** Bytes of one f32 vector of a step. */
  readonly vectorBytes: number;
  allocate(bytes: number): Slot;
}

/** Products of (Δ, Δ̃, τ) as `sumProducts` orders them. */
const PRODUCT = { deltaDelta: 0, deltaTask: 2, writtenWritten: 3, writtenTask: 4, taskTask: 5 } as const;
const OPERANDS = 3;

/** Adds up the account of a unit step by step. */
export class AccountObserver {
  readonly #context: AccountContext;
  readonly #table: Slot;
  readonly #scratch: Slot;
  readonly #lanes: readonly Slot[];
  #elements = 0;
  #unchanged = 0;
  #unchangedWritten = 0;

  constructor(context: AccountContext) {
    const sums = productSums(OPERANDS);
    const laneBytes = 8 * REDUCTION_LANES * (sums.products + sums.squared);
    this.#context = context;
    this.#table = context.allocate(OPERAND_BYTES * OPERANDS);
    this.#scratch = context.allocate(context.vectorBytes);
    this.#lanes = Array.from({ length: context.experts }, () => context.allocate(laneBytes));
  }

  observe({ count, operands, delta, written }: AccountedStep): void {
    const { kernels } = this.#context;
    this.#elements += count;
    // An element equals a threshold of 0 when it is ±0, so this counts zeros.
    this.#unchanged += kernels.keepLargest(delta, this.#scratch, count, 0, 0);
    this.#unchangedWritten += kernels.keepLargest(written, this.#scratch, count, 0, 0);
    const ones = [1, 1, 1];
    operands.forEach((operand, expert) => {
      fillOperandTable(kernels, this.#table, [delta, written, operand], ones, ones);
      kernels.sumProducts(this.#table, OPERANDS, count, this.#lanes[expert]!);
    });
  }

  finish(): UnitAccount {
    const { kernels } = this.#context;
    const { products } = productSums(OPERANDS);
    const sums = this.#lanes.map((slot) =>
      foldLanes(new Float64Array(kernels.memory.buffer, slot, products * REDUCTION_LANES), products),
    );
    return {
      elements: this.#elements,
      unchanged: this.#unchanged,
      unchangedWritten: this.#unchangedWritten,
      deltaSquares: sums[0]?.[PRODUCT.deltaDelta] ?? 0,
      writtenSquares: sums[0]?.[PRODUCT.writtenWritten] ?? 0,
      squares: sums.map((sum) => sum[PRODUCT.taskTask]!),
      dots: sums.map((sum) => sum[PRODUCT.deltaTask]!),
      writtenDots: sums.map((sum) => sum[PRODUCT.writtenTask]!),
    };
  }
}

/** The account of the whole merge; `units` in plan order, `names` the experts in recipe order. */
export function accountMerge(
  units: readonly UnitAccount[],
  names: readonly string[],
  nonFinite: number,
): MergeAccounting {
  const sum = (read: (unit: UnitAccount) => number): number => units.reduce((total, unit) => total + read(unit), 0);
  const updated = sum(({ elements, unchanged }) => elements - unchanged);
  const lost = sum(({ unchangedWritten, unchanged }) => unchangedWritten - unchanged);
  const deltaNorm = Math.sqrt(sum(({ deltaSquares }) => deltaSquares));
  const writtenNorm = Math.sqrt(sum(({ writtenSquares }) => writtenSquares));
  const squares = names.map((_, i) => sum((unit) => unit.squares[i]!));
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
