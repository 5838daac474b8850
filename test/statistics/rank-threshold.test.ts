/** The k-th largest magnitude without sorting, against sorting. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type RankCut, rankThreshold } from '../../kernels/statistics/rank-threshold.js';
import { untouched } from '../../kernels/view.js';
import { createRandom } from '../support/random-models.js';
import { type DriveOptions, driveStatistic, type TensorValues } from './drive-statistic.js';
import { applyCut, keptBySorting } from './rank-oracle.js';

type TieRule = 'first' | 'all';

interface Trimming extends Partial<Pick<DriveOptions, 'unitElements' | 'tileElements' | 'order'>> {
  readonly tensors: readonly TensorValues[];
  /** How many elements each operand keeps. */
  readonly keep: readonly number[];
  readonly ties: TieRule;
  readonly ledgerCapacity?: number;
}

/** What each operand keeps, over all tensors one after the other, and the passes it took. */
function trim({ tensors, keep, ties, ledgerCapacity, ...rest }: Trimming) {
  const statistic = rankThreshold({
    name: 'rank',
    scope: 'model',
    input: untouched,
    ties,
    cuts: [({ model }) => keep[model]!],
    ...(ledgerCapacity === undefined ? {} : { ledgerCapacity }),
  });
  const { units, requests } = driveStatistic(statistic, { tensors, unitElements: 16, tileElements: 5, ...rest });
  const kept = keep.map((_, operand) =>
    units.flatMap(({ position, begin, end, valueForUnit }) => {
      const values = tensors[position.tensor]![operand]!.subarray(begin, end);
      return [...applyCut((valueForUnit as [RankCut[]])[0][operand]!, values)];
    }),
  );
  return { kept, requests };
}

function expectSorted(trimming: Trimming) {
  const { kept, requests } = trim(trimming);
  kept.forEach((values, operand) => {
    const all = Float32Array.from(trimming.tensors.flatMap((tensor) => [...tensor[operand]!]));
    // Whether a zero is kept makes no difference, nor does its sign.
    const plain = (numbers: readonly number[]) => numbers.map((value) => value + 0);
    expect(plain(values)).toEqual(plain([...keptBySorting(all, trimming.keep[operand]!, trimming.ties)]));
  });
  return requests as ReadonlyMap<number, { lowBitsOf?: number; tiesAt?: number }>[];
}

function uniform(count: number, seed: number): Float32Array {
  const random = createRandom(seed);
  return Float32Array.from({ length: count }, () => random() - 0.5);
}

/** Few distinct values whose lower 16 bits are zero, as differences of bf16 have. */
function grid(count: number, seed: number, values: readonly number[] = [0, 1, 2, 3]): Float32Array {
  const random = createRandom(seed);
  return Float32Array.from({ length: count }, () => {
    const value = values[Math.floor(random() * values.length)]!;
    return random() < 0.5 ? value : -value;
  });
}

const isTies = (request: { tiesAt?: number }): boolean => request.tiesAt !== undefined;

for (const ties of ['first', 'all'] as const) {
  describe(`ties: ${ties}`, () => {
    it('random f32 share upper bits and take a second pass', () => {
      const values = uniform(500, 1).map((value) => 1 + value / 1000);
      const requests = expectSorted({ tensors: [[values]], keep: [123], ties });
      expect(requests).toHaveLength(1);
      expect(requests[0]!.get(0)!.lowBitsOf).toBeTypeOf('number');
    });

    it('values of bf16 take one pass, however many are equal', () => {
      for (const keep of [1, 57, 250, 499]) {
        expect(expectSorted({ tensors: [[grid(500, 2)]], keep: [keep], ties })).toEqual([]);
      }
    });

    it('an inexact value in the bin of the threshold is found above the exact one', () => {
      const values = Float32Array.from([1, 1 + 2 ** -20, -1, 1 + 2 ** -21, 0.5, -1 - 2 ** -20]);
      for (let keep = 0; keep <= 6; keep++) expectSorted({ tensors: [[values]], keep: [keep], ties, unitElements: 2 });
    });

    it('zeros only', () => {
      const values = new Float32Array(40);
      for (const keep of [0, 1, 39, 40]) expectSorted({ tensors: [[values]], keep: [keep], ties });
    });

    it('nothing, everything, and more than everything', () => {
      const values = uniform(100, 3);
      expect(trim({ tensors: [[values]], keep: [0], ties }).kept[0]!.every((value) => value === 0)).toBe(true);
      expect(trim({ tensors: [[values]], keep: [100], ties }).kept[0]).toEqual([...values]);
      expect(trim({ tensors: [[values]], keep: [101], ties }).kept[0]).toEqual([...values]);
    });

    it('infinities and NaN are the largest', () => {
      const values = Float32Array.from([1, Number.POSITIVE_INFINITY, -2, Number.NaN, Number.NEGATIVE_INFINITY, 3]);
      for (let keep = 0; keep <= 6; keep++) expectSorted({ tensors: [[values]], keep: [keep], ties });
    });

    it('several models want different passes at once', () => {
      const tensors = [0, 1, 2].map((tensor) => [
        grid(70, tensor),
        uniform(70, tensor).map((value) => 1 + value / 1000),
        uniform(70, 50 + tensor),
        grid(70, 60 + tensor, [0, 1, 1, 1]),
      ]);
      expectSorted({ tensors, keep: [33, 100, 0, 210], ties, ledgerCapacity: 1 });
    });

    it('any values, units, tiles and orders of units', () => {
      const value = fc.oneof(
        fc.constantFrom(0, -0, 1, -1, 1.5, -2),
        fc.float({ noNaN: true }),
        fc.integer({ min: 0, max: 3 }).map((step) => 1 + step * 2 ** -23),
      );
      const tensor = fc
        .tuple(fc.array(value, { minLength: 1, maxLength: 60 }), fc.array(value, { minLength: 60, maxLength: 60 }))
        .map(([first, second]) => [first, second.slice(0, first.length)].map((list) => Float32Array.from(list)));
      const layout = fc.record({
        tensors: fc.array(tensor, { minLength: 1, maxLength: 4 }),
        shares: fc.tuple(fc.double({ min: 0, max: 1, noNaN: true }), fc.double({ min: 0, max: 1, noNaN: true })),
        unitElements: fc.integer({ min: 1, max: 20 }),
        tileElements: fc.integer({ min: 1, max: 20 }),
        ledgerCapacity: fc.integer({ min: 1, max: 40 }),
        seed: fc.integer(),
      });
      fc.assert(
        fc.property(layout, ({ tensors, shares, seed, ...rest }) => {
          const elements = tensors.reduce((total, [first]) => total + first!.length, 0);
          const keep = shares.map((share) => Math.round(share * elements));
          expectSorted({ tensors, keep, ties, ...rest, order: shuffler(seed) });
        }),
        { numRuns: 60 },
      );
    });
  });
}

function shuffler(seed: number) {
  const random = createRandom(seed);
  return <T>(units: readonly T[]): readonly T[] =>
    units
      .map((unit) => ({ unit, key: random() }))
      .sort((a, b) => a.key - b.key)
      .map(({ unit }) => unit);
}

describe('ties by lowest index', () => {
  it('a small ledger asks for one more pass over the units it cannot tell apart, and only those', () => {
    const tensors = [[grid(200, 4)], [grid(200, 5)], [grid(3, 6)]];
    for (const keep of [1, 20, 101, 250, 399]) {
      const requests = expectSorted({ tensors, keep: [keep], ties: 'first', ledgerCapacity: 8 });
      const passes = requests.map((request) => isTies(request.get(0)!));
      expect(passes.length).toBeLessThanOrEqual(1);
      if (keep === 101) expect(passes).toEqual([true]);
    }
  });

  it('lower bits first, then ties: three passes', () => {
    const values = grid(400, 7, [1 + 2 ** -20, 1 + 2 ** -21, 1 + 2 ** -22]);
    const requests = expectSorted({ tensors: [[values]], keep: [200], ties: 'first', ledgerCapacity: 2 });
    expect(requests.map((request) => isTies(request.get(0)!))).toEqual([false, true]);
  });

  it('keeping all that is at the threshold never needs the place of a tie', () => {
    const requests = expectSorted({ tensors: [[grid(400, 8)]], keep: [200], ties: 'all', ledgerCapacity: 1 });
    expect(requests).toEqual([]);
  });

  it('every count around the ends of units', () => {
    const values = new Float32Array(48).fill(2);
    values[5] = 3;
    for (let keep = 0; keep <= 48; keep++) {
      for (const ledgerCapacity of [1, 1000]) {
        expectSorted({ tensors: [[values]], keep: [keep], ties: 'first', unitElements: 8, ledgerCapacity });
      }
    }
  });

  it('the order of units makes no difference', () => {
    const tensors = [[grid(150, 9)], [uniform(150, 10)]];
    const results = [0, 1, 2, 3].map((seed) =>
      trim({ tensors, keep: [130], ties: 'first', ledgerCapacity: 6, order: shuffler(seed) }),
    );
    for (const result of results) expect(result).toEqual(results[0]);
  });
});
