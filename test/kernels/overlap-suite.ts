/** Kernels that ask which operands touch an element, against naive loops. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Kernels } from '../../kernels/abi.js';
import { anyBits, asFloats } from './bits.js';
import { Workspace } from './workspace.js';

const { fround } = Math;

/** Zeros of both signs are common, so that elements are touched by none, one and several. */
const values = fc.oneof(
  fc.constantFrom(0, 0, -0, 1, -1, 0.1, -3e-39),
  fc.float({ noNaN: true, noDefaultInfinity: true }),
);

const groups = fc.record({ operands: fc.nat(8), count: fc.nat(70) }).chain(({ operands, count }) =>
  fc.record({
    vectors: fc.array(fc.array(values, { minLength: count, maxLength: count }), {
      minLength: operands,
      maxLength: operands,
    }),
    scales: fc.array(fc.constantFrom(1, 1.02, 0.5, -1), { minLength: operands, maxLength: operands }),
    count: fc.constant(count),
  }),
);

const touching = (vectors: readonly (readonly number[])[], i: number): number[] =>
  vectors.flatMap((vector, k) => (vector[i] === 0 ? [] : [k]));

function overlapKernels(create: () => Kernels) {
  test('overlapMean scales what one operand has alone and averages what several have', () => {
    fc.assert(
      fc.property(groups, ({ vectors, scales, count }) => {
        const space = new Workspace(create());
        const slots = vectors.map((vector) => space.put(Float32Array.from(vector)));
        const table = space.putOperands(slots.map((slot, k) => ({ slot, scale: scales[k]!, weight: 0 })));
        const destination = space.reserve(4 * count);
        space.kernels.overlapMean(table, vectors.length, destination, count);
        const expected = Float32Array.from({ length: count }, (_, i) => {
          const [first, ...others] = touching(vectors, i);
          if (first === undefined) return 0;
          if (others.length === 0) return fround(fround(scales[first]!) * fround(vectors[first]![i]!));
          const sum = [first, ...others].reduce((total, k) => fround(total + fround(vectors[k]![i]!)), 0);
          return fround(sum / (1 + others.length));
        });
        const plain = (list: Float32Array) => [...list].map((x) => x + 0);
        expect(plain(space.f32(destination, count))).toEqual(plain(expected));
        expect(space.guardsAreIntact()).toBe(true);
      }),
      { numRuns: 200 },
    );
  });

  test('countOverlap adds what each operand has alone, and what others have too', () => {
    fc.assert(
      fc.property(groups, ({ vectors, count }) => {
        const space = new Workspace(create());
        const slots = vectors.map((vector) => space.put(Float32Array.from(vector)));
        const table = space.putOperands(slots.map((slot) => ({ slot, scale: 1, weight: 1 })));
        const counters = space.put(new Uint32Array(2 * vectors.length).fill(5));
        space.kernels.countOverlap(table, vectors.length, count, counters);
        const expected = vectors.flatMap((_, k) => {
          const mine = Array.from({ length: count }, (_, i) => touching(vectors, i)).filter((who) => who.includes(k));
          const alone = mine.filter((who) => who.length === 1).length;
          return [5 + alone, 5 + mine.length - alone];
        });
        expect([...space.u32(counters, 2 * vectors.length)]).toEqual(expected);
        expect(space.guardsAreIntact()).toBe(true);
      }),
      { numRuns: 200 },
    );
  });
}

function clampKernels(create: () => Kernels) {
  const pairs = fc.array(fc.tuple(anyBits, anyBits), { maxLength: 70 });

  test('keepAgreeing keeps the sign of the direction, where zero and NaN count as plus', () => {
    fc.assert(
      fc.property(pairs, fc.boolean(), (list, inPlace) => {
        const space = new Workspace(create());
        const [x, guide] = [0, 1].map((side) => asFloats(Uint32Array.from(list, (pair) => pair[side]!)));
        const [source, direction] = [space.put(x!), space.put(guide!)];
        const destination = inPlace ? source : space.reserve(4 * list.length);
        space.kernels.keepAgreeing(source, direction, destination, list.length);
        const bits = new Uint32Array(x!.buffer);
        const kept = [...x!].map((value, i) => Math.sign(value) === (guide![i]! < 0 ? -1 : 1));
        expect([...space.u32(destination, list.length)]).toEqual([...bits].map((one, i) => (kept[i] ? one : 0)));
        expect(space.guardsAreIntact()).toBe(true);
      }),
      { numRuns: 200 },
    );
  });

  test('clampMagnitude goes no further from 0 than the limit', () => {
    fc.assert(
      fc.property(pairs, fc.constantFrom(0, 1e-4, 1, 3e38), fc.boolean(), (list, limit, inPlace) => {
        const space = new Workspace(create());
        const x = asFloats(Uint32Array.from(list, ([bits]) => bits));
        const source = space.put(x);
        const destination = inPlace ? source : space.reserve(4 * list.length);
        space.kernels.clampMagnitude(source, limit, destination, list.length);
        const expected = x.map((value) => Math.sign(value) * Math.min(Math.abs(value), fround(limit)));
        const plain = (numbers: Float32Array) => [...numbers].map((value) => value + 0);
        expect(plain(space.f32(destination, list.length))).toEqual(plain(expected));
        expect(space.guardsAreIntact()).toBe(true);
      }),
      { numRuns: 200 },
    );
  });
}

function varianceKernels(create: () => Kernels) {
  test('variance is that of the operands, and markNonZero marks where it is not 0', () => {
    fc.assert(
      fc.property(groups, ({ vectors, count }) => {
        fc.pre(vectors.length > 0);
        const space = new Workspace(create());
        const slots = vectors.map((vector) => space.put(Float32Array.from(vector)));
        const table = space.putOperands(slots.map((slot) => ({ slot, scale: 1, weight: 1 })));
        const [variance, mask] = [space.reserve(4 * count), space.reserve(Math.ceil(count / 8))];
        space.kernels.variance(table, vectors.length, variance, count);
        space.kernels.markNonZero(variance, mask, count);
        const expected = Float32Array.from({ length: count }, (_, i) => {
          const here = vectors.map((vector) => fround(vector[i]!));
          const mean = here.reduce((sum, x) => sum + x, 0) / here.length;
          return here.reduce((sum, x) => sum + (x - mean) ** 2, 0) / here.length;
        });
        const found = space.f32(variance, count);
        // Both are f64 until the last rounding, which may go either way.
        found.forEach((value, i) => {
          if (value !== expected[i]) expect(Math.abs(value / expected[i]! - 1)).toBeLessThanOrEqual(2 ** -23);
        });
        const bits = [...space.u8(mask, Math.ceil(count / 8))].flatMap((byte) =>
          [0, 1, 2, 3, 4, 5, 6, 7].map((bit) => (byte >> bit) & 1),
        );
        expect(bits.slice(0, count)).toEqual([...found].map((value) => Number(value !== 0)));
        expect(bits.slice(count).every((bit) => bit === 0)).toBe(true);
        expect(space.guardsAreIntact()).toBe(true);
      }),
      { numRuns: 200 },
    );
  });
}

export function overlapSuite(create: () => Kernels) {
  overlapKernels(create);
  clampKernels(create);
  varianceKernels(create);
}
