/** Fused stages at every length and over all stored patterns; other suites test them against random lists. */
import { expect, test } from 'vitest';
import type { Kernels } from '../../kernels/abi.js';
import { BF16, patternValue } from './formats-oracle.js';
import { Workspace } from './workspace.js';

const COUNTS = Array.from({ length: 71 }, (_, count) => count);

export function fusedSuite(create: () => Kernels) {
  test('differBf16 widens every pattern exactly, and is the change from it', () => {
    const patterns = Uint16Array.from({ length: 65_536 }, (_, pattern) => pattern);
    for (const base of [0, 1, -(2 ** -130)]) {
      const space = new Workspace(create());
      const [source, minus] = [space.put(patterns), space.put(new Float32Array(patterns.length).fill(base))];
      const destination = space.reserve(4 * patterns.length);
      expect(space.kernels.differBf16(source, minus, destination, patterns.length)).toBe(2 * 128);
      const expected = Float32Array.from(patterns, (pattern) => patternValue(BF16, pattern) - base);
      expect(space.f32(destination, patterns.length)).toEqual(expected);
      expect(space.guardsAreIntact()).toBe(true);
    }
  });

  test('differBf16 of a value and itself is +0, at every count', () => {
    for (const count of COUNTS) {
      const space = new Workspace(create());
      const source = space.put(Uint16Array.from({ length: count }, (_, i) => 0x3f00 + 0x8000 * (i % 2) + i));
      const base = space.reserve(4 * count);
      space.kernels.widenBf16(source, base, count);
      const destination = space.reserve(4 * count);
      expect(space.kernels.differBf16(source, base, destination, count)).toBe(0);
      expect(space.u32(destination, count)).toEqual(new Uint32Array(count));
      expect(space.guardsAreIntact()).toBe(true);
    }
  });

  test('filledBins at every count: all, none, the first, the last, every other', () => {
    const isFilled = [() => true, () => false, (i: number) => i === 0, (i: number, n: number) => i === n - 1];
    isFilled.push((i) => i % 2 === 1);
    for (const count of COUNTS) {
      for (const filled of isFilled) {
        const space = new Workspace(create());
        const indices = Array.from({ length: count }, (_, i) => i);
        const bins = space.put(Uint32Array.from(indices, (i) => (filled(i, count) ? 2 ** 31 + i : 0)));
        const destination = space.reserve(4 * (count + 1));
        const found = space.kernels.filledBins(bins, count, destination);
        expect([...space.u32(destination, found)]).toEqual(indices.filter((i) => filled(i, count)));
        expect(space.guardsAreIntact()).toBe(true);
      }
    }
  });
}
