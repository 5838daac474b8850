/** The SIMD kernels' WebAssembly module as `Kernels`. The only file that touches `WebAssembly`; it reads no files. */
import { M2MergeError } from '../src/errors.js';
import type { Kernels } from './abi.js';

/** Bytes of a WebAssembly page. */
const PAGE_BYTES = 65_536;

/** What kernels/simd/index.ts exports: the stage functions of `Kernels`, over i32, f32 and f64. */
interface KernelExports extends Omit<Kernels, 'name' | 'memory' | 'heapStart' | 'grow'> {
  readonly memory: WebAssembly.Memory;
  heapStart(): number;
}

/** A compiled module; its own type would ask programs for a library of types that Node's do not have. */
export type CompiledKernels = object;

/** What a file of WebAssembly holds. */
export type KernelBytes = ArrayBuffer | ArrayBufferView;

/** Compiles the module once, for all instances of a process. Throws WebAssembly.CompileError for other bytes. */
export function compileSimdKernels(bytes: KernelBytes): CompiledKernels {
  return new WebAssembly.Module(bytes as BufferSource);
}

/**
 * An instance with a memory of its own. `source` is what scripts/build-kernels.mjs wrote, or the module compiled from it,
 * which may come from another thread. Calls go straight to WebAssembly; numbers are converted to i32 by their low 32 bits,
 * so that slots up to 4 GiB and u32 keys need no care.
 */
export function instantiateSimdKernels(source: KernelBytes | CompiledKernels): Kernels {
  const module = source instanceof WebAssembly.Module ? source : new WebAssembly.Module(source as BufferSource);
  const { exports } = new WebAssembly.Instance(module);
  const { memory, heapStart, ...stages } = exports as unknown as KernelExports;
  return {
    ...stages,
    name: 'simd',
    memory,
    heapStart: heapStart(),
    grow: (bytes) => growMemory(memory, bytes),
    // An allowance may be larger than 2^32, whose low bits mean something else; more than all is all.
    keepLargest: (source, destination, count, threshold, allowance) =>
      stages.keepLargest(source, destination, count, threshold, Math.min(allowance, count)),
  };
}

function growMemory(memory: WebAssembly.Memory, bytes: number): void {
  const missing = bytes - memory.buffer.byteLength;
  if (missing <= 0) return;
  try {
    memory.grow(Math.ceil(missing / PAGE_BYTES));
  } catch (cause) {
    throw new M2MergeError('kernel-memory', { bytes }, { cause });
  }
}
