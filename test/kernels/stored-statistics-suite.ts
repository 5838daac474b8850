/** Statistics of stored bf16 against those of differences, which other suites test on their own. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Kernels, MAGNITUDE_BINS, REDUCTION_LANES } from '../../kernels/abi.js';
import { BF16, patternValue } from './formats-oracle.js';
import { anything, LARGEST, ordinary, place, scenes } from './stored-scenes.js';
import { Workspace } from './workspace.js';

/** Not by `toEqual`, which takes its time over so many. */
function expectSameBins(space: Workspace, found: number, expected: number): void {
  const counts = space.u32(expected, MAGNITUDE_BINS);
  expect(space.u32(found, MAGNITUDE_BINS).findIndex((count, bin) => count !== counts[bin])).toBe(-1);
}

export function storedStatisticsSuite(create: () => Kernels) {
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

  test('countNonFiniteBf16 counts NaN and infinities', () => {
    fc.assert(
      fc.property(scenes(fc.oneof(fc.nat(0xffff), anything), 1), ({ base }) => {
        const space = new Workspace(create());
        const slot = space.put(Uint16Array.from(base));
        const expected = base.filter((bits) => !Number.isFinite(patternValue(BF16, bits))).length;
        expect(space.kernels.countNonFiniteBf16(slot, base.length)).toBe(expected);
      }),
    );
  });

  test('countAroundStored tells what is above a part of the bins, at its ends and between', () => {
    fc.assert(
      fc.property(
        scenes(ordinary, 1),
        fc.nat(),
        fc.integer({ min: -1, max: 1 }),
        fc.nat(300),
        (scene, which, step, width) => {
          const { space, count, stored, differences } = place(create(), scene);
          const bits = [...space.u32(differences[0]!, count)].map((x) => x & 0x7fff_ffff);
          const low = Math.max(0, ((count === 0 ? 0 : bits[which % count]!) >>> 16) + step);
          const high = Math.min(low + width, 0x7f7f);
          const counts = space.put(Uint32Array.of(5, 7, 9));
          const [bins, inexact] = [1, 2].map((first) => space.put(new Uint32Array(MAGNITUDE_BINS).fill(first)));
          space.kernels.countAroundStored(stored.models[0]!, stored.base, count, low, high, counts, bins!, inexact!);

          const [lowest, highest] = [low * 2 ** 16, high * 2 ** 16];
          const above = bits.filter((x) => x > (low === high ? highest : highest + 0xffff)).length;
          const equal = [highest, lowest].map((value) => bits.filter((x) => x === value).length);
          expect([...space.u32(counts, 3)]).toEqual([5 + above, 7 + equal[0]!, 9 + (low === high ? 0 : equal[1]!)]);
          const inside = low === high ? [] : bits.filter((x) => x > lowest && x <= highest + 0xffff && x !== highest);
          const expected = [1, 2].map((first) => new Uint32Array(MAGNITUDE_BINS).fill(first));
          for (const x of inside) {
            expected[0]![x >>> 16]!++;
            if ((x & 0xffff) !== 0) expected[1]![x >>> 16]!++;
          }
          [bins, inexact].forEach((slot, i) => {
            expect(space.u32(slot!, MAGNITUDE_BINS).findIndex((found, bin) => found !== expected[i]![bin])).toBe(-1);
          });
          expect(space.guardsAreIntact()).toBe(true);
        },
      ),
      { numRuns: 200 },
    );
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
