/**
 * Work that waits for a worker. All units of the tensors in flight wait at once, tens of thousands in a large model on a
 * machine with many cores, so that taking one must not look at the others.
 */

interface Waiting<T> {
  readonly item: T;
  /** Counts what was ever added. */
  readonly order: number;
}

/** What waits for the same worker, the oldest first. */
class Lane<T> {
  #items: Waiting<T>[] = [];
  #taken = 0;

  get first(): Waiting<T> | undefined {
    return this.#items[this.#taken];
  }

  add(waiting: Waiting<T>): void {
    this.#items.push(waiting);
  }

  take(): T | undefined {
    const { first } = this;
    if (first === undefined) return undefined;
    this.#taken++;
    // Each item is moved once on average.
    if (2 * this.#taken >= this.#items.length) {
      this.#items = this.#items.slice(this.#taken);
      this.#taken = 0;
    }
    return first.item;
  }
}

export class TaskQueue<T> {
  /** By preferred worker; undefined: any. */
  readonly #lanes = new Map<number | undefined, Lane<T>>();
  #added = 0;

  add(item: T, preferred: number | undefined): void {
    const lane = this.#lanes.get(preferred) ?? new Lane<T>();
    this.#lanes.set(preferred, lane);
    lane.add({ item, order: this.#added++ });
  }

  /** What a worker should take: the oldest of its own, then of anybody's, then (when it is idle) of all. */
  take(worker: number, isIdle: boolean): T | undefined {
    const own = this.#lanes.get(worker)?.take() ?? this.#lanes.get(undefined)?.take();
    return own ?? (isIdle ? this.#oldest()?.take() : undefined);
  }

  /** Takes all, in no particular order. */
  takeAll(): T[] {
    const all: T[] = [];
    for (const lane of this.#lanes.values())
      for (let item = lane.take(); item !== undefined; item = lane.take()) all.push(item);
    return all;
  }

  #oldest(): Lane<T> | undefined {
    let oldest: Lane<T> | undefined;
    for (const lane of this.#lanes.values()) {
      if (lane.first !== undefined && lane.first.order < (oldest?.first?.order ?? Number.POSITIVE_INFINITY))
        oldest = lane;
    }
    return oldest;
  }
}
