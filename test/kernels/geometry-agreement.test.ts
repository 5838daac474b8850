/**
 * Geometry kernels, SIMD against reference: the same calls on the same memory leave the same bits, from the first slot
 * to the last guard byte, and return the same. Where a call computes f64, any NaN equals any other.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  BASE_MAGNITUDE_BINS,
  CHANGE_COUNTERS,
  type Kernels,
  MAGNITUDE_BINS,
  REDUCTION_LANES,
  SHARED_LANES,
  sharedSums,
} from '../../kernels/abi.js';
import { anyBits } from './bits.js';
import { BOTH, FIRST_SLOT } from './both-kernels.js';
import { PRECISIONS } from './change-suite.js';
import { Workspace } from './workspace.js';

interface Scene {
  readonly count: number;
  readonly operands: number;
  /** Bits of the base and of each operand. */
  readonly base: Uint32Array;
  readonly vectors: readonly Uint32Array[];
  readonly masks: Uint8Array;
  readonly precision: (typeof PRECISIONS)[number];
}

interface Slots {
  readonly base: number;
  readonly first: number;
  readonly table: number;
  readonly mask: number;
  readonly ranks: number;
  readonly counters: number;
  readonly marks: number;
  /** Room for two lists of changes. */
  readonly odd: number;
  readonly results: number;
}

interface Call {
  readonly name: string;
  readonly results: (operands: number) => Uint32Array | Float64Array;
  readonly run: (k: Kernels, at: Slots, scene: Scene) => unknown;
  /** Whether it returns how many changes it wrote. */
  readonly handsOut?: boolean;
}

const sums = (sets: number) => new Float64Array(REDUCTION_LANES * sets).fill(0.1);

/** Sums of f32 are compared bit by bit, which NaN would not stand. */
const isAllFinite = ({ vectors }: Scene) => vectors[0]!.every((bits) => (bits & 0x7f80_0000) !== 0x7f80_0000);

const CALLS: readonly Call[] = [
  ...([1, 2, 4] as const).map((width) => ({
    name: `markChanged of ${width} bytes`,
    results: () => new Uint32Array(0),
    run: (k: Kernels, at: Slots, s: Scene) => k.markChanged(at.base, at.first, width, s.count, at.mask, 4),
  })),
  {
    name: 'markChanged of 8 bytes',
    results: () => new Uint32Array(0),
    run: (k, at, s) => k.markChanged(at.base, at.first, 8, Math.floor(s.count / 2), at.mask, 128),
  },
  {
    name: 'countMasks',
    results: (operands) => new Uint32Array(BASE_MAGNITUDE_BINS << operands),
    run: (k, at, s) => k.countMasks(at.base, at.mask, s.operands, s.count, at.results),
  },
  {
    name: 'countSteps',
    results: () => new Uint32Array(MAGNITUDE_BINS),
    // Vectors of f32 read as bf16: every other value is 0 or has any bits.
    run: (k, at, s) =>
      k.countSteps(at.base, at.first, 2 * s.count, at.results, at.odd, at.odd + 8 * s.count + 16, at.marks, 4),
    handsOut: true,
  },
  {
    name: 'collectChanges',
    results: () => new Uint32Array(0),
    run: (k, at, s) => k.collectChanges(at.first, at.base, s.count, at.odd, at.odd + 8 * s.count + 16),
    handsOut: true,
  },
  {
    name: 'sumProducts',
    results: (operands) => sums(operands ** 2),
    run: (k, at, s) => k.sumProducts(at.table, s.operands, s.count, at.results),
  },
  {
    name: 'sumSquares',
    results: () => sums(1),
    run: (k, at, s) => k.sumSquares(at.first, s.count, at.results),
  },
  {
    name: 'sumShared',
    results: (operands) => new Float64Array((SHARED_LANES * sharedSums(operands)) << operands).fill(0.1),
    run: (k, at, s) => k.sumShared(at.table, s.operands, at.mask, s.count, at.ranks, at.results, at.counters),
  },
  {
    name: 'sumAlignment',
    results: (operands) => new Float64Array(SHARED_LANES * 2 * (1 + operands)).fill(0.1),
    run: (k, at, s) => k.sumAlignment(at.table, s.operands, at.first, at.base, s.count, at.results, at.counters),
  },
  {
    name: 'sumSurvival',
    results: (operands) => new Float64Array(SHARED_LANES * 3 * operands).fill(0.1),
    run: (k, at, s) => k.sumSurvival(at.table, s.operands, at.base, s.count, at.results),
  },
  ...([7, 8, 100] as const).flatMap((columns): Call[] => [
    {
      name: `addRowSquares of ${columns} columns`,
      results: () => new Float64Array(1000),
      run: (k, at, s) => isAllFinite(s) && k.addRowSquares(at.first, s.count, 3, columns, at.counters, at.results),
    },
    {
      name: `addColumnSquares of ${columns} columns`,
      results: () => new Float64Array(50),
      run: (k, at, s) => isAllFinite(s) && k.addColumnSquares(at.first, s.count, 3, columns, at.results),
    },
  ]),
  {
    name: 'classifyChange',
    results: () => new Uint32Array(CHANGE_COUNTERS),
    run: (k, at, { count, precision: { mantissaBits, minimumExponent } }) =>
      k.classifyChange(at.first, at.base, count, mantissaBits, minimumExponent, at.results),
  },
];

/** Changes like those of bf16 training, and special values in one of a thousand elements or in most. */
const ordinaryBits = fc.integer({ min: 0x3a00, max: 0x3a7f }).map((upper) => upper * 65_536);
const signed = fc.tuple(ordinaryBits, fc.boolean()).map(([bits, minus]) => bits + (minus ? 2 ** 31 : 0));

/** A list of `count` elements of which about `share` are not zero, without a random number for each from fast-check. */
function sparse(values: readonly number[], share: number, count: number, salt: number): Uint32Array {
  const hash = (i: number) => Math.imul(Math.imul(i + 1, 0x9e37_79b1) ^ (salt * 0x85eb_ca6b), 0xc2b2_ae35) >>> 8;
  return Uint32Array.from({ length: count }, (_, i) =>
    hash(i) / 2 ** 24 < share ? values[hash(i + count) % values.length]! : 0,
  );
}

const scenes = (counts: fc.Arbitrary<number>, operandCounts: fc.Arbitrary<number>): fc.Arbitrary<Scene> =>
  fc
    .record({
      count: counts,
      operands: operandCounts,
      values: fc.oneof(
        ...[signed, anyBits, fc.oneof({ weight: 300, arbitrary: signed }, anyBits)].map((bits) =>
          fc.array(bits, { minLength: 300, maxLength: 300 }),
        ),
      ),
      share: fc.constantFrom(0, 0.02, 0.1, 0.2, 0.5, 1),
      salt: fc.nat(2 ** 20),
      precision: fc.constantFrom(...PRECISIONS),
    })
    .map(({ count, operands, values, share, salt, precision }) => {
      const vectors = Array.from({ length: operands }, (_, k) => sparse(values, share, count, salt + k));
      const masks = Uint8Array.from({ length: count }, (_, i) =>
        vectors.reduce((mask, x, k) => (x[i] === 0 ? mask : mask | (1 << k)), 0),
      );
      return { count, operands, base: sparse(values.toReversed(), 0.9, count, salt + 99), vectors, masks, precision };
    });

/** What a call returns and leaves behind. */
function outcome(kernels: Kernels, { results, run, handsOut = false }: Call, scene: Scene) {
  const space = new Workspace(kernels, FIRST_SLOT);
  const initial = results(scene.operands);
  const at = {
    results: space.put(initial),
    odd: space.put(new Uint32Array(4 * scene.count + 8)),
    ranks: space.put(new Uint8Array(256).fill(1)),
    counters: space.put(new Uint32Array(32)),
    marks: space.put(new Uint8Array(2 * scene.count).fill(1)),
    mask: space.put(scene.masks),
    base: space.put(scene.base),
  };
  const slots = scene.vectors.map((bits) => space.put(bits));
  const table = space.putOperands(slots.map((slot) => ({ slot, scale: 1, weight: 1 })));
  const returned = run(kernels, { ...at, table, first: slots[0]! }, scene);
  expect(space.guardsAreIntact()).toBe(true);
  const found =
    initial instanceof Float64Array
      ? space.f64(at.results, initial.length).map((value) => (Number.isNaN(value) ? NaN : value))
      : space.u32(at.results, initial.length);
  const rest = new Uint8Array(kernels.memory.buffer.slice(at.ranks, table));
  // The vector that a store may write beyond the last change is not part of the result.
  const changes = [0, 8 * scene.count + 16].map((offset) =>
    [...space.f32(at.odd + offset, handsOut ? Number(returned) : 0)].join(),
  );
  const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
  return { returned, changes, results: hex(new Uint8Array(found.buffer)), rest: hex(rest) };
}

function expectAgreement(call: Call, scene: Scene) {
  const [simd, reference] = BOTH.map((kernels) => outcome(kernels, call, scene));
  expect(simd!.returned).toBe(reference!.returned);
  expect(simd!.results === reference!.results).toBe(true);
  expect(simd!.changes).toEqual(reference!.changes);
  expect(simd!.rest === reference!.rest).toBe(true);
}

describe('geometry: SIMD agrees with the reference', () => {
  test.each(CALLS)('$name', (call) => {
    const operands = fc.integer({ min: 1, max: 8 });
    fc.assert(
      fc.property(scenes(fc.nat(300), operands), (scene) => expectAgreement(call, scene)),
      { numRuns: 100 },
    );
  });

  test.each(CALLS)('$name at every count from 0 to 70', (call) => {
    for (let count = 0; count <= 70; count++) {
      const operands = 1 + (count % 5);
      const [scene] = fc.sample(scenes(fc.constant(count), fc.constant(operands)), { numRuns: 1, seed: count });
      expectAgreement(call, scene!);
    }
  });

  test.each(CALLS)('$name over several blocks, at every number of operands', (call) => {
    for (let operands = 1; operands <= 8; operands++) {
      const long = scenes(fc.integer({ min: 2500, max: 5000 }), fc.constant(operands));
      for (const scene of fc.sample(long, { numRuns: 3, seed: operands })) expectAgreement(call, scene);
    }
  });
});
