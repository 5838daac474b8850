/** Kernels on stored bf16 against the kernels that do the same stage by stage, which other suites test on their own. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Kernels, MAGNITUDE_BINS, REDUCTION_LANES, type Slot } from '../../kernels/abi.js';
import { BF16, patternValue } from './formats-oracle.js';
import { Workspace } from './workspace.js';

const INFINITY = 0x7f80;
/** The largest finite bf16. */
const LARGEST = 0x7f7f;

interface Scene {
  readonly base: readonly number[];
  readonly models: readonly (readonly number[])[];
  readonly scales: readonly number[];
  readonly maskBytes: readonly number[];
  readonly masked: boolean;
}

/** Fine-tunes as they are: most values are those of the base, others a few steps away. Some are anything at all. */
const ordinary = fc.integer({ min: 0x3c00, max: 0x3cff }).map((bits) => bits + (bits & 1) * 0x8000);
const anything = fc.oneof(ordinary, fc.constantFrom(0, 0x8000, 1, LARGEST, INFINITY, INFINITY + 0x8000, 0x7fc0));
const moves = fc.constantFrom(0, 0, 0, 0, 1, -1, 2, 40, 0x8000);
const scales = fc.constantFrom(1, 0.5, 0.25, -1, 0.3, 3e38);

const scenes = (values: fc.Arbitrary<number>, most = 5): fc.Arbitrary<Scene> =>
  fc
    .record({ operands: fc.integer({ min: 1, max: most }), count: fc.nat(150), isLong: fc.integer({ max: 9, min: 0 }) })
    .chain(({ operands, count: few, isLong }) => {
      const count = few + (isLong === 0 ? 2048 : 0);
      const list = <T>(of: fc.Arbitrary<T>, length: number) => fc.array(of, { minLength: length, maxLength: length });
      return fc
        .record({
          base: list(values, count),
          moved: list(list(moves, count), operands),
          scales: list(scales, operands),
          maskBytes: list(fc.nat(255), operands * Math.ceil(count / 8)),
          masked: fc.boolean(),
        })
        .map(({ moved, ...scene }) => ({
          ...scene,
          models: moved.map((steps) => steps.map((step, i) => (scene.base[i]! + step) & 0xffff)),
        }));
    });

function kept(space: Workspace, slot: Slot, mask: Slot, count: number): Slot {
  const to = space.reserve(4 * count);
  space.kernels.keepMasked(slot, mask, to, count);
  return to;
}

/** A scene in memory: as stored, and as differences. */
function place(kernels: Kernels, { base, models, scales: weights, maskBytes, masked }: Scene) {
  const space = new Workspace(kernels);
  const count = base.length;
  const stored = { base: space.put(Uint16Array.from(base)), models: models.map((x) => space.put(Uint16Array.from(x))) };
  const bytes = Math.ceil(count / 8);
  const masks = models.map((_, i) => space.put(Uint8Array.from(maskBytes.slice(i * bytes, (i + 1) * bytes))));
  const widened = space.reserve(4 * count);
  kernels.widenBf16(stored.base, widened, count);
  const differences = stored.models.map((slot) => {
    const to = space.reserve(4 * count);
    kernels.differBf16(slot, widened, to, count);
    return to;
  });
  const shown = differences.map((slot, i) => {
    // The last is kept whole, as it has no mask.
    if (!masked || i === models.length - 1) return slot;
    return kept(space, slot, masks[i]!, count);
  });
  const selectors = masks.map((mask, i) => (masked && i < models.length - 1 ? mask : 0));
  const table = (slots: readonly number[], of: readonly number[] = selectors) =>
    space.putOperands(slots.map((slot, i) => ({ slot, scale: weights[i]!, weight: weights[i]!, selector: of[i]! })));
  return { space, count, stored, masks, widened, differences, shown, table };
}

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

/** Not by `toEqual`, which takes its time over so many. */
function expectSameBins(space: Workspace, found: number, expected: number): void {
  const counts = space.u32(expected, MAGNITUDE_BINS);
  expect(space.u32(found, MAGNITUDE_BINS).findIndex((count, bin) => count !== counts[bin])).toBe(-1);
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

  test('histogramStoredBf16 and sumMaskedStored count and sum the differences', () => {
    // Differences of infinities are NaN, whose bits are nobody's business.
    const finite = fc.oneof(ordinary, fc.constantFrom(0, 0x8000, 1, LARGEST));
    fc.assert(
      fc.property(scenes(finite, 1), (scene) => {
        const { space, count, stored, masks, differences } = place(create(), scene);
        const { kernels } = space;
        const [bins, inexact, otherBins, otherInexact] = [3, 0, 3, 0].map((first) =>
          space.put(new Uint32Array(MAGNITUDE_BINS).fill(first)),
        ) as [number, number, number, number];
        kernels.histogramStoredBf16(stored.models[0]!, stored.base, count, bins, inexact);
        kernels.histogramMagnitude(differences[0]!, count, otherBins, otherInexact);
        expectSameBins(space, bins, otherBins);
        expectSameBins(space, inexact, otherInexact);
        const lanes = [1, 2, 1, 2].map((first) => space.put(new Float64Array(REDUCTION_LANES).fill(first)));
        kernels.sumMaskedStored(stored.models[0]!, stored.base, masks[0]!, count, lanes[0]!, lanes[1]!);
        kernels.sumMasked(differences[0]!, masks[0]!, count, lanes[2]!, lanes[3]!);
        expect(space.f64(lanes[0]!, REDUCTION_LANES)).toEqual(space.f64(lanes[2]!, REDUCTION_LANES));
        expect(space.f64(lanes[1]!, REDUCTION_LANES)).toEqual(space.f64(lanes[3]!, REDUCTION_LANES));
        expect(space.guardsAreIntact()).toBe(true);
      }),
      { numRuns: 60 },
    );
  });

  test('varianceStoredBf16 and sumSquaresStored are those of the differences', () => {
    // At every exponent, from subnormals to what overflows when squared.
    const values = fc.oneof(fc.nat(0xffff), anything);
    fc.assert(
      fc.property(scenes(values, 4), fc.boolean(), (scene, masked) => {
        const { space, count, stored, masks, differences, table } = place(create(), scene);
        const { kernels } = space;
        const operands = scene.models.length;
        const [variances, expected] = [space.reserve(4 * count), space.reserve(4 * count)];
        if (operands > 1) {
          kernels.varianceStoredBf16(table(stored.models), operands, stored.base, variances, count);
          kernels.variance(table(differences), operands, expected, count);
          expect([...space.f32(variances, count)]).toEqual([...space.f32(expected, count)]);
        }
        const lanes = [0, 0].map(() => space.put(Float64Array.from({ length: REDUCTION_LANES }, (_, i) => i)));
        kernels.sumSquaresStored(stored.models[0]!, stored.base, masked ? masks[0]! : 0, count, lanes[0]!);
        if (masked) kernels.sumMaskedSquares(differences[0]!, masks[0]!, count, lanes[1]!);
        else kernels.sumSquares(differences[0]!, count, lanes[1]!);
        expect(space.f64(lanes[0]!, REDUCTION_LANES)).toEqual(space.f64(lanes[1]!, REDUCTION_LANES));
        expect(space.guardsAreIntact()).toBe(true);
      }),
      { numRuns: 300 },
    );
  });

  test('varianceStoredBf16 of every value and its neighbours, as far as they are exact and beyond', () => {
    const space = new Workspace(create());
    const { kernels } = space;
    const count = 1 << 16;
    const every = Uint16Array.from({ length: count }, (_, bits) => bits);
    const base = space.put(every);
    const steps = [-128, 0, 63, 128, 129];
    const models = steps.map((step) => space.put(every.map((bits) => bits + step)));
    const widened = space.reserve(4 * count);
    kernels.widenBf16(base, widened, count);
    const differences = models.map((slot) => {
      const to = space.reserve(4 * count);
      kernels.differBf16(slot, widened, to, count);
      return to;
    });
    const [variances, expected] = [space.reserve(4 * count), space.reserve(4 * count)];
    const table = (slots: readonly number[]) => space.putOperands(slots.map((slot) => ({ slot, scale: 1, weight: 1 })));
    for (const chosen of [
      [0, 1],
      [1, 2],
      [1, 3],
      [1, 4],
      [1, 2, 3],
      [2, 3, 4],
      [0, 1, 2, 3],
      [1, 2, 2, 3],
    ]) {
      const of = (slots: readonly number[]) => table(chosen.map((i) => slots[i]!));
      kernels.varianceStoredBf16(of(models), chosen.length, base, variances, count);
      kernels.variance(of(differences), chosen.length, expected, count);
      const others = space.f32(expected, count);
      const isOther = (x: number, i: number) => !Object.is(x, others[i]!);
      expect([chosen, space.f32(variances, count).findIndex(isOther)]).toEqual([chosen, -1]);
    }
  });

  test('histogramStoredBf16 counts equal infinities as the NaN that their difference is', () => {
    const space = new Workspace(create());
    const slot = space.put(new Uint16Array(1500).fill(0x3f80).fill(INFINITY, 700, 705));
    const [bins, inexact] = [space.put(new Uint32Array(MAGNITUDE_BINS)), space.put(new Uint32Array(MAGNITUDE_BINS))];
    space.kernels.histogramStoredBf16(slot, slot, 1500, bins, inexact);
    const counts = space.u32(bins, MAGNITUDE_BINS);
    expect(counts[0]).toBe(1495);
    expect(counts.subarray(INFINITY + 1).reduce((sum, count) => sum + count)).toBe(5);
  });

  test('passTies finds where the last tie that stays has been passed', () => {
    fc.assert(
      fc.property(scenes(ordinary, 1), fc.nat(40), fc.nat(), (scene, allowance, which) => {
        const { space, count, stored, differences } = place(create(), scene);
        const bits = [...space.u32(differences[0]!, count)].map((x) => x & 0x7fff_ffff);
        const threshold = count === 0 ? 0 : bits[which % count]!;
        const ties = bits.flatMap((x, i) => (x === threshold ? [i] : []));
        const expected = allowance === 0 ? 0 : (ties[allowance - 1] ?? -2 - ties.length) + 1;
        expect(space.kernels.passTies(stored.models[0]!, stored.base, count, threshold, allowance)).toBe(expected);
      }),
      { numRuns: 200 },
    );
  });
}
