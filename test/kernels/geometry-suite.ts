/** The geometry of task vectors against loops over numbers, strings of bytes and maps. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { BASE_MAGNITUDE_BINS, type Kernels, REDUCTION_LANES } from '../../kernels/abi.js';
import { anyBits, asFloats } from './bits.js';
import { changeSuite } from './change-suite.js';
import { Workspace } from './workspace.js';

/** What lanes hold before a call: sums are added to it. */
const LANES_BEFORE = [0, 1, 2 ** 60, 0.1, 0, 0, 0, 1e-30];
const COUNTS = Array.from({ length: 71 }, (_, count) => count);

export interface Vectors {
  readonly count: number;
  readonly vectors: readonly Float32Array[];
  readonly masks: Uint8Array;
}

/** Sparse changes with any bits among them, or small whole numbers, which cancel often. */
const sparseBits = fc.oneof(fc.constant(0), anyBits);
const smallBits = fc.integer({ min: -2, max: 2 }).map((value) => new Uint32Array(Float32Array.of(value).buffer)[0]!);

/** `operands` vectors of `count` elements, and masks with no bit beyond them, half of them 0. */
export function vectorsOf(operands: number, count: number): fc.Arbitrary<Vectors> {
  const list = fc.oneof(
    ...[sparseBits, smallBits].map((bits) => fc.array(bits, { minLength: count, maxLength: count })),
  );
  const mask = fc.oneof(fc.constant(0), fc.nat(2 ** operands - 1));
  return fc.record({
    count: fc.constant(count),
    vectors: fc.array(
      list.map((bits) => asFloats(Uint32Array.from(bits))),
      { minLength: operands, maxLength: operands },
    ),
    masks: fc.array(mask, { minLength: count, maxLength: count }).map((masks) => Uint8Array.from(masks)),
  });
}

const anyVectors = (operands: fc.Arbitrary<number>) =>
  fc.tuple(operands, fc.nat(70)).chain(([k, count]) => vectorsOf(k, count));

function putVectors(space: Workspace, vectors: readonly Float32Array[]): number {
  // Neither scale nor weight may have any influence.
  return space.putOperands(vectors.map((values, k) => ({ slot: space.put(values), scale: 1e30 * k, weight: NaN })));
}

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

/** Eight sums, of every eighth term from 0, 1, … on, each added to what was there. */
const inLanes = (terms: readonly number[]) =>
  LANES_BEFORE.map((before, lane) =>
    terms.filter((_, i) => i % REDUCTION_LANES === lane).reduce((sum, term) => sum + term, before),
  );

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

  test('countSigns counts masks with the signs of those who changed', () => {
    fc.assert(
      fc.property(anyVectors(fc.integer({ min: 1, max: 8 })), ({ count, vectors, masks }) => {
        const operands = vectors.length;
        const space = new Workspace(create());
        const table = putVectors(space, vectors);
        const mask = space.put(masks);
        const bins = space.put(new Uint32Array(4 ** operands).fill(5, 0, 1));
        for (let run = 0; run < 2; run++) space.kernels.countSigns(table, operands, mask, count, bins);
        const expected = [...masks].flatMap((mark, i) => {
          const binary = (isOne: (k: number) => boolean) =>
            vectors.reduce((number, _, k) => number + (isOne(k) ? 2 ** k : 0), 0);
          const isChanged = (k: number) => Math.floor(mark / 2 ** k) % 2 === 1;
          const signs = binary((k) => isChanged(k) && vectors[k]![i]! < 0);
          return mark === 0 ? [] : [binary(isChanged) + 2 ** operands * signs];
        });
        expect(nonZero(space.u32(bins, 4 ** operands))).toEqual(
          new Map([[0, 5], ...tally([...expected, ...expected])]),
        );
        expect(space.guardsAreIntact()).toBe(true);
      }),
      { numRuns: 150 },
    );
  });
}

type Sum = 'sumProducts' | 'sumOverlapEnergy' | 'sumConflict';

/** The sums P of the positive and N of the negative values of each element. */
function sidesOf(vectors: readonly Float32Array[]): [number[], number[]] {
  const side = (sign: number) =>
    [...vectors[0]!].map((_, i) => vectors.reduce((sum, x) => sum + Math.max(sign * x[i]!, 0), 0));
  return [side(1), side(-1)];
}

/** The terms that each set of eight lanes sums, in the order of the sets. */
const TERMS: Record<Sum, (vectors: readonly Float32Array[]) => number[][]> = {
  sumProducts: (vectors) => {
    const pairs = vectors.flatMap((a, j) => vectors.slice(j).map((b, step) => ({ a, b, isSelf: step === 0 })));
    const products = pairs.map(({ a, b }) => [...a].map((x, i) => x * b[i]!));
    return [...products, ...products.filter((_, pair) => !pairs[pair]!.isSelf).map((list) => list.map((p) => p * p))];
  },
  sumOverlapEnergy: (vectors) =>
    vectors.flatMap((a, j) =>
      vectors.flatMap((b, k) => (j === k ? [] : [[...a].map((x, i) => (b[i] === 0 ? 0 : x * x))])),
    ),
  sumConflict: (vectors) => {
    const [positive, negative] = sidesOf(vectors);
    return [Math.min, (p: number, n: number) => p + n].map((join) => positive.map((p, i) => join(p, negative[i]!)));
  },
};

/** Runs a sum over consecutive parts of the vectors; returns its lanes and what the calls returned. */
function summed(kernels: Kernels, sum: Sum, vectors: readonly Float32Array[], parts: readonly number[]) {
  const sets = TERMS[sum](vectors).length;
  const space = new Workspace(kernels);
  const lanes = space.put(Float64Array.from({ length: sets * REDUCTION_LANES }, (_, i) => LANES_BEFORE[i % 8]!));
  let begin = 0;
  const returned = parts.map((count) => {
    const table = putVectors(
      space,
      vectors.map((values) => values.slice(begin, begin + count)),
    );
    begin += count;
    return kernels[sum](table, vectors.length, count, lanes);
  });
  expect(space.guardsAreIntact()).toBe(true);
  return { lanes: [...space.f64(lanes, sets * REDUCTION_LANES)], returned };
}

function sumSuite(create: () => Kernels) {
  const sums: [Sum, number][] = [
    ['sumProducts', 10],
    ['sumOverlapEnergy', 8],
    ['sumConflict', 8],
  ];

  test.each(sums)('%s adds to eight f64 lanes in order', (sum, most) => {
    fc.assert(
      fc.property(anyVectors(fc.integer({ min: 1, max: most })), ({ count, vectors }) => {
        const { lanes } = summed(create(), sum, vectors, [count]);
        expect(lanes).toEqual(TERMS[sum](vectors).flatMap(inLanes));
      }),
      { numRuns: 150 },
    );
  });

  test.each(sums)('%s at every count and number of operands', (sum, most) => {
    const kernels = create();
    for (const count of COUNTS) {
      const operands = 1 + (count % most);
      const [scene] = fc.sample(vectorsOf(operands, count), { numRuns: 1, seed: count });
      const { lanes } = summed(kernels, sum, scene!.vectors, [count]);
      expect(lanes).toEqual(TERMS[sum](scene!.vectors).flatMap(inLanes));
    }
  });

  test.each(sums)('%s does not depend on cuts at multiples of eight', (sum, most) => {
    const count = 700;
    const vectors = Array.from({ length: most - 1 }, (_, k) =>
      Float32Array.from({ length: count }, (_, i) => (i % (k + 2) === 0 ? 0 : Math.sin(i * (k + 1)) * 10 ** (i % 9))),
    );
    const [whole, ...cut] = [[count], [8, 692], [256, 24, 416, 4], [512, 0, 188]].map((parts) =>
      summed(create(), sum, vectors, parts),
    );
    for (const { lanes } of cut) expect(lanes).toEqual(whole!.lanes);
    expect(whole!.lanes).toEqual(TERMS[sum](vectors).flatMap(inLanes));
  });

  test('sumConflict returns how many elements cancel exactly', () => {
    fc.assert(
      fc.property(anyVectors(fc.integer({ min: 1, max: 8 })), ({ count, vectors }) => {
        const [positive, negative] = sidesOf(vectors);
        const cancels = positive.filter((p, i) => p !== 0 && p === negative[i]).length;
        expect(summed(create(), 'sumConflict', vectors, [count]).returned).toEqual([cancels]);
      }),
      { numRuns: 150 },
    );
  });

  test('sumConflict by hand: 3 − 1 has 1 against it, 2 − 2 cancels, agreement and zeros have none', () => {
    const vectors = [Float32Array.of(3, 2, -4, 0, -0, 1), Float32Array.of(-1, -1, -4, 0, 0, 0)];
    vectors.push(Float32Array.of(0, -1, -0, 0, 0, 0));
    const { lanes, returned } = summed(create(), 'sumConflict', vectors, [6]);
    const added = lanes.map((lane, i) => lane - LANES_BEFORE[i % 8]!);
    expect([added[0], added[1], added[4], added[5]]).toEqual([1, 2, 0, 0]);
    expect([added[8], added[9], added[12], added[13]]).toEqual([4, 4, 0, 1]);
    expect(returned).toEqual([1]);
  });
}

function dotSuite(create: () => Kernels) {
  test('sumDots adds the squares and the products with each operand to eight f64 lanes in order, and counts zeros', () => {
    fc.assert(
      fc.property(anyVectors(fc.integer({ min: 2, max: 12 })), ({ count, vectors }) => {
        const [vector, ...operands] = vectors;
        const sets = operands.length + 1;
        const space = new Workspace(create());
        const lanes = space.put(Float64Array.from({ length: sets * REDUCTION_LANES }, (_, i) => LANES_BEFORE[i % 8]!));
        const slot = space.put(vector!);
        const table = putVectors(space, operands);
        const zeros = space.kernels.sumDots(slot, table, operands.length, count, lanes);
        expect(zeros).toBe([...vector!].filter((value) => value === 0).length);
        const products = [vector!, ...operands].map((x) => [...x].map((value, i) => value * vector![i]!));
        expect([...space.f64(lanes, sets * REDUCTION_LANES)]).toEqual(products.flatMap(inLanes));
        expect(space.guardsAreIntact()).toBe(true);
      }),
      { numRuns: 150 },
    );
  });
}

export function geometrySuite(create: () => Kernels) {
  markSuite(create);
  countSuite(create);
  sumSuite(create);
  dotSuite(create);
  changeSuite(create);
}
