/** The kernels in plain TypeScript: they define the results, and run where WebAssembly SIMD does not. */
import type { Kernels, Slot } from '../abi.js';
import { arithmetic } from './arithmetic.js';
import { channels } from './channels.js';
import { columns } from './columns.js';
import { directions } from './directions.js';
import { divergence } from './divergence.js';
import { fused } from './fused.js';
import { geometry } from './geometry.js';
import { geometrySums } from './geometry-sums.js';
import { importance } from './importance.js';
import { linearAlgebra } from './linear-algebra.js';
import { lowRank } from './low-rank.js';
import { matrixProducts } from './matrix-products.js';
import { ReferenceMemory } from './memory.js';
import { narrowers } from './narrow.js';
import { orthonormal } from './orthonormal.js';
import { overlap } from './overlap.js';
import { rankedMask } from './ranked-mask.js';
import { sparsifiers } from './sparsify.js';
import { statistics } from './statistics.js';
import { stored } from './stored.js';
import { selection } from './variance.js';
import { wideners } from './widen.js';

/** These kernels keep no data in their memory; one cache line stays free, so that no slot is 0 by accident. */
const HEAP_START: Slot = 64;

/** Reference kernels with an empty memory of their own: call `grow` first. Little-endian machines only. */
export function createReferenceKernels(): Kernels {
  const memory = new ReferenceMemory();
  memory.grow(HEAP_START);
  return {
    name: 'reference',
    memory,
    heapStart: HEAP_START,
    grow: (bytes) => memory.grow(bytes),
    ...wideners(memory),
    ...narrowers(memory),
    ...arithmetic(memory),
    ...channels(memory),
    ...columns(memory),
    ...directions(memory),
    ...divergence(memory),
    ...fused(memory),
    ...geometry(memory),
    ...overlap(memory),
    ...geometrySums(memory),
    ...importance(memory),
    ...matrixProducts(memory),
    ...linearAlgebra(memory),
    ...orthonormal(memory),
    ...lowRank(memory),
    ...rankedMask(memory),
    ...selection(memory),
    ...sparsifiers(memory),
    ...statistics(memory),
    ...stored(memory),
  };
}
