/** One statistic of one variant on its way through the passes it needs, over one tensor or over all. */
import type { Collector, Outcome, Statistic, UnitPosition } from '../../kernels/statistic.js';
import type { ScheduledTensor } from './scheduled-tensor.js';

export class Gathering {
  readonly statistic: Statistic;
  readonly #tensors: readonly ScheduledTensor[];
  readonly #collector: Collector;
  #request: unknown = null;
  #visits: (position: UnitPosition) => boolean = () => true;
  #done = false;

  /**
   * Gathers over `tensors`, all merged tensors of a variant in name order, or one. `alone` says that no other variant is
   * merged along.
   */
  constructor(statistic: Statistic, tensors: readonly ScheduledTensor[], alone: boolean) {
    this.statistic = statistic;
    this.#tensors = tensors;
    this.#collector = statistic.collector({ tensors: tensors.map(({ merge }) => merge) });
    const beginning = alone ? this.#collector.begin?.() : undefined;
    if (beginning !== undefined) this.#take(beginning);
  }

  /** Whether all tensors know the value. */
  get done(): boolean {
    return this.#done;
  }

  /** What observers of the current pass are asked for; null in the first. */
  get request(): unknown {
    return this.#request;
  }

  /** Whether the current pass looks at a unit. */
  visits(tensor: ScheduledTensor, unit: number): boolean {
    return !this.#done && this.#visits(tensor.position(this.statistic.scope, unit));
  }

  /** What makes partial results of the current pass the same as those of another gathering, where that is known. */
  get observation(): string | undefined {
    return this.#request === null ? this.statistic.observation : undefined;
  }

  add(tensor: ScheduledTensor, unit: number, partial: unknown): void {
    this.#collector.add(tensor.position(this.statistic.scope, unit), partial);
  }

  /** Ends a pass: tells the tensors the value, or goes on with the next pass. */
  endPass(): void {
    this.#take(this.#collector.conclude());
  }

  #take(outcome: Outcome): void {
    if ('value' in outcome) {
      for (const tensor of this.#tensors) tensor.conclude(this.statistic, outcome.value);
      this.#done = true;
      return;
    }
    this.#request = outcome.request;
    this.#visits = outcome.visits ?? (() => true);
  }
}
