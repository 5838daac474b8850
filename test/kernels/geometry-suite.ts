/** The geometry of task vectors against loops over numbers, strings of bytes and maps. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { BASE_MAGNITUDE_BINS, type Kernels } from '../../kernels/abi.js';
import { changeSuite } from './change-suite.js';
import { channelsSuite } from './channels-suite.js';
import { collectSuite } from './collect-suite.js';
import { geometrySumsSuite } from './geometry-sums-suite.js';
import { anyVectors } from './geometry-vectors.js';
import { matrixSuite } from './matrix-suite.js';
import { productsSuite } from './products-suite.js';
import { Workspace } from './workspace.js';

function marksAt(space: Workspace, mask: number, count: number): number[] {
  return [...new Uint8Array(space.kernels.memory.buffer, mask, count)];
}

function nonZero(counters: Uint32Array): Map<number, number> {
  return new Map([...counters].flatMap((counter, bin) => (counter === 0 ? [] : [[bin, counter]])));
}

function tally(bins: readonly number[]): Map<number, number> {
  const counters = new Map<number, number>();
  for (const bin of [...bins].sort((a, b) => a - b)) counters.set(bin, (counters.get(bin) ?? 0) + 1);
  return counters;
}

function markSuite(create: () => Kernels) {
  test('markChanged marks elements of which any bit differs, and leaves other marks', () => {
    const byte = fc.constantFrom(0, 0, 0, 0, 1, 0x80);
    const cases = fc.tuple(fc.constantFrom(1, 2, 4, 8), fc.nat(70), fc.nat(7)).chain(([width, count, shift]) => {
      const bytes = fc.array(byte, { minLength: width * count, maxLength: width * count });
      return fc.record({
        width: fc.constant(width),
        count: fc.constant(count),
        bit: fc.constant(2 ** shift),
        flips: bytes,
      });
    });
    fc.assert(
      fc.property(cases, ({ width, count, bit, flips }) => {
        const a = flips.map((_, i) => (37 * i) % 256);
        const b = a.map((value, i) => value ^ flips[i]!);
        const before = Array.from({ length: count }, (_, i) => [0, 0xff, 0xff - bit, 0x81][i % 4]!);
        const space = new Workspace(create());
        const [left, right] = [space.put(Uint8Array.from(a)), space.put(Uint8Array.from(b))];
        const mask = space.put(Uint8Array.from(before));
        space.kernels.markChanged(left, right, width, count, mask, bit);
        const text = (bytes: number[], i: number) => bytes.slice(width * i, width * (i + 1)).join(' ');
        const expected = before.map((mark, i) => {
          const isMarked = Math.floor(mark / bit) % 2 === 1;
          return text(a, i) !== text(b, i) && !isMarked ? mark + bit : mark;
        });
        expect(marksAt(space, mask, count)).toEqual(expected);
        expect(space.guardsAreIntact()).toBe(true);
      }),
      { numRuns: 400 },
    );
  });

  test('markChanged tells +0 from −0 and one NaN from another', () => {
    const space = new Workspace(create());
    const a = space.put(Uint32Array.of(0, 0x7fc0_0000, 0x7fc0_0000, 0x3f80_0000));
    const b = space.put(Uint32Array.of(0x8000_0000, 0x7fc0_0001, 0x7fc0_0000, 0x3f80_0000));
    const mask = space.put(new Uint8Array(4));
    space.kernels.markChanged(a, b, 4, 4, mask, 4);
    expect(marksAt(space, mask, 4)).toEqual([4, 4, 0, 0]);
  });
}

function countSuite(create: () => Kernels) {
  test('countMasks counts by the base value and the mask, and adds to what is there', () => {
    fc.assert(
      fc.property(anyVectors(fc.integer({ min: 1, max: 5 })), ({ count, vectors, masks }) => {
        const operands = vectors.length;
        const space = new Workspace(create());
        const base = space.put(vectors[0]!);
        const mask = space.put(masks);
        const bins = space.put(new Uint32Array(BASE_MAGNITUDE_BINS * 2 ** operands));
        for (let run = 0; run < 2; run++) space.kernels.countMasks(base, mask, operands, count, bins);
        const bits = [...new Uint32Array(vectors[0]!.buffer)];
        const expected = bits.map((one, i) => Math.floor((one % 2 ** 31) / 2 ** 19) * 2 ** operands + masks[i]!);
        expect(nonZero(space.u32(bins, BASE_MAGNITUDE_BINS * 2 ** operands))).toEqual(
          tally([...expected, ...expected]),
        );
        expect(space.guardsAreIntact()).toBe(true);
      }),
      { numRuns: 40 },
    );
  });

  test('countMasks by hand: sixteen bins to a binade, eight operands, NaN in the last bins', () => {
    const space = new Workspace(create());
    const base = space.put(Float32Array.of(0, -0, 2 ** -149, 1, -1, 1.0625, 2 - 2 ** -23, -Infinity, NaN));
    const mask = space.put(Uint8Array.of(0, 255, 255, 1, 1, 1, 128, 2, 3));
    const bins = space.put(new Uint32Array(BASE_MAGNITUDE_BINS * 256));
    space.kernels.countMasks(base, mask, 8, 9, bins);
    const one = 127 * 16 * 256;
    const expected = [
      [0, 1],
      [255, 2],
      [one + 1, 2],
      [one + 256 + 1, 1],
      [one + 15 * 256 + 128, 1],
    ] as const;
    const last = [
      [255 * 16 * 256 + 2, 1],
      [(255 * 16 + 8) * 256 + 3, 1],
    ] as const;
    expect(nonZero(space.u32(bins, BASE_MAGNITUDE_BINS * 256))).toEqual(new Map([...expected, ...last]));
  });

  test('countMasks counts a long run of one value', () => {
    const count = 3000;
    const space = new Workspace(create());
    const [base, mask] = [space.put(new Float32Array(count).fill(1)), space.put(new Uint8Array(count))];
    const bins = space.put(new Uint32Array(BASE_MAGNITUDE_BINS * 2));
    space.kernels.countMasks(base, mask, 1, count, bins);
    expect(nonZero(space.u32(bins, BASE_MAGNITUDE_BINS * 2))).toEqual(new Map([[127 * 16 * 2, count]]));
  });
}

export function geometrySuite(create: () => Kernels) {
  markSuite(create);
  countSuite(create);
  productsSuite(create);
  geometrySumsSuite(create);
  channelsSuite(create);
  collectSuite(create);
  matrixSuite(create);
  changeSuite(create);
}
