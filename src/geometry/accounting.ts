/** What a merge made of its experts: the worker's sums over a unit, and the account of the whole model. */
import { type Kernels, OPERAND_BYTES, REDUCTION_LANES, SHARED_LANES, type Slot } from '../../kernels/abi.js';
import { fillOperandTable } from '../../kernels/operand-table.js';
import { ratio } from './metrics.js';
import type { MergeAccount, RemovedShares } from './result.js';
import { foldLanes } from './unit-sums.js';

/** Share of ‖τ‖² below which two ways of summing it may differ: squares of survivors are summed in f32. */
const ROUNDING = 1e-6;

/**
 * Sums over one unit. Δ is the merged change in f32, Δ̃ the written value minus the base as the output's dtype has it;
 * arrays are by expert.
 */
export interface UnitAccount {
  readonly elements: number;
  /** Elements with Δ = 0, and those of the others with Δ̃ = 0. */
  readonly unchanged: number;
  readonly lost: number;
  /** ΣΔ² and ΣΔ̃². */
  readonly deltaSquares: number;
  readonly writtenSquares: number;
  /** ΣΔτ and ΣΔ̃τ. */
  readonly dots: readonly number[];
  readonly writtenDots: readonly number[];
}

/** Στ̂² of what trimming left of each expert: all of it, where Δ points the other way (by the sign of the weight), where Δ = 0. */
export interface UnitRemovals {
  readonly survived: readonly number[];
  readonly outvoted: readonly number[];
  readonly cancelled: readonly number[];
}

/** Vectors of one step, f32. */
export interface AccountedStep {
  readonly count: number;
  readonly operands: readonly Slot[];
  readonly delta: Slot;
  readonly written: Slot;
}

/** The experts as trimming left them: elements with bits(|x|) below an operand's selector are gone as well. */
export interface SurvivingStep extends Pick<AccountedStep, 'count' | 'delta'> {
  readonly survivors: readonly Slot[];
  readonly selectors?: readonly number[] | undefined;
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
  readonly #lanes: Slot;
  readonly #counters: Slot;
  readonly #ones: readonly number[];
  #elements = 0;

  constructor(context: AccountContext) {
    const { experts, allocate } = context;
    this.#context = context;
    this.#table = allocate(OPERAND_BYTES * experts);
    this.#lanes = allocate(8 * SHARED_LANES * 2 * (1 + experts));
    this.#counters = allocate(8);
    this.#ones = Array.from({ length: experts }, () => 1);
  }

  observe({ count, operands, delta, written }: AccountedStep): void {
    const { kernels, experts } = this.#context;
    this.#elements += count;
    fillOperandTable(kernels, this.#table, operands, this.#ones, this.#ones);
    kernels.sumAlignment(this.#table, experts, delta, written, count, this.#lanes, this.#counters);
  }

  finish(): UnitAccount {
    const { kernels, experts } = this.#context;
    const [unchanged, lost] = new Uint32Array(kernels.memory.buffer, this.#counters, 2);
    const [deltaSquares, writtenSquares, ...dots] = foldSums(kernels, this.#lanes, 2 * (1 + experts));
    return {
      elements: this.#elements,
      unchanged: unchanged!,
      lost: lost!,
      deltaSquares: deltaSquares!,
      writtenSquares: writtenSquares!,
      dots: dots.slice(0, experts),
      writtenDots: dots.slice(experts),
    };
  }
}

/** Adds up what a merge left of its experts over a unit, and what became of that. */
export class RemovalObserver {
  readonly #context: AccountContext;
  readonly #signs: readonly number[];
  readonly #factors: readonly number[];
  readonly #table: Slot;
  readonly #lanes: Slot;
  readonly #ones: readonly number[];
  /** Selectors that keep everything. */
  readonly #all: readonly number[];

  /** `signs` are those of the experts' weights; `factors` what survivors were multiplied with, 1 unless given. */
  constructor(context: AccountContext, signs: readonly number[], factors: readonly number[] = signs.map(() => 1)) {
    const { experts, allocate } = context;
    this.#context = context;
    this.#signs = signs;
    this.#factors = factors;
    this.#table = allocate(OPERAND_BYTES * experts);
    this.#lanes = allocate(8 * SHARED_LANES * 3 * experts);
    this.#ones = signs.map(() => 1);
    this.#all = signs.map(() => 0);
  }

  observe({ count, survivors, selectors, delta }: SurvivingStep): void {
    const { kernels, experts } = this.#context;
    fillOperandTable(kernels, this.#table, survivors, this.#ones, this.#ones, selectors ?? this.#all);
    kernels.sumSurvival(this.#table, experts, delta, count, this.#lanes);
  }

  finish(): UnitRemovals {
    const { kernels, experts } = this.#context;
    const sums = foldSums(kernels, this.#lanes, 3 * experts);
    const part = (index: number): number[] => this.#factors.map((factor, k) => sums[3 * k + index]! / factor ** 2);
    const [survived, against, cancelled] = [part(0), part(1), part(2)];
    // With a negative weight an expert is meant to be opposed.
    const outvoted = against.map((energy, k) => (this.#signs[k]! < 0 ? survived[k]! - energy - cancelled[k]! : energy));
    return { survived, outvoted, cancelled };
  }
}

/** Consecutive sums of SHARED_LANES f64 each. */
function foldSums(kernels: Kernels, slot: Slot, count: number): number[] {
  return Array.from({ length: count }, (_, sum) => foldLanes(kernels, slot + 8 * SHARED_LANES * sum, SHARED_LANES));
}

/** Adds up Στ² of each expert over a unit: what accounts of all merges of these experts have in common. */
export class SquaresObserver {
  readonly #kernels: Kernels;
  readonly #lanes: readonly Slot[];

  constructor({ kernels, experts, allocate }: AccountContext) {
    this.#kernels = kernels;
    this.#lanes = Array.from({ length: experts }, () => allocate(8 * REDUCTION_LANES));
  }

  observe(count: number, operands: readonly Slot[]): void {
    operands.forEach((operand, expert) => {
      this.#kernels.sumSquares(operand, count, this.#lanes[expert]!);
    });
  }

  finish(): number[] {
    return this.#lanes.map((slot) => foldLanes(this.#kernels, slot, REDUCTION_LANES));
  }
}

/** The account of one unit, with Στ² by expert. */
export interface MeasuredUnit {
  readonly account: UnitAccount;
  readonly squares: readonly number[];
  /** Where that was asked for. */
  readonly removals?: UnitRemovals | undefined;
}

/** The account of the whole merge, removals apart; `units` in plan order, `names` the experts in recipe order. */
export function accountMerge(
  units: readonly MeasuredUnit[],
  names: readonly string[],
  nonFinite: number,
): MergeAccount {
  const sum = (read: (unit: UnitAccount) => number): number =>
    units.reduce((total, { account }) => total + read(account), 0);
  const updated = sum(({ elements, unchanged }) => elements - unchanged);
  const lost = sum((unit) => unit.lost);
  const deltaNorm = Math.sqrt(sum(({ deltaSquares }) => deltaSquares));
  const writtenNorm = Math.sqrt(sum(({ writtenSquares }) => writtenSquares));
  const squares = names.map((_, i) => squaresOf(units, i));
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

/** What was removed of each expert; all units come with removals. */
export function removedShares(units: readonly MeasuredUnit[], names: readonly string[]): Record<string, RemovedShares> {
  return Object.fromEntries(
    names.map((name, i) => {
      const square = squaresOf(units, i);
      const share = (part: keyof UnitRemovals): number | null =>
        ratio(
          units.reduce((total, { removals }) => total + removals![part][i]!, 0),
          square,
        );
      const survived = share('survived');
      // Sums of squares by different routes differ in their last digits.
      const trimmed = survived === null ? null : survived > 1 - ROUNDING ? 0 : 1 - survived;
      return [name, { trimmed, outvoted: share('outvoted'), cancelled: share('cancelled') }];
    }),
  );
}

const squaresOf = (units: readonly MeasuredUnit[], expert: number): number =>
  units.reduce((total, unit) => total + unit.squares[expert]!, 0);
