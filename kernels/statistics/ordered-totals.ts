/** Sums of numbers over units, added in unit order, so that the order of arrival cannot change the rounding. */
import type { Collector, UnitPosition } from '../statistic.js';

/** A collector whose partial results are arrays of `length` f64, and whose value is their element-wise sum. */
export class OrderedTotals implements Collector {
  readonly #totals: Float64Array;
  /** Results of units whose predecessors are not in yet. */
  readonly #waiting = new Map<number, ArrayLike<number>>();
  #next = 0;

  constructor(length: number) {
    this.#totals = new Float64Array(length);
  }

  add({ ordinal }: UnitPosition, partial: unknown): void {
    this.#waiting.set(ordinal, partial as ArrayLike<number>);
    for (;;) {
      const values = this.#waiting.get(this.#next);
      if (values === undefined) return;
      this.#waiting.delete(this.#next++);
      for (let i = 0; i < this.#totals.length; i++) this.#totals[i]! += values[i]!;
    }
  }

  conclude(): { value: Float64Array } {
    return { value: this.#totals };
  }
}
