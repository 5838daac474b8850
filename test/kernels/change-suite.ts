/** The size of changes in units in the last place of the base, against logarithms and hand-made bases. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { CHANGE_COUNTERS, type Kernels, ULP_CLASS_COUNT } from '../../kernels/abi.js';
import { anyBits, asFloats } from './bits.js';
import { Workspace } from './workspace.js';

const { fround } = Math;

export interface Precision {
  readonly mantissaBits: number;
  readonly minimumExponent: number;
}

const BF16: Precision = { mantissaBits: 7, minimumExponent: -126 };
const F16: Precision = { mantissaBits: 10, minimumExponent: -14 };
const F32: Precision = { mantissaBits: 23, minimumExponent: -126 };
const F64: Precision = { mantissaBits: 52, minimumExponent: -1022 };
const F8_E4M3: Precision = { mantissaBits: 3, minimumExponent: -6 };
const F8_E5M2: Precision = { mantissaBits: 2, minimumExponent: -14 };
export const PRECISIONS = [BF16, F16, F32, F64, F8_E4M3, F8_E5M2] as const;

interface Change {
  readonly x: number;
  readonly base: number;
}

/** Changes of a few steps of a bf16 base, of sizes around the bounds of the other counters, and any bits. */
const anyFloat = anyBits.map((bits) => asFloats(Uint32Array.of(bits))[0]!);
const ordinary = fc.double({ min: -2, max: 2, noNaN: true }).map(fround);
const sizes = fc.constantFrom(0, 0.5, 1, 1 + 2 ** -23, 2, 3, 4, 1023, 4096, 4097, 1e-3, 1e-5);
const change = fc.oneof(
  { weight: 2, arbitrary: fc.record({ x: anyFloat, base: anyFloat }) },
  { weight: 2, arbitrary: fc.record({ x: fc.constant(0), base: ordinary }) },
  {
    weight: 4,
    arbitrary: fc
      .tuple(ordinary, sizes, fc.integer({ min: -20, max: 2 }), fc.boolean())
      .map(([base, size, shift, minus]) => {
        const binade = 2 ** Math.max(-126, Math.floor(Math.log2(Math.abs(base))));
        return { x: fround((minus ? -1 : 1) * size * binade * 2 ** shift), base };
      }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      x: fc.constantFrom(1e-5, 1.000001e-5, 1e-3, -1e-3).map(fround),
      base: fc.constantFrom(0, 1, -0.999).map(fround),
    }),
  },
);
const changeLists = (most: number): fc.Arbitrary<Change[]> => fc.array(change, { maxLength: most });

function stepOf(base: number, { mantissaBits, minimumExponent }: Precision): number {
  // No number has more exponents than this table: infinities and NaN stand one above the largest.
  const exponent = Number.isFinite(base) ? Math.floor(Math.log2(Math.abs(base))) : 128;
  return 2 ** (Math.max(exponent, minimumExponent) - mantissaBits);
}

/** The counters that an element with this change adds to. */
function countersOf({ x, base }: Change, precision: Precision): number[] {
  if (x === 0) return [];
  const steps = Math.abs(x) / stepOf(base, precision);
  const doublings = Math.ceil(Math.log2(steps)) + 1;
  const last = ULP_CLASS_COUNT - 1;
  const ulpClass = Number.isNaN(steps) ? last : Math.min(Math.max(doublings, 0), last);
  const reach = Math.max(Math.abs(base), Math.abs(fround(base + x)));
  const isLarge = Math.abs(x) > fround(1e-5);
  const isRelativelyLarge = Math.abs(x) > fround(fround(1e-3) * reach);
  return [ulpClass, ...(isLarge ? [last + 1] : []), ...(isRelativelyLarge ? [last + 2] : [])];
}

function classified(
  kernels: Kernels,
  changes: readonly Change[],
  { mantissaBits, minimumExponent }: Precision,
  before = 0,
) {
  const space = new Workspace(kernels);
  const [x, base] = [changes.map((one) => one.x), changes.map((one) => one.base)].map((list) =>
    space.put(Float32Array.from(list)),
  );
  const counters = space.put(new Uint32Array(CHANGE_COUNTERS).fill(before));
  const largest = kernels.classifyChange(x!, base!, changes.length, mantissaBits, minimumExponent, counters);
  expect(space.guardsAreIntact()).toBe(true);
  return { largest, counters: [...space.u32(counters, CHANGE_COUNTERS)] };
}

function expectedOf(changes: readonly Change[], precision: Precision, before = 0) {
  const counted = changes.flatMap((one) => countersOf(one, precision));
  const counters = Array.from({ length: CHANGE_COUNTERS }, (_, n) => before + counted.filter((c) => c === n).length);
  const sizes = changes.map(({ x }) => Math.abs(x)).filter((size) => !Number.isNaN(size));
  return { largest: Math.max(0, ...sizes), counters };
}

export function changeSuite(create: () => Kernels) {
  test('classifyChange counts steps of the base, absolute and relative changes, and returns the largest', () => {
    fc.assert(
      fc.property(changeLists(150), fc.constantFrom(...PRECISIONS), (changes, precision) => {
        expect(classified(create(), changes, precision, 9)).toEqual(expectedOf(changes, precision, 9));
      }),
      { numRuns: 400 },
    );
  });

  test('classifyChange at every count, and over several blocks', () => {
    const kernels = create();
    const [changes] = fc.sample(fc.array(change, { minLength: 3000, maxLength: 3000 }), { numRuns: 1, seed: 5 });
    const finite = changes!.filter(({ x, base }) => Math.abs(x) < 2 ** 60 && Math.abs(base) > 2 ** -60 && x !== 0);
    for (const count of [...Array.from({ length: 71 }, (_, n) => n), changes!.length]) {
      for (const list of [changes!.slice(0, count), finite.slice(0, count)]) {
        expect(classified(kernels, list, BF16)).toEqual(expectedOf(list, BF16));
      }
    }
  });

  test('classifyChange counts more elements of one class than a byte holds', () => {
    const changes = Array.from({ length: 10_000 }, () => ({ x: 2 ** -7, base: 1 }));
    const { counters } = classified(create(), changes, BF16);
    expect(counters).toEqual([0, 10_000, ...new Array(ULP_CLASS_COUNT - 2).fill(0), 10_000, 10_000]);
  });

  test('classifyChange by hand: each class ends at twice the steps of the one before', () => {
    const step = 2 ** -7;
    const classOf = (x: number, base: number, precision: Precision) =>
      classified(create(), [{ x, base }], precision).counters.slice(0, ULP_CLASS_COUNT).indexOf(1);
    const ends = [0.5, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096].map((steps) => steps * step);
    expect(ends.map((x) => classOf(x, 1.5, BF16))).toEqual(ends.map((_, n) => n));
    expect(ends.map((x) => classOf(-x * (1 + 2 ** -23), -1.5, BF16))).toEqual(ends.map((_, n) => n + 1));
    // Below the smallest normal value all steps are equal, down to a base of zero.
    for (const base of [0, -0, 2 ** -24, 2 ** -15, 2 ** -14]) expect(classOf(2 ** -24, base, F16)).toBe(1);
    expect(classOf(2 ** -149, 2 ** -149, F32)).toBe(1);
    expect(classOf(2 ** -149, 2 ** -149, F64)).toBe(ULP_CLASS_COUNT - 1);
    expect(classOf(2 ** -133, 2 ** -130, BF16)).toBe(1);
    expect([NaN, Infinity].map((x) => classOf(x, 1, BF16))).toEqual([ULP_CLASS_COUNT - 1, ULP_CLASS_COUNT - 1]);
  });
}
