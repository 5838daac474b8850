/** Memory for kernel tests: slots filled with given bits, each followed by guard bytes. */
import type { Kernels, Slot } from '../../kernels/abi.js';
import { OPERAND, OPERAND_BYTES } from '../../kernels/abi.js';

const SLOT_ALIGNMENT = 16;
/** Bytes after each slot that no kernel may touch. */
const GUARD_BYTES = 64;
const GUARD = 0xa5;

export interface Operand {
  readonly slot: Slot;
  readonly scale: number;
  readonly weight: number;
  readonly selector?: number;
}

export class Workspace {
  readonly kernels: Kernels;
  #next: Slot;
  readonly #guards: Slot[] = [];

  /** Slots from `begin` on, a multiple of 64 that is not below the kernels' own. */
  constructor(kernels: Kernels, begin = kernels.heapStart) {
    this.kernels = kernels;
    this.#next = begin;
  }

  /** A slot of `bytes` bytes, filled with a pattern so that unwritten results show. */
  reserve(bytes: number): Slot {
    const slot = this.#next;
    const end = slot + bytes;
    this.#next = Math.ceil((end + GUARD_BYTES) / SLOT_ALIGNMENT) * SLOT_ALIGNMENT;
    this.kernels.grow(this.#next);
    new Uint8Array(this.kernels.memory.buffer).fill(GUARD, slot, this.#next);
    this.#guards.push(end);
    return slot;
  }

  /** A slot holding a copy of the bytes of `values`. */
  put(values: Uint8Array | Uint16Array | Uint32Array | Float32Array | Float64Array): Slot {
    const slot = this.reserve(values.byteLength);
    const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
    new Uint8Array(this.kernels.memory.buffer).set(bytes, slot);
    return slot;
  }

  putOperands(operands: readonly Operand[]): Slot {
    const slot = this.reserve(operands.length * OPERAND_BYTES);
    const entries = new DataView(this.kernels.memory.buffer, slot);
    operands.forEach(({ slot, scale, weight, selector = 0 }, i) => {
      entries.setUint32(i * OPERAND_BYTES + OPERAND.slot, slot, true);
      entries.setFloat32(i * OPERAND_BYTES + OPERAND.scale, scale, true);
      entries.setFloat32(i * OPERAND_BYTES + OPERAND.weight, weight, true);
      entries.setUint32(i * OPERAND_BYTES + OPERAND.selector, selector, true);
    });
    return slot;
  }

  u8(slot: Slot, count: number): Uint8Array {
    return new Uint8Array(this.kernels.memory.buffer.slice(slot, slot + count));
  }

  u16(slot: Slot, count: number): Uint16Array {
    return new Uint16Array(this.kernels.memory.buffer.slice(slot, slot + 2 * count));
  }

  u32(slot: Slot, count: number): Uint32Array {
    return new Uint32Array(this.kernels.memory.buffer.slice(slot, slot + 4 * count));
  }

  f32(slot: Slot, count: number): Float32Array {
    return new Float32Array(this.kernels.memory.buffer.slice(slot, slot + 4 * count));
  }

  f64(slot: Slot, count: number): Float64Array {
    return new Float64Array(this.kernels.memory.buffer.slice(slot, slot + 8 * count));
  }

  /** Whether every byte between the slots is as it was. */
  guardsAreIntact(): boolean {
    return this.#guards.every((guard) =>
      new Uint8Array(this.kernels.memory.buffer, guard, GUARD_BYTES).every((byte) => byte === GUARD),
    );
  }
}
