/**
 * What passes derive from units that a worker has observed and is likely to combine next. The lowest kernel memory that
 * is free is taken, so that the rest stays untouched; older tensors make room, and what is gone is derived once more.
 */
import type { Slot } from '../../kernels/abi.js';
import { SLOT_ALIGNMENT } from './unit-memory.js';

interface Frame {
  readonly tensor: string;
  readonly unit: string;
  readonly slot: Slot;
  readonly bytes: number;
}

export class RetainedUnits {
  readonly #begin: Slot;
  readonly #capacity: number;
  /** By unit and part, the oldest first. */
  readonly #frames = new Map<string, Frame>();

  /** Uses `capacity` bytes of kernel memory from `begin`. */
  constructor(begin: Slot, capacity: number) {
    this.#begin = begin;
    this.#capacity = capacity;
  }

  /** Where a part of a unit lies; undefined when it is not (or no longer) here. */
  find(unit: string, part: string): Slot | undefined {
    return this.#frames.get(frameName(unit, part))?.slot;
  }

  /**
   * Makes room for a part of a unit, which has none yet. Undefined when it is larger than all of the memory or would take
   * the place of another part of the same tensor: what is kept of a tensor that is too large is still there when it is
   * merged, in the order in which it was observed.
   */
  place(tensor: string, unit: string, part: string, bytes: number): Slot | undefined {
    // Nothing takes a slot too, so that no two parts share one.
    const room = Math.ceil(Math.max(1, bytes) / SLOT_ALIGNMENT) * SLOT_ALIGNMENT;
    if (room > this.#capacity) return undefined;
    let slot = this.#findGap(room);
    for (const [name, frame] of this.#frames) {
      if (slot !== undefined) break;
      if (frame.tensor === tensor) continue;
      this.#frames.delete(name);
      slot = this.#findGap(room);
    }
    if (slot !== undefined) this.#frames.set(frameName(unit, part), { tensor, unit, slot, bytes: room });
    return slot;
  }

  /** The lowest place where `room` bytes are free. */
  #findGap(room: number): Slot | undefined {
    let slot = this.#begin;
    for (const frame of [...this.#frames.values()].sort((a, b) => a.slot - b.slot)) {
      if (frame.slot - slot >= room) return slot;
      slot = frame.slot + frame.bytes;
    }
    return this.#begin + this.#capacity - slot >= room ? slot : undefined;
  }

  /** Gives a unit's room back, once it is merged. */
  release(unit: string): void {
    for (const [name, frame] of this.#frames) if (frame.unit === unit) this.#frames.delete(name);
  }
}

const frameName = (unit: string, part: string): string => `${part} of ${unit}`;
