/**
 * A statistic is gathered in one or more passes over the operands before a method combines them. Workers observe units
 * and return partial results; one collector folds them and either concludes or asks for a further pass. Collectors
 * give the same value whatever the order in which partial results arrive.
 */
import type { StoredTile, TensorMerge, Tile, UnitContext } from './unit.js';

/** `tensor`: one value for each tensor. `model`: one value over all merged tensors. */
export type StatisticScope = 'tensor' | 'model';

/** Where a unit stands in the scope of a statistic. */
export interface UnitPosition {
  /** Index into `CollectorScope.tensors`. */
  readonly tensor: number;
  /** Number of the unit in the scope: tensors in name order, units in flat order, from 0 without gaps. */
  readonly ordinal: number;
}

export interface Observer {
  observe(tile: Tile): void;
  /** The same in one go for a stored tile of any length, if that is possible. */
  readonly observeStored?: ((tile: StoredTile) => void) | undefined;
  /** Operands, by index, that it does not look at: nobody reads them for it, and their slots may hold anything. */
  readonly unused?: ReadonlySet<number>;
  /** The partial result of the unit: plain data that survives structured cloning. */
  finish(): unknown;
}

/**
 * What collecting led to: a value for `UnitContext.statistics`, or another pass with this request, over all units or
 * only over those that `visits` names.
 */
export type Outcome =
  | { readonly value: unknown }
  | { readonly request: unknown; readonly visits?: (position: UnitPosition) => boolean };

export interface Collector {
  /**
   * Says what the first pass asks for where no other merge has a part in it; without it, or for undefined, that is null.
   */
  begin?(): Outcome | undefined;
  /** Takes the partial result of one unit of the current pass. */
  add(position: UnitPosition, partial: unknown): void;
  /** Ends the current pass, once all its units are in. */
  conclude(): Outcome;
}

/**
 * What is known of the scope when collecting starts: one tensor, or all merged tensors in name order, of which a model
 * may have no part in some.
 */
export interface CollectorScope {
  readonly tensors: readonly TensorMerge[];
}

export interface Statistic {
  readonly name: string;
  readonly scope: StatisticScope;
  /**
   * Statistics of the same `observation` (and of any method) give equal partial results in their first pass over equal
   * operands, whatever the settings, so that variants of a merge can share them. Without it nothing is shared.
   */
  readonly observation?: string;
  /** Passes over the inputs this usually takes, for the plan. */
  readonly typicalPasses: number;
  /** Worker side. `request` is null in the first pass, later what the collector asked for. */
  observer(context: UnitContext, request: unknown): Observer;
  /** Scheduler side: folds the first pass and, when it asks for more, the passes after it. */
  collector(scope: CollectorScope): Collector;
  /** What a unit of this tensor needs of a concluded value: small plain data, sent with each task. */
  valueForUnit(value: unknown, position: UnitPosition, merge: TensorMerge): unknown;
}
