/**
 * SIMD kernels between two runs in the same thread. New ones come with a memory that V8 counts, and collects the whole heap
 * for: half the time of a small merge, where a program makes many.
 */
import type { Kernels } from '../../kernels/abi.js';
import { type CompiledKernels, instantiateSimdKernels } from '../../kernels/load.js';

/** Bytes of the largest memory that is kept: that of small runs. Memories of WebAssembly grow, but never shrink. */
const MOST_IDLE_BYTES = 16_777_216;

/** No more than one, for what comes after what ends; runs side by side have kernels of their own. */
let idle: Kernels | undefined;

/** Kernels that nobody else has, until they are given back. */
export function takeSimdKernels(module: CompiledKernels): Kernels {
  const kernels = idle ?? instantiateSimdKernels(module);
  idle = undefined;
  return kernels;
}

/** To be called once by whoever has them, when nothing in their memory is needed any more. */
export function giveBackSimdKernels(kernels: Kernels): void {
  if (kernels.memory.buffer.byteLength <= MOST_IDLE_BYTES) idle = kernels;
}
