/**
 * A bounded file on this machine that holds what a run reads of files on the Hub just before it reads it: segments are
 * fetched ahead in the order of need, and their room is given back when every range in them has been read.
 */
import { type FileHandle, open, rm } from 'node:fs/promises';
import { asWriteError } from '../io/write-error.js';
import { BatchedWriter } from './batched-writer.js';
import type { RemoteFile } from './range.js';
import { keyOf, type Segment, type SegmentTable, type SpoolRange } from './spool-segments.js';
import { SpoolSpace } from './spool-space.js';

/** Requests side by side. */
export const CONNECTIONS = 8;

export interface SpoolOptions {
  /** The file that is made, and removed at the end. */
  readonly path: string;
  /** Most bytes it has; see `leastCapacity`. */
  readonly capacity: number;
  readonly table: SegmentTable;
  /** By number of the file. */
  readonly files: ReadonlyMap<number, RemoteFile>;
  readonly onBytes?: ((bytes: number) => void) | undefined;
}

/** Ranges that stay in the spool until they are released. */
export interface Lease {
  /** Where each range begins in the spool's file, in the order asked for. */
  readonly places: readonly number[];
  /** `again`: another pass reads them soon, so that their room is given back only if it is needed. */
  release(again: boolean): void;
}

interface Slot {
  readonly segment: Segment;
  state: 'absent' | 'coming' | 'present';
  /** Where it is in the spool; means nothing when absent. */
  place: number;
  /** Leases that hold it. */
  pins: number;
  /** Requests that wait for it. */
  readonly waiting: Set<Request>;
  /** Ranges read in this pass. */
  readonly read: Set<string>;
}

interface Request {
  readonly slots: readonly Slot[];
  readonly ranges: readonly SpoolRange[];
  readonly resolve: (lease: Lease) => void;
  readonly reject: (error: unknown) => void;
}

/** Least capacity with which ranges of `together` files, each in a segment, can always be had at once. */
export function leastCapacity(table: SegmentTable, together: number): number {
  const longest = table.segments.reduce((most, { begin, end }) => Math.max(most, end - begin), 0);
  return 2 * together * longest;
}

export class Spool {
  readonly #options: SpoolOptions;
  readonly #handle: FileHandle;
  readonly #space: SpoolSpace;
  readonly #slots: readonly Slot[];
  /** When all fits, nothing is given back and no byte is fetched twice. */
  readonly #keepsAll: boolean;
  readonly #stop = new AbortController();
  readonly #transfers = new Set<Promise<void>>();
  /** Requests that wait, oldest first. */
  readonly #requests = new Set<Request>();
  /** Leases that are not released. */
  #leases = 0;
  /** The next segment to fetch ahead. */
  #ahead = 0;
  #failure: unknown;

  private constructor(options: SpoolOptions, handle: FileHandle) {
    this.#options = options;
    this.#handle = handle;
    this.#space = new SpoolSpace(options.capacity);
    this.#keepsAll = options.table.bytes <= options.capacity;
    this.#slots = options.table.segments.map((segment) => ({
      segment,
      state: 'absent',
      place: 0,
      pins: 0,
      waiting: new Set(),
      read: new Set(),
    }));
  }

  /** Makes the file. Throws `output-unwritable`. */
  static async open(options: SpoolOptions): Promise<Spool> {
    const opening = open(options.path, 'wx+').catch((error: unknown) => {
      throw asWriteError(error, options.path);
    });
    return new Spool(options, await opening);
  }

  /** Begins to fetch ahead. */
  start(): void {
    this.#pump();
  }

  /** Waits until ranges are in the spool, and keeps them there. Rejects with the first failure of a transfer. */
  acquire(ranges: readonly SpoolRange[]): Promise<Lease> {
    return new Promise((resolve, reject) => {
      if (this.#failure !== undefined) return reject(this.#failure);
      const slots = ranges.map((range) => this.#slots[this.#options.table.find(range).order]!);
      const request = { slots, ranges, resolve, reject };
      this.#requests.add(request);
      for (const slot of slots) slot.waiting.add(request);
      // A pass that begins anew is fetched ahead of like the first.
      const first = slots.find(({ state }) => state === 'absent');
      if (first !== undefined && this.#ahead >= this.#slots.length) this.#ahead = first.segment.order;
      if (!this.#grant(request)) this.#pump();
    });
  }

  /** Ends all transfers and removes the file. */
  async close(): Promise<void> {
    this.#fail(new Error('the spool is closed'));
    await Promise.allSettled(this.#transfers);
    await this.#handle.close();
    await rm(this.#options.path, { force: true });
  }

  #grant(request: Request): boolean {
    if (request.slots.some(({ state }) => state !== 'present')) return false;
    this.#requests.delete(request);
    const { slots, ranges } = request;
    for (const slot of slots) {
      slot.waiting.delete(request);
      slot.pins++;
    }
    this.#leases++;
    request.resolve({
      places: slots.map(({ place, segment }, i) => place + ranges[i]!.begin - segment.begin),
      release: (again) => this.#release(slots, ranges, again),
    });
    return true;
  }

  #release(slots: readonly Slot[], ranges: readonly SpoolRange[], again: boolean): void {
    this.#leases--;
    for (const [i, slot] of slots.entries()) {
      slot.pins--;
      if (again) continue;
      slot.read.add(keyOf(ranges[i]!));
      const finished = slot.read.size >= slot.segment.ranges && slot.pins === 0 && slot.waiting.size === 0;
      if (finished && !this.#keepsAll && slot.state === 'present') this.#evict(slot);
    }
    this.#pump();
  }

  /** Starts transfers while there are connections and room: what is waited for first, then ahead. */
  #pump(): void {
    while (this.#failure === undefined && this.#transfers.size < CONNECTIONS) {
      const slot = this.#nextWanted() ?? this.#nextAhead();
      if (slot === undefined) return;
      const { begin, end } = slot.segment;
      const place = this.#makeRoom(end - begin, slot);
      if (place === undefined) return;
      slot.state = 'coming';
      slot.place = place;
      if (slot.segment.order === this.#ahead) this.#ahead++;
      const transfer: Promise<void> = this.#transfer(slot).finally(() => {
        this.#transfers.delete(transfer);
        this.#pump();
      });
      this.#transfers.add(transfer);
    }
  }

  #nextWanted(): Slot | undefined {
    for (const { slots } of this.#requests) {
      const slot = slots.find(({ state }) => state === 'absent');
      if (slot !== undefined) return slot;
    }
    return undefined;
  }

  #nextAhead(): Slot | undefined {
    while (this.#slots[this.#ahead] !== undefined && this.#slots[this.#ahead]!.state !== 'absent') this.#ahead++;
    return this.#slots[this.#ahead];
  }

  /**
   * Room for a segment. What is waited for may take it from segments that nobody reads, but only when no other room will
   * come: first from those nobody waits for, the last in order first; then, for the oldest request, from the others.
   */
  #makeRoom(length: number, { waiting }: Slot): number | undefined {
    for (;;) {
      const place = this.#space.take(length);
      if (place !== undefined || waiting.size === 0 || this.#leases > 0 || this.#transfers.size > 0) return place;
      const [oldest] = this.#requests;
      const idle = this.#slots.filter(({ state }) => state === 'present');
      const others = waiting.has(oldest!) ? idle.filter((slot) => !slot.waiting.has(oldest!)) : [];
      const victim = idle.findLast((slot) => slot.waiting.size === 0) ?? others.at(-1);
      if (victim === undefined) return undefined;
      this.#evict(victim);
    }
  }

  #evict(slot: Slot): void {
    slot.state = 'absent';
    slot.read.clear();
    this.#space.give(slot.place, slot.segment.end - slot.segment.begin);
  }

  async #transfer(slot: Slot): Promise<void> {
    const { file, begin, end } = slot.segment;
    const writer = new BatchedWriter(this.#handle);
    try {
      await this.#options.files.get(file)!.transfer(
        begin,
        end,
        async (chunk, position) => {
          await writer.write(chunk, slot.place + position - begin);
          this.#options.onBytes?.(chunk.length);
        },
        this.#stop.signal,
      );
      await writer.flush();
      slot.state = 'present';
      for (const request of [...slot.waiting]) this.#grant(request);
    } catch (error) {
      this.#fail(asWriteError(error, this.#options.path));
    }
  }

  #fail(error: unknown): void {
    if (this.#failure !== undefined) return;
    this.#failure = error;
    this.#stop.abort();
    for (const { reject } of this.#requests) reject(error);
    this.#requests.clear();
  }
}
