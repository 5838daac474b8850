/** f64 numbers in kernel memory. */
import type { Kernels } from '../abi.js';
import type { Slot } from '../slot.js';

export const F64_BYTES = Float64Array.BYTES_PER_ELEMENT;

/** The f64 numbers from a slot on, until memory grows. */
export const numbersAt = ({ memory }: Kernels, slot: Slot, count: number): Float64Array =>
  new Float64Array(memory.buffer, slot, count);
