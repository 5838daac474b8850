/**
 * What a worker keeps of units that it has observed and is likely to combine next: their raw inputs, and what passes
 * derive from them. A ring of kernel memory in which the oldest make room; what is gone is read or derived once more.
 */
import type { Slot } from '../../kernels/abi.js';
import { SLOT_ALIGNMENT } from './unit-memory.js';

interface Frame {
  readonly unit: string;
  readonly slot: Slot;
  readonly bytes: number;
}

export class RetainedUnits {
  readonly #begin: Slot;
  readonly #capacity: number;
  /** By unit and part. */
  readonly #frames = new Map<string, Frame>();
  #next = 0;

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
   * Makes room for a part of a unit, which has none yet. Undefined when it is larger than the whole ring or would take
   * the place of another part of the same unit, which may be in use.
   */
  place(unit: string, part: string, bytes: number): Slot | undefined {
    const room = Math.ceil(bytes / SLOT_ALIGNMENT) * SLOT_ALIGNMENT;
    if (room > this.#capacity) return undefined;
    const start = this.#next + room > this.#capacity ? 0 : this.#next;
    const slot = this.#begin + start;
    const overlapped = [...this.#frames].filter(
      ([, frame]) => frame.slot < slot + room && slot < frame.slot + frame.bytes,
    );
    if (overlapped.some(([, frame]) => frame.unit === unit)) return undefined;
    for (const [name] of overlapped) this.#frames.delete(name);
    this.#frames.set(frameName(unit, part), { unit, slot, bytes: room });
    this.#next = start + room;
    return slot;
  }

  /** Gives a unit's room back, once it is merged. */
  release(unit: string): void {
    for (const [name, frame] of this.#frames) if (frame.unit === unit) this.#frames.delete(name);
  }
}

const frameName = (unit: string, part: string): string => `${part} of ${unit}`;
