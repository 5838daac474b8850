/** Histograms and sums against maps and loops. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Kernels, MAGNITUDE_BINS, REDUCTION_LANES } from '../../kernels/abi.js';
import { anyBits, asFloats } from './bits.js';
import { Workspace } from './workspace.js';

const LOW_BINS = 65_536;

/** Runs of zeros, values that bf16 holds exactly and any others, as differences of checkpoints have them. */
const elements = fc.oneof(
  { weight: 1, arbitrary: anyBits },
  { weight: 3, arbitrary: fc.constantFrom(0, 0, 0, 0x8000_0000) },
  { weight: 2, arbitrary: fc.integer({ min: 0x3c00, max: 0x3c1f }).map((upper) => upper * 65_536) },
);
const lists = fc.oneof(
  fc.array(elements, { maxLength: 150 }),
  fc
    .array(fc.array(elements, { maxLength: 9 }), { maxLength: 20 })
    .map((runs) => runs.flatMap((run, i) => [...run, ...new Array(i % 3 === 0 ? 16 : 3).fill(0)])),
);

/** Non-zero counters by bin. */
function occupied(counters: Uint32Array): Map<number, number> {
  return new Map([...counters].flatMap((counter, bin) => (counter === 0 ? [] : [[bin, counter]])));
}

function tally(bins: readonly number[]): Map<number, number> {
  const counters = new Map<number, number>();
  for (const bin of [...bins].sort((a, b) => a - b)) counters.set(bin, (counters.get(bin) ?? 0) + 1);
  return counters;
}

const upperHalf = (bits: number) => Math.floor((bits % 2 ** 31) / 65_536);
const lowerHalf = (bits: number) => bits % 65_536;

/** The f32 sums of the magnitudes in one lane, one of each 64 elements. */
function runsOf(values: Float32Array, lane: number): number[] {
  return Array.from({ length: Math.ceil(values.length / 64) }, (_, run) => {
    const own = values.slice(64 * run, 64 * (run + 1)).filter((_, i) => i % REDUCTION_LANES === lane);
    return own.reduce((sum, x) => Math.fround(sum + Math.abs(x)), 0);
  });
}

export function statisticsSuite(create: () => Kernels) {
  test('histogramMagnitude counts all and inexact elements by their upper bits, and adds to what is there', () => {
    fc.assert(
      fc.property(lists, (list) => {
        const space = new Workspace(create());
        const source = space.put(Uint32Array.from(list));
        const bins = space.put(new Uint32Array(MAGNITUDE_BINS));
        const inexactBins = space.put(new Uint32Array(MAGNITUDE_BINS));
        for (let run = 0; run < 2; run++) space.kernels.histogramMagnitude(source, list.length, bins, inexactBins);
        const inexact = list.filter((bits) => lowerHalf(bits) !== 0);
        expect(occupied(space.u32(bins, MAGNITUDE_BINS))).toEqual(tally([...list, ...list].map(upperHalf)));
        expect(occupied(space.u32(inexactBins, MAGNITUDE_BINS))).toEqual(
          tally([...inexact, ...inexact].map(upperHalf)),
        );
        expect(space.guardsAreIntact()).toBe(true);
      }),
      { numRuns: 50 },
    );
  });

  test('filledBins lists the counters that are not zero', () => {
    const counters = fc.oneof(fc.constant(0), fc.constant(0), fc.constant(0), fc.integer({ min: 1, max: 0xffff_ffff }));
    const gaps = fc.array(fc.array(counters, { maxLength: 20 }), { maxLength: 4 });
    fc.assert(
      fc.property(gaps, (parts) => {
        const list = parts.flatMap((part) => [...part, ...new Array(21).fill(0)]).slice(0, -7);
        const space = new Workspace(create());
        const bins = space.put(Uint32Array.from(list));
        const destination = space.reserve(4 * (list.length + 1));
        const filled = space.kernels.filledBins(bins, list.length, destination);
        const expected = list.flatMap((counter, bin) => (counter === 0 ? [] : [bin]));
        expect([...space.u32(destination, filled)]).toEqual(expected);
        expect(space.guardsAreIntact()).toBe(true);
      }),
      { numRuns: 150 },
    );
  });

  test('histogramLowBits counts one bin by its lower bits', () => {
    fc.assert(
      fc.property(lists, fc.nat(150), (list, chosen) => {
        const bin = upperHalf(list[chosen % Math.max(list.length, 1)] ?? 0);
        const space = new Workspace(create());
        const source = space.put(Uint32Array.from(list));
        const bins = space.put(new Uint32Array(LOW_BINS));
        for (let run = 0; run < 2; run++) space.kernels.histogramLowBits(source, list.length, bin, bins);
        const inBin = list.filter((bits) => upperHalf(bits) === bin).map(lowerHalf);
        expect(occupied(space.u32(bins, LOW_BINS))).toEqual(tally([...inBin, ...inBin]));
        expect(space.guardsAreIntact()).toBe(true);
      }),
      { numRuns: 50 },
    );
  });

  test('sumMagnitude adds f32 sums of runs to eight f64 lanes', () => {
    fc.assert(
      fc.property(fc.array(anyBits, { maxLength: 200 }), (list) => {
        const values = asFloats(Uint32Array.from(list));
        const start = [0, 1, 2 ** 60, 0.1, 0, 0, 0, 1e-30];
        const space = new Workspace(create());
        const lanes = space.put(Float64Array.from(start));
        space.kernels.sumMagnitude(space.put(values), values.length, lanes);
        const expected = start.map((first, lane) => {
          return runsOf(values, lane).reduce((sum, run) => sum + run, first);
        });
        expect([...space.f64(lanes, REDUCTION_LANES)]).toEqual(expected);
        expect(space.guardsAreIntact()).toBe(true);
      }),
      { numRuns: 150 },
    );
  });

  test('sumMasked adds f32 sums of all magnitudes to eight f64 lanes, and those that the mask keeps to eight others', () => {
    const lists = fc.array(fc.tuple(anyBits, fc.boolean()), { maxLength: 200 });
    fc.assert(
      fc.property(lists, (list) => {
        const values = asFloats(Uint32Array.from(list, ([bits]) => bits));
        const mask = new Uint8Array(Math.ceil(list.length / 8));
        list.forEach(([, kept], i) => {
          if (kept) mask[Math.floor(i / 8)]! += 2 ** (i % 8);
        });
        const starts = [
          [0, 1, 2 ** 60, 0.1, 0, 0, 0, 1e-30],
          [3, 0, 1e-300, 0, 2 ** 53, 0, 0, 0.7],
        ] as const;
        const space = new Workspace(create());
        const [before, after] = starts.map((start) => space.put(Float64Array.from(start)));
        space.kernels.sumMasked(space.put(values), space.put(mask), values.length, before!, after!);
        const expected = starts.map((start, side) =>
          start.map((first, lane) => {
            const counted = values.map((x, i) => (side === 0 || list[i]![1] ? x : 0));
            return runsOf(counted, lane).reduce((sum, run) => sum + run, first);
          }),
        );
        expect([before!, after!].map((lanes) => [...space.f64(lanes, REDUCTION_LANES)])).toEqual(expected);
        expect(space.guardsAreIntact()).toBe(true);
      }),
      { numRuns: 150 },
    );
  });

  test('sumMagnitude does not depend on cuts at multiples of 64', () => {
    const values = Float32Array.from({ length: 300 }, (_, i) => Math.sin(i) * 10 ** (i % 9));
    const sums = [[300], [64, 236], [128, 128, 44]].map((parts) => {
      const space = new Workspace(create());
      const lanes = space.put(new Float64Array(REDUCTION_LANES));
      let slot = space.put(values);
      for (const count of parts) {
        space.kernels.sumMagnitude(slot, count, lanes);
        slot += 4 * count;
      }
      return space.f64(lanes, REDUCTION_LANES);
    });
    expect(sums[1]).toEqual(sums[0]);
    expect(sums[2]).toEqual(sums[0]);
  });
}
