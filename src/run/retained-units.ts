/**
 * Raw inputs of units that a worker has observed and is likely to combine next: a ring of kernel memory, so that the
 * second pass over a tensor need not read it again. The oldest units make room; a unit that is gone is read once more.
 */
import type { Slot } from '../../kernels/abi.js';
import { SLOT_ALIGNMENT } from './unit-memory.js';

interface Frame {
  readonly slot: Slot;
  readonly bytes: number;
}

export class RetainedUnits {
  readonly #begin: Slot;
  readonly #capacity: number;
  readonly #frames = new Map<string, Frame>();
  #next = 0;

  /** Uses `capacity` bytes of kernel memory from `begin`. */
  constructor(begin: Slot, capacity: number) {
    this.#begin = begin;
    this.#capacity = capacity;
  }

  /** Where a unit's inputs lie; undefined when they are not (or no longer) here. */
  find(unit: string): Slot | undefined {
    return this.#frames.get(unit)?.slot;
  }

  /** Makes room for a unit's inputs; undefined when they are larger than the whole ring. */
  place(unit: string, bytes: number): Slot | undefined {
    const room = Math.ceil(bytes / SLOT_ALIGNMENT) * SLOT_ALIGNMENT;
    if (room > this.#capacity) return undefined;
    if (this.#next + room > this.#capacity) this.#next = 0;
    const slot = this.#begin + this.#next;
    for (const [other, frame] of this.#frames) {
      if (frame.slot < slot + room && slot < frame.slot + frame.bytes) this.#frames.delete(other);
    }
    this.#frames.delete(unit);
    this.#frames.set(unit, { slot, bytes: room });
    this.#next += room;
    return slot;
  }

  /** Gives a unit's room back, once it is merged. */
  release(unit: string): void {
    this.#frames.delete(unit);
  }
}
