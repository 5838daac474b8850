/** What one operand changed, taken apart: against numbers and logarithms, not bits. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Kernels, MAGNITUDE_BINS } from '../../kernels/abi.js';
import { asFloats } from './bits.js';
import { vectorsOf } from './geometry-vectors.js';
import { Workspace } from './workspace.js';

const numberOf = (stored: number): number => asFloats(Uint32Array.of(stored * 65_536))[0]!;

/** Pairs of bf16: most the same or a few steps apart, some of any bits. */
const stored = fc.oneof(
  fc.integer({ min: 0, max: 0xffff }),
  fc.constantFrom(0, 0x8000, 0x7f80, 0x7fc0, 0x3f80, 0xbf7f),
);
const pair = fc.oneof(
  stored.map((from) => [from, from] as const),
  fc.tuple(stored, fc.integer({ min: -130, max: 130 })).map(([from, by]) => [from, (from + by) & 0xffff] as const),
  fc.tuple(stored, stored),
);

/** What the pairs must give: counters by bin, and the rest as [change, base]. */
function expectedOf(pairs: readonly (readonly [number, number])[]) {
  const bins = new Map<number, number>();
  const odd: [number, number][] = [];
  for (const [from, to] of pairs) {
    if (from === to) continue;
    const [a, b] = [numberOf(from), numberOf(to)];
    // The exponent field, which subnormal numbers have as 0, infinity and NaN as 255.
    const field = (value: number) =>
      Number.isFinite(value) ? Math.max(Math.floor(Math.log2(Math.abs(value))) + 127, 0) : 255;
    const isNegative = (bits: number) => Math.floor(bits / 2 ** 15) === 1;
    if (isNegative(from) === isNegative(to) && field(a) === field(b)) {
      const bin = field(a) * 128 + Math.abs((to % 128) - (from % 128));
      bins.set(bin, (bins.get(bin) ?? 0) + 1);
    } else odd.push([Math.fround(b - a), a]);
  }
  return { bins: [...bins].sort(([a], [b]) => a - b), odd };
}

function counted(kernels: Kernels, pairs: readonly (readonly [number, number])[]) {
  const space = new Workspace(kernels);
  const [base, changed] = [0, 1].map((side) => space.put(Uint16Array.from(pairs, (one) => one[side]!)));
  const bins = space.put(new Uint32Array(MAGNITUDE_BINS));
  const [changes, bases] = [space.reserve(4 * pairs.length), space.reserve(4 * pairs.length)];
  const mask = space.put(new Uint8Array(pairs.length).fill(5));
  const found = kernels.countSteps(base!, changed!, pairs.length, bins, changes, bases, mask, 2);
  expect([...space.u8(mask, pairs.length)]).toEqual(pairs.map(([from, to]) => (from === to ? 5 : 7)));
  expect(space.guardsAreIntact()).toBe(true);
  const counters: number[][] = [];
  // Nearly all of the bins are empty, and there are hundreds of runs.
  space.u32(bins, MAGNITUDE_BINS).forEach((count, bin) => {
    if (count > 0) counters.push([bin, count]);
  });
  const [x, from] = [space.f32(changes, found), space.f32(bases, found)];
  return { bins: counters, odd: [...x].map((change, i) => [change, from[i]!]) };
}

export function collectSuite(create: () => Kernels) {
  test('countSteps counts changes within a binade by their steps and hands out the others', () => {
    fc.assert(
      fc.property(fc.array(pair, { maxLength: 90 }), (pairs) => {
        expect(counted(create(), pairs)).toEqual(expectedOf(pairs));
      }),
      { numRuns: 400 },
    );
  });

  test('countSteps at every count, and over several blocks', () => {
    const kernels = create();
    const [pairs] = fc.sample(fc.array(pair, { minLength: 3001, maxLength: 3001 }), { numRuns: 1, seed: 3 });
    for (const count of [...Array.from({ length: 40 }, (_, n) => n), pairs!.length]) {
      expect(counted(kernels, pairs!.slice(0, count))).toEqual(expectedOf(pairs!.slice(0, count)));
    }
  });

  test('countSteps where most changes are the same, other ones later, and hardly any are', () => {
    const kernels = create();
    const rounds = [
      [0x3f81, 0x3f82, 0x3e81],
      [0x3e81, 0x3d10, 0xbf20, 0x0001, 0x7f81],
      Array.from({ length: 120 }, (_, i) => 0x80 * i + 3),
    ];
    for (const bases of [...rounds, ...rounds]) {
      const pairs = Array.from({ length: 2600 }, (_, i) => {
        const from = bases[(i * i) % bases.length]!;
        return [from, i % 3 === 0 ? from : from + 1 + (i % 7 === 0 ? i % 128 : 0)] as const;
      });
      expect(counted(kernels, pairs)).toEqual(expectedOf(pairs));
    }
  });

  test('countSteps by hand: up to the next power of two is odd, and so are a new sign and zero to −0', () => {
    const one = 0x3f80;
    const pairs = [
      [one, one + 3],
      [one + 127, one + 128],
      [one, one - 1],
      [one, one + 0x8000],
      [0, 0x8000],
      [0x7f80, 0x7fc0],
    ] as const;
    const { bins, odd } = counted(create(), pairs);
    expect(bins).toEqual([
      [127 * 128 + 3, 1],
      [255 * 128 + 64, 1],
    ]);
    expect(odd).toEqual([
      [2 ** -7, 2 - 2 ** -7],
      [-(2 ** -8), 1],
      [-2, 1],
      [-0, 0],
    ]);
  });

  test('collectChanges hands out what is not zero, with its base', () => {
    fc.assert(
      fc.property(
        fc.nat(70).chain((count) => vectorsOf(2, count)),
        ({ count, vectors: [x, from] }) => {
          const space = new Workspace(create());
          const [source, base] = [space.put(x!), space.put(from!)];
          const [changes, bases] = [space.reserve(4 * (count + 3)), space.reserve(4 * (count + 3))];
          const found = space.kernels.collectChanges(source, base, count, changes, bases);
          const kept = [...x!].flatMap((change, i) => (change === 0 ? [] : [[change, from![i]!]]));
          const [to, toBases] = [space.f32(changes, found), space.f32(bases, found)];
          expect([...to].map((change, i) => [change, toBases[i]!])).toEqual(kept);
          expect(space.guardsAreIntact()).toBe(true);
        },
      ),
      { numRuns: 200 },
    );
  });
}
