/**
 * SIMD and reference with the same slots in the same places. Both are made once for all calls of a file, since kernels that
 * keep something between calls have to give the same after any other.
 */
import { createReferenceKernels } from '../../kernels/reference/index.js';
import { createSimdKernels } from './simd-kernels.js';

export const BOTH = [createSimdKernels(), createReferenceKernels()] as const;

/** Where slots begin: behind what either keeps for itself. */
export const FIRST_SLOT = Math.max(...BOTH.map(({ heapStart }) => heapStart));
