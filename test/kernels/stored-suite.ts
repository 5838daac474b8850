/** Merges of stored bf16 against the kernels that do the same stage by stage, which other suites test on their own. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Kernels, Slot } from '../../kernels/abi.js';
import { BF16, patternValue } from './formats-oracle.js';
import { anything, kept, ordinary, place, scenes } from './stored-scenes.js';

/** Adds the base to a merge and rounds it, and compares that with what was written in one go, if it was. */
function expectSame(scene: ReturnType<typeof place>, merged: number, found: number, destination: number): void {
  const { space, count, widened, stored } = scene;
  const { kernels } = space;
  const expected = space.reserve(2 * count);
  kernels.add(merged, merged, widened, count);
  const nonFinite = kernels.narrowBf16(merged, expected, count);
  const inputs = [stored.base, ...stored.models].flatMap((slot) => [...space.u16(slot, count)]);
  const allFinite = nonFinite === 0 && inputs.every((bits) => Number.isFinite(patternValue(BF16, bits)));
  expect(space.guardsAreIntact()).toBe(true);
  if (!allFinite) expect(found).toBe(0);
  if (found === 1) expect([...space.u16(destination, count)]).toEqual([...space.u16(expected, count)]);
}

export function storedSuite(create: () => Kernels) {
  test('sumStoredBf16 is the weighted sum of the differences and the base, rounded, or says no', () => {
    fc.assert(
      fc.property(scenes(anything), fc.constantFrom(1, 1, 0.5), (scene, baseScale) => {
        const placed = place(create(), scene);
        const { space, count, stored, widened, shown, table } = placed;
        const { kernels } = space;
        const destination = space.reserve(2 * count);
        const operands = scene.models.length;
        const stores = table(stored.models);
        const found = kernels.sumStoredBf16(stores, operands, stored.base, baseScale, destination, count, scene.masked);
        const merged = space.reserve(4 * count);
        kernels.weightedSum(table(shown), operands, merged, count);
        const origin = space.putOperands([{ slot: widened, scale: baseScale, weight: 1 }]);
        kernels.weightedSum(origin, 1, widened, count);
        expectSame(placed, merged, found, destination);
      }),
      { numRuns: 200 },
    );
  });

  test('electStoredBf16 is the election among the differences, with the base, rounded, or says no', () => {
    const settings = fc.record({
      zeroSign: fc.constantFrom(1, -1),
      divide: fc.boolean(),
      factor: fc.constantFrom(1, 0.3, -1),
      // Of a difference of one step, of two, none at all.
      selector: fc.constantFrom(0, 0x3780_0000, 0x3800_0001, 0x3f80_0000),
    });
    fc.assert(
      fc.property(scenes(anything), settings, (scene, { zeroSign, divide, factor, selector }) => {
        const placed = place(create(), scene);
        const { space, count, stored, shown, differences, table } = placed;
        const { kernels } = space;
        const operands = scene.models.length;
        const least = scene.models.map((_, i) => (i === 1 ? 0 : selector));
        const selectors = scene.masked ? undefined : least;
        const [destination, merged] = [space.reserve(2 * count), space.reserve(4 * count)];
        const found = kernels.electStoredBf16(
          ...([table(stored.models, selectors), operands, stored.base, destination, count] as const),
          ...([zeroSign, divide, factor, scene.masked, false] as const),
        );
        const staged = scene.masked ? table(shown) : table(differences, least);
        kernels.electedSum(staged, operands, merged, count, zeroSign, divide, factor, !scene.masked);
        expectSame(placed, merged, found, destination);
      }),
      { numRuns: 300 },
    );
  });

  test('electStoredBf16 by values leaves out those whose sign is not that of the sum of the differences', () => {
    const often = fc.constantFrom(true, true, true, false);
    const settings = fc.record({ masked: often, divide: often, isShared: often, keepsAll: fc.boolean() });
    fc.assert(
      fc.property(scenes(anything), settings, (scene, { masked, divide, isShared, keepsAll }) => {
        const placed = place(create(), { ...scene, masked, scales: scene.scales.map(Math.abs) });
        const { space, count, stored, masks, differences, table } = placed;
        const { kernels } = space;
        const operands = scene.models.length;
        const [destination, merged, sum] = [2, 4, 4].map((width) => space.reserve(width * count)) as [Slot, Slot, Slot];
        const selectors = masks.map((_, i) => (i > 0 && !isShared ? masks[i]! : keepsAll ? 0 : masks[0]!));
        const found = kernels.electStoredBf16(
          ...([table(stored.models, selectors), operands, stored.base, destination, count] as const),
          ...([1, divide, 0.7, masked, true] as const),
        );
        if (!masked || !divide || new Set(selectors).size > 1) {
          expect(found).toBe(0);
          return;
        }
        const shown = differences.map((slot) => (keepsAll ? slot : kept(space, slot, masks[0]!, count)));
        const ones = shown.map((slot) => ({ slot, scale: 1, weight: 1 }));
        kernels.weightedSum(space.putOperands(ones), operands, sum, count);
        const agreeing = shown.map((slot) => {
          const to = space.reserve(4 * count);
          kernels.keepAgreeing(slot, sum, to, count);
          return to;
        });
        // As scales are positive, those that agree elect the same sign once more.
        kernels.electedSum(table(agreeing), operands, merged, count, 1, true, 0.7);
        expectSame(placed, merged, found, destination);
      }),
      { numRuns: 300 },
    );
  });

  test('both take what is finite and ordinary', () => {
    fc.assert(
      fc.property(scenes(ordinary, 4), (scene) => {
        const tame = { ...scene, scales: scene.scales.map(() => 0.25) };
        const { space, count, stored, table } = place(create(), tame);
        const { kernels } = space;
        const [slot, operands, destination] = [table(stored.models), scene.models.length, space.reserve(2 * count)];
        expect(kernels.sumStoredBf16(slot, operands, stored.base, 1, destination, count, scene.masked)).toBe(1);
        expect(
          kernels.electStoredBf16(slot, operands, stored.base, destination, count, 1, true, 1, scene.masked, false),
        ).toBe(1);
      }),
      { numRuns: 60 },
    );
  });
}
