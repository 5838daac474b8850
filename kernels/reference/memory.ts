/** The reference kernels' linear memory: one growable buffer, and views of it by slot. */
import { M2MergeError } from '../../src/errors.js';
import type { Slot } from '../abi.js';

/** Views alias the buffer of the moment: take them after growing and drop them before. Counts are in elements. */
export class ReferenceMemory {
  buffer = new ArrayBuffer(0);

  /** Makes the buffer at least `bytes` long; new bytes are zero. Throws `kernel-memory` when there is not enough. */
  grow(bytes: number): void {
    if (bytes <= this.buffer.byteLength) return;
    const grown = allocate(bytes);
    new Uint8Array(grown).set(new Uint8Array(this.buffer));
    this.buffer = grown;
  }

  u8(slot: Slot, count: number): Uint8Array {
    return new Uint8Array(this.buffer, slot, count);
  }

  u16(slot: Slot, count: number): Uint16Array {
    return new Uint16Array(this.buffer, slot, count);
  }

  u32(slot: Slot, count: number): Uint32Array {
    return new Uint32Array(this.buffer, slot, count);
  }

  f32(slot: Slot, count: number): Float32Array {
    return new Float32Array(this.buffer, slot, count);
  }

  f64(slot: Slot, count: number): Float64Array {
    return new Float64Array(this.buffer, slot, count);
  }
}

function allocate(bytes: number): ArrayBuffer {
  try {
    return new ArrayBuffer(bytes);
  } catch (cause) {
    throw new M2MergeError('kernel-memory', { bytes }, { cause });
  }
}
