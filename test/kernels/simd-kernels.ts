/** The SIMD kernels for tests: built when missing or older than their sources, compiled once. */
import { readFileSync } from 'node:fs';
import type { Kernels } from '../../kernels/abi.js';
import { compileSimdKernels, instantiateSimdKernels } from '../../kernels/load.js';
import { buildKernelsIfStale } from '../../scripts/build-kernels.mjs';

export const simdModule = compileSimdKernels(readFileSync(await buildKernelsIfStale()));

export function createSimdKernels(): Kernels {
  return instantiateSimdKernels(simdModule);
}
