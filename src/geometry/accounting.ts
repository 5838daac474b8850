/** What a merge made of its experts: the worker's sums over a unit, and the account of the whole model. */
import { type Kernels, OPERAND_BYTES, REDUCTION_LANES, SHARED_LANES, type Slot } from '../../kernels/abi.js';
import { fillOperandTable } from '../../kernels/operand-table.js';
import { ratio } from './metrics.js';
import type { MergeAccounting, RemovedShares } from './result.js';
import { foldLanes } from './unit-sums.js';

/** Share of ‖τ‖² below which two ways of summing it may differ: squares of survivors are summed in f32. */
const ROUNDING = 1e-6;

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
  /** Στ̂² of what trimming left: all of it, where Δ points the other way (by the sign of the weight), where Δ = 0. */
  readonly survived: readonly number[];
  readonly outvoted: readonly number[];
  readonly cancelled: readonly number[];
}

/** Vectors of one step, f32. */
export interface AccountedStep {
  readonly count: number;
  readonly operands: readonly Slot[];
  /** The same as trimming left them: elements with bits(|x|) below an operand's selector are gone as well. */
  readonly survivors: readonly Slot[];
  readonly selectors?: readonly number[] | undefined;
  readonly delta: Slot;
  readonly written: Slot;
}

export interface AccountContext {
  readonly kernels: Kernels;
  readonly experts: number;
  /** Signs of the experts' weights. */
  readonly signs: readonly number[];
  /** Takes zeroed kernel memory for the unit. */
  allocate(bytes: number): Slot;
}

/** Adds up the account of a unit step by step. */
export class AccountObserver {
  readonly #context: AccountContext;
  readonly #table: Slot;
  readonly #lanes: Slot;
  readonly #counters: Slot;
  readonly #survival: Slot;
  readonly #ones: readonly number[];
  /** Selectors that keep everything. */
  readonly #all: readonly number[];
  #elements = 0;

  constructor(context: AccountContext) {
    const { experts, allocate } = context;
    this.#context = context;
    this.#table = allocate(OPERAND_BYTES * experts);
    this.#lanes = allocate(8 * SHARED_LANES * 2 * (1 + experts));
    this.#counters = allocate(8);
    this.#survival = allocate(8 * SHARED_LANES * 3 * experts);
    this.#ones = Array.from({ length: experts }, () => 1);
    this.#all = Array.from({ length: experts }, () => 0);
  }

  observe({ count, operands, survivors, selectors, delta, written }: AccountedStep): void {
    const { kernels, experts } = this.#context;
    this.#elements += count;
    fillOperandTable(kernels, this.#table, operands, this.#ones, this.#ones);
    kernels.sumAlignment(this.#table, experts, delta, written, count, this.#lanes, this.#counters);
    fillOperandTable(kernels, this.#table, survivors, this.#ones, this.#ones, selectors ?? this.#all);
    kernels.sumSurvival(this.#table, experts, delta, count, this.#survival);
  }

  finish(): UnitAccount {
    const { kernels, experts, signs } = this.#context;
    const { buffer } = kernels.memory;
    const fold = (slot: Slot, sums: number): number[] =>
      Array.from({ length: sums }, (_, sum) =>
        new Float64Array(buffer, slot + 8 * SHARED_LANES * sum, SHARED_LANES).reduce((a, b) => a + b, 0),
      );
    const survival = fold(this.#survival, 3 * experts);
    const [survived, against, cancelled] = [0, 1, 2].map((part) =>
      Array.from({ length: experts }, (_, k) => survival[3 * k + part]!),
    );
    const [unchanged, unchangedWritten] = new Uint32Array(buffer, this.#counters, 2);
    const [deltaSquares, writtenSquares, ...dots] = fold(this.#lanes, 2 * (1 + experts));
    return {
      elements: this.#elements,
      unchanged: unchanged!,
      unchangedWritten: unchangedWritten!,
      deltaSquares: deltaSquares!,
      writtenSquares: writtenSquares!,
      dots: dots.slice(0, experts),
      writtenDots: dots.slice(experts),
      survived: survived!,
      // With a negative weight an expert is meant to be opposed.
      outvoted: against!.map((energy, k) => (signs[k]! < 0 ? survived![k]! - energy - cancelled![k]! : energy)),
      cancelled: cancelled!,
    };
  }
}

/** Adds up Στ² of each expert over a unit: what accounts of all merges of these experts have in common. */
export class SquaresObserver {
  readonly #kernels: Kernels;
  readonly #lanes: readonly Slot[];

  constructor({ kernels, experts, allocate }: Omit<AccountContext, 'signs'>) {
    this.#kernels = kernels;
    this.#lanes = Array.from({ length: experts }, () => allocate(8 * REDUCTION_LANES));
  }

  observe(count: number, operands: readonly Slot[]): void {
    operands.forEach((operand, expert) => {
      this.#kernels.sumSquares(operand, count, this.#lanes[expert]!);
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
  const share = (i: number, read: (unit: UnitAccount) => number): number | null => ratio(sum(read), squares[i]!);
  const removed = (i: number): RemovedShares => {
    const survived = share(i, (unit) => unit.survived[i]!);
    return {
      // Sums of squares by different routes differ in their last digits.
      trimmed: survived === null ? null : survived > 1 - ROUNDING ? 0 : 1 - survived,
      outvoted: share(i, (unit) => unit.outvoted[i]!),
      cancelled: share(i, (unit) => unit.cancelled[i]!),
    };
  };
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
    removed: Object.fromEntries(names.map((name, i) => [name, removed(i)])),
    non_finite: nonFinite,
  };
}
