/** Kernel memory handed out for one unit at a time: a bump pointer that starts over, so nothing is allocated per tile. */
import type { Kernels, Slot } from '../../kernels/abi.js';

/** Slots start at multiples of a cache line. */
export const SLOT_ALIGNMENT = 64;

/** Kernel memory grows by this much at a time: enough for most units at once, since every step costs a collection. */
const GROWTH_BYTES = 4_194_304;

export class UnitMemory {
  readonly #kernels: Kernels;
  #start: Slot;
  #next: Slot;
  #view: Uint8Array;

  constructor(kernels: Kernels) {
    this.#kernels = kernels;
    this.#start = kernels.heapStart;
    this.#next = this.#start;
    this.#view = new Uint8Array(kernels.memory.buffer);
  }

  /** Gives all slots back, but for those reserved. */
  reset(): void {
    this.#next = this.#start;
  }

  /** Takes `bytes` for good, before any unit runs. */
  reserve(bytes: number): Slot {
    this.reset();
    const slot = this.take(bytes);
    this.#start = slot + bytes;
    return slot;
  }

  /** Takes `bytes` of zeroed memory until the next `reset`. */
  takeZeroed(bytes: number): Slot {
    const slot = this.take(bytes);
    this.#view.fill(0, slot, slot + bytes);
    return slot;
  }

  /** Takes `bytes` of memory with unspecified content until the next `reset`. */
  take(bytes: number): Slot {
    const slot = Math.ceil(this.#next / SLOT_ALIGNMENT) * SLOT_ALIGNMENT;
    const end = slot + bytes;
    if (end > this.#view.length) {
      this.#kernels.grow(Math.ceil(end / GROWTH_BYTES) * GROWTH_BYTES);
      this.#view = new Uint8Array(this.#kernels.memory.buffer);
    }
    this.#next = end;
    return slot;
  }

  /** The memory behind a slot; valid until memory grows. */
  bytes(slot: Slot, length: number): Uint8Array {
    return this.#view.subarray(slot, slot + length);
  }
}
