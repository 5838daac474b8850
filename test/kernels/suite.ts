/** The whole contract of kernels/abi.ts as tests of one implementation. */
import { describe, expect, test } from 'vitest';
import type { Kernels } from '../../kernels/abi.js';
import { isM2MergeError } from '../../src/errors.js';
import { columnsSuite } from './columns-suite.js';
import { convertSuite } from './convert-suite.js';
import { directionsSuite } from './directions-suite.js';
import { divergenceSuite } from './divergence-suite.js';
import { fusedSuite } from './fused-suite.js';
import { geometrySuite } from './geometry-suite.js';
import { linearAlgebraSuite } from './linear-algebra-suite.js';
import { lowRankSuite } from './low-rank-suite.js';
import { mergeSuite } from './merge-suite.js';
import { overlapSuite } from './overlap-suite.js';
import { sparsifySuite } from './sparsify-suite.js';
import { statisticsSuite } from './statistics-suite.js';
import { storedStatisticsSuite } from './stored-statistics-suite.js';
import { storedSuite } from './stored-suite.js';

function memorySuite(create: () => Kernels) {
  test('memory grows with zeros, keeps its contents and never shrinks', () => {
    const kernels = create();
    const { heapStart } = kernels;
    expect(heapStart % 64).toBe(0);
    kernels.grow(heapStart + 100);
    new Uint8Array(kernels.memory.buffer)[heapStart] = 7;
    kernels.grow(heapStart + 300_000);
    kernels.grow(1);
    const bytes = new Uint8Array(kernels.memory.buffer);
    expect(bytes.length).toBeGreaterThanOrEqual(heapStart + 300_000);
    expect(bytes[heapStart]).toBe(7);
    expect(bytes.subarray(heapStart + 1, heapStart + 300_000).every((byte) => byte === 0)).toBe(true);
  });

  test('memory that cannot be had is an error with the bytes, and leaves the old memory', () => {
    const kernels = create();
    const before = kernels.memory.buffer.byteLength;
    const bytes = 2 ** 50;
    let caught: unknown;
    try {
      kernels.grow(bytes);
    } catch (error) {
      caught = error;
    }
    expect(isM2MergeError(caught, 'kernel-memory') && caught.facts).toEqual({ bytes });
    expect(kernels.memory.buffer.byteLength).toBe(before);
  });
}

export function kernelSuite(name: Kernels['name'], create: () => Kernels) {
  describe(`${name} kernels`, () => {
    test('say who they are', () => expect(create().name).toBe(name));
    memorySuite(create);
    // One for all that follow: what a kernel keeps from a call must not show in the next.
    const kernels = create();
    const suites = [
      ...[columnsSuite, directionsSuite, convertSuite, mergeSuite, overlapSuite, linearAlgebraSuite, lowRankSuite],
      ...[
        divergenceSuite,
        sparsifySuite,
        statisticsSuite,
        storedSuite,
        storedStatisticsSuite,
        fusedSuite,
        geometrySuite,
      ],
    ];
    for (const suite of suites) suite(() => kernels);
  });
}
