/** Keeping the largest and keeping at random, against sorting-free loops and a big-integer generator. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Kernels } from '../../kernels/abi.js';
import { densityDigits } from '../../kernels/reference/random.js';
import { anyBits } from './bits.js';
import { type Key, maskNumber } from './random-oracle.js';
import { Workspace } from './workspace.js';

const KEY: Key = [0xdead_beef, 0x0bad_cafe];

/** Which of `count` elements a density keeps, from `firstIndex` on. */
function maskOf(kernels: Kernels, count: number, density: number, key: Key, firstIndex: number): Uint8Array {
  const space = new Workspace(kernels);
  const destination = space.reserve(Math.ceil(count / 8));
  const { densityByte, densityRest } = densityDigits(density);
  kernels.drawMask(destination, count, densityByte, densityRest, ...key, firstIndex);
  expect(space.guardsAreIntact()).toBe(true);
  const bytes = space.u8(destination, Math.ceil(count / 8));
  return Uint8Array.from({ length: count }, (_, i) => Math.floor(bytes[i >> 3]! / 2 ** (i % 8)) % 2);
}

const sum = (list: Uint8Array) => list.reduce((total, one) => total + one, 0);

function largestSuite(create: () => Kernels) {
  const levels = fc.constantFrom(0, 0x8000_0000, 0x3f80_0000, 0xbf80_0000, 0x4000_0000, 0x3f00_0000, 0x7fc0_0000);
  const lists = fc.oneof(fc.array(levels, { maxLength: 70 }), fc.array(anyBits, { maxLength: 70 }));

  test('keepLargest keeps what is above and the first that are equal', () => {
    const thresholds = fc.constantFrom(0, 1, 0x3f80_0000, 0x7f80_0000, 0x7fff_ffff);
    const allowances = fc.oneof(fc.nat(72), fc.constant(2 ** 32), fc.constant(2 ** 40));
    fc.assert(
      fc.property(lists, thresholds, allowances, fc.boolean(), (list, threshold, allowance, inPlace) => {
        const space = new Workspace(create());
        const source = space.put(Uint32Array.from(list));
        const destination = inPlace ? source : space.reserve(4 * list.length);
        const equals = space.kernels.keepLargest(source, destination, list.length, threshold, allowance);
        const magnitudes = list.map((bits) => bits % 2 ** 31);
        const allowed = magnitudes.flatMap((m, i) => (m === threshold ? [i] : [])).slice(0, allowance);
        const kept = list.map((bits, i) => (magnitudes[i]! > threshold || allowed.includes(i) ? bits : 0));
        expect([...space.u32(destination, list.length)]).toEqual(kept);
        expect(equals).toBe(magnitudes.filter((m) => m === threshold).length);
        expect(space.guardsAreIntact()).toBe(true);
      }),
      { numRuns: 600 },
    );
  });

  test('keepBetween keeps what is neither below nor above', () => {
    const limits = fc.constantFrom(0, 1, 0x3f00_0000, 0x3f80_0000, 0x4000_0000, 0x7fff_ffff, 0x8000_0000);
    fc.assert(
      fc.property(lists, limits, limits, fc.boolean(), (list, low, high, inPlace) => {
        const space = new Workspace(create());
        const source = space.put(Uint32Array.from(list));
        const destination = inPlace ? source : space.reserve(4 * list.length);
        space.kernels.keepBetween(source, low, high, destination, list.length);
        const kept = list.map((bits) => (bits % 2 ** 31 >= low && bits % 2 ** 31 < high ? bits : 0));
        expect([...space.u32(destination, list.length)]).toEqual(kept);
        expect(space.guardsAreIntact()).toBe(true);
      }),
      { numRuns: 300 },
    );
  });
}

function randomSuite(create: () => Kernels) {
  test('keepMasked copies what its bit keeps, also in place, from a mask at any multiple of eight', () => {
    const lists = fc.array(fc.tuple(anyBits, fc.boolean()), { maxLength: 150 });
    fc.assert(
      fc.property(lists, fc.boolean(), fc.boolean(), (list, inPlace, isShifted) => {
        const space = new Workspace(create());
        const source = space.put(Uint32Array.from(list, ([bits]) => bits));
        const destination = inPlace ? source : space.reserve(4 * list.length);
        const begin = isShifted ? 8 : 0;
        const mask = new Uint8Array(begin + Math.ceil(list.length / 8) + 1).fill(0xff);
        list.forEach(([, kept], i) => {
          if (!kept) mask[begin + Math.floor(i / 8)]! -= 2 ** (i % 8);
        });
        space.kernels.keepMasked(source, space.put(mask) + begin, destination, list.length);
        expect([...space.u32(destination, list.length)]).toEqual(list.map(([bits, kept]) => (kept ? bits : 0)));
        expect(space.guardsAreIntact()).toBe(true);
      }),
      { numRuns: 200 },
    );
  });

  test('drawMask keeps the elements whose number is below the density, wherever it starts, and clears unused bits', () => {
    const starts = [0, 1, 8, 15, 16, 63, 64, 100, 136, 2 ** 32 - 33, 2 ** 32, 2 ** 38 + 7, 2 ** 45 + 40, 2 ** 53 - 300];
    for (const firstIndex of starts) {
      for (const count of [0, 1, 5, 64, 70, 128, 150, 290]) {
        const space = new Workspace(create());
        const destination = space.reserve(Math.ceil(count / 8));
        const densityByte = 0x5a;
        const densityRest = 0x8000_0000;
        space.kernels.drawMask(destination, count, densityByte, densityRest, ...KEY, firstIndex);
        const limit = densityByte * 2 ** 32 + densityRest;
        const expected = new Array<number>(Math.ceil(count / 8)).fill(0);
        for (let i = 0; i < count; i++) {
          if (maskNumber(firstIndex + i, KEY) < limit) expected[Math.floor(i / 8)]! += 2 ** (i % 8);
        }
        expect([...space.u8(destination, expected.length)]).toEqual(expected);
        expect(space.guardsAreIntact()).toBe(true);
      }
    }
  });

  test('drawMask decides the undecided of a long range, many times over', () => {
    // One element in 256 has the density's digit: some 340 of these, more than are decided at once.
    const [count, firstIndex, densityByte, densityRest] = [87_001, 5 * 128, 0x80, 0x6000_0000];
    const space = new Workspace(create());
    const destination = space.reserve(Math.ceil(count / 8));
    space.kernels.drawMask(destination, count, densityByte, densityRest, ...KEY, firstIndex);
    const bytes = space.u8(destination, Math.ceil(count / 8));
    const lower = maskOf(create(), count, densityByte / 256, KEY, firstIndex);
    const higher = maskOf(create(), count, (densityByte + 1) / 256, KEY, firstIndex);
    const undecided = [...lower.keys()].filter((i) => lower[i] !== higher[i]);
    expect(undecided.length).toBeGreaterThan(256);
    for (const i of undecided) {
      const kept = Number(maskNumber(firstIndex + i, KEY) % 2 ** 32 < densityRest);
      expect((bytes[i >> 3]! >> (i & 7)) & 1).toBe(kept);
    }
  });

  test('the bits after the first digit decide where the digit is equal', () => {
    // The density is the number of one element: that element goes, and a density one step higher keeps it.
    const index = Array.from({ length: 64 }, (_, i) => i).find((i) => maskNumber(i, KEY) % 2 ** 32 > 2 ** 31)!;
    const number = maskNumber(index, KEY);
    const kept = [number, number + 1].map((limit) => maskOf(create(), 64, limit / 2 ** 40, KEY, 0)[index]);
    expect(kept).toEqual([0, 1]);
  });

  test('the kept share is the density within four standard deviations', () => {
    const count = 20_000;
    for (const density of [0.001, 0.1, 0.2, 0.5, 0.9, 0.999]) {
      const kept = sum(maskOf(create(), count, density, KEY, 12_345));
      expect(Math.abs(kept - count * density)).toBeLessThan(4 * Math.sqrt(count * density * (1 - density)));
    }
    expect(sum(maskOf(create(), count, 0, KEY, 0))).toBe(0);
  });

  test('the mask of a lower density lies inside that of a higher one', () => {
    const densities = fc.array(fc.double({ min: 0, max: 0.999_999, noNaN: true }), { minLength: 2, maxLength: 5 });
    fc.assert(
      fc.property(densities, (list) => {
        const kernels = create();
        const masks = list.sort((a, b) => a - b).map((density) => maskOf(kernels, 300, density, KEY, 17));
        masks.slice(1).forEach((higher, n) => {
          expect(masks[n]!.every((kept, i) => kept <= higher[i]!)).toBe(true);
        });
      }),
      { numRuns: 40 },
    );
  });

  test('masks of neighbouring keys, and neighbouring elements of one mask, are not correlated', () => {
    const count = 20_000;
    const mask = maskOf(create(), count, 0.5, KEY, 0);
    const others = [[KEY[0] + 1, KEY[1]] as const, [KEY[0], KEY[1] + 1] as const].map((key) =>
      maskOf(create(), count, 0.5, key, 0),
    );
    for (const other of [...others, ...[1, 32, 64, 128, 4096].map((lag) => maskOf(create(), count, 0.5, KEY, lag))]) {
      const agreeing = mask.filter((kept, i) => kept === other[i]).length;
      expect(Math.abs(agreeing - count / 2)).toBeLessThan(4 * Math.sqrt(count / 4));
    }
  });

  test('a mask does not depend on how the range is cut', () => {
    const whole = maskOf(create(), 500, 0.3, KEY, 1000);
    fc.assert(
      fc.property(fc.nat(500), (cut) => {
        const kernels = create();
        const parts = [maskOf(kernels, cut, 0.3, KEY, 1000), maskOf(kernels, 500 - cut, 0.3, KEY, 1000 + cut)];
        expect([...parts[0]!, ...parts[1]!]).toEqual([...whole]);
      }),
      { numRuns: 60 },
    );
  });
}

export function sparsifySuite(create: () => Kernels) {
  largestSuite(create);
  randomSuite(create);
}
