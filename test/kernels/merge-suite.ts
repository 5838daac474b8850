/** Arithmetic across operands against loops that round each operation with Math.fround. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Kernels } from '../../kernels/abi.js';
import { anyBits, asFloats } from './bits.js';
import { BF16, patternValue } from './formats-oracle.js';
import { Workspace } from './workspace.js';

const { fround } = Math;

interface Model {
  readonly values: Float32Array;
  readonly scale: number;
  readonly weight: number;
  readonly selector: number;
}

/** Small whole numbers cancel to zero often; any bits bring NaN, infinities and subnormals. */
const smallBits = fc.integer({ min: -3, max: 3 }).map((value) => new Uint32Array(Float32Array.of(value).buffer)[0]!);
const scales = fc.constantFrom(1, 1, 0.5, -1, 0, -0, 1e-9, 3e38, fround(0.1));
const selectors = fc.constantFrom(0, 0, 1, 0x3f80_0000, 0x3f80_0001, 0x7f80_0000, 0x8000_0000);
const weights = fc.constantFrom(1, 1, 0.5, -1, 0, fround(1e-8), fround(2e-8), fround(0.1), 1e30);

const merges = fc
  .record({ operands: fc.nat(8), count: fc.nat(70), isSmall: fc.boolean() })
  .chain(({ operands, count, isSmall }) => {
    const bits = fc.array(isSmall ? smallBits : anyBits, { minLength: count, maxLength: count });
    const values = bits.map((list) => asFloats(Uint32Array.from(list)));
    const models = fc.array(fc.record({ values, scale: scales, weight: weights, selector: selectors }), {
      minLength: operands,
      maxLength: operands,
    });
    return fc.record({ models, count: fc.constant(count), inPlace: fc.boolean() });
  });

/** Puts the models and runs `call`; the destination is the first model's slot when that is possible and wanted. */
function merged(
  kernels: Kernels,
  { models, count, inPlace }: { models: Model[]; count: number; inPlace: boolean },
  call: (table: number, destination: number) => void,
): Float32Array {
  const space = new Workspace(kernels);
  const operands = models.map(({ values, ...model }) => ({ ...model, slot: space.put(values) }));
  const destination = inPlace && operands.length > 0 ? operands[0]!.slot : space.reserve(4 * count);
  call(space.putOperands(operands), destination);
  expect(space.guardsAreIntact()).toBe(true);
  return space.f32(destination, count);
}

function sumOf(models: readonly Model[], i: number): number {
  const products = models.map(({ values, scale }) => fround(fround(scale) * values[i]!));
  return products.length === 0 ? 0 : products.reduce((sum, p) => fround(sum + p));
}

/** What the selectors keep, decided by the numbers that their bit patterns stand for; NaN lies above infinity. */
function selectedOf(models: readonly Model[]): Model[] {
  return models.map((model) => {
    const least = model.selector > 0x7f80_0000 ? Number.NaN : asFloats(Uint32Array.of(model.selector))[0]!;
    const keeps = (x: number) => Math.abs(x) >= least || (Number.isNaN(x) && model.selector < 0x7fff_ffff);
    return { ...model, values: model.values.map((x) => (keeps(x) ? x : 0)) };
  });
}

function electedOf(models: readonly Model[], i: number, zeroSign: number, divide: boolean, factor: number): number {
  const sum = sumOf(models, i);
  const sign = sum === 0 || Number.isNaN(sum) ? zeroSign : Math.sign(sum);
  const products = models.map(({ values, scale, weight }) => ({ p: fround(fround(scale) * values[i]!), weight }));
  const agreeing = products.filter(({ p }) => p !== 0 && Math.sign(p) === sign);
  const total = agreeing.reduce((n, { p }) => fround(n + p), 0);
  const weight = agreeing.reduce((w, agree) => fround(w + fround(agree.weight)), 0);
  const divisor = Math.abs(weight) < fround(1e-8) ? 1 : weight;
  return fround(fround(factor) * (divide ? fround(total / divisor) : total)) + 0;
}

export function mergeSuite(create: () => Kernels) {
  test('subtract and add round once and may write over a source', () => {
    const pairs = fc.array(fc.tuple(anyBits, anyBits), { maxLength: 70 });
    fc.assert(
      fc.property(pairs, fc.constantFrom('apart', 'a', 'b'), (list, where) => {
        const [a, b] = [0, 1].map((side) => asFloats(Uint32Array.from(list, (pair) => pair[side]!)));
        for (const name of ['subtract', 'add'] as const) {
          const space = new Workspace(create());
          const slots = { a: space.put(a!), b: space.put(b!), apart: space.reserve(4 * list.length) };
          space.kernels[name](slots[where], slots.a, slots.b, list.length);
          const expected = a!.map((x, i) => (name === 'add' ? x + b![i]! : x - b![i]!));
          expect(space.f32(slots[where], list.length)).toEqual(expected);
          expect(space.guardsAreIntact()).toBe(true);
        }
      }),
      { numRuns: 150 },
    );
  });

  test('differBf16 is the widened value minus the base, in place of the base too', () => {
    const pairs = fc.array(fc.tuple(fc.nat(0xffff), anyBits), { maxLength: 70 });
    fc.assert(
      fc.property(pairs, fc.boolean(), (list, inPlace) => {
        const stored = Uint16Array.from(list, ([pattern]) => pattern);
        const values = list.map(([pattern]) => patternValue(BF16, pattern));
        const base = asFloats(Uint32Array.from(list, ([, bits]) => bits));
        const space = new Workspace(create());
        const slots = { source: space.put(stored), base: space.put(base), apart: space.reserve(4 * list.length) };
        const to = inPlace ? slots.base : slots.apart;
        const nonFinite = space.kernels.differBf16(slots.source, slots.base, to, list.length);
        expect(space.f32(to, list.length)).toEqual(base.map((x, i) => values[i]! - x));
        expect(nonFinite).toBe(values.filter((value) => !Number.isFinite(value)).length);
        expect(space.guardsAreIntact()).toBe(true);
      }),
      { numRuns: 150 },
    );
  });

  test('weightedSum multiplies and adds in order, each rounded', () => {
    fc.assert(
      fc.property(merges, (merge) => {
        const kernels = create();
        const { models, count } = merge;
        const found = merged(kernels, merge, (table, to) => kernels.weightedSum(table, models.length, to, count));
        expect(found).toEqual(Float32Array.from({ length: count }, (_, i) => sumOf(models, i)));
      }),
      { numRuns: 250 },
    );
  });

  test('weightedSum keeps a negative zero, and sums nothing to positive zero', () => {
    const kernels = create();
    const minus = { values: new Float32Array(40).fill(-0), scale: 1, weight: 1, selector: 0 };
    const sums = [[minus, minus], []].map((models) =>
      merged(kernels, { models, count: 40, inPlace: false }, (table, to) =>
        kernels.weightedSum(table, models.length, to, 40),
      ),
    );
    expect(sums[0]!.every((value) => Object.is(value, -0))).toBe(true);
    expect(sums[1]!.every((value) => Object.is(value, 0))).toBe(true);
  });

  test('electedSum sums those who agree with the sign of the sum', () => {
    const settings = fc.record({
      zeroSign: fc.constantFrom(1, -1, 0),
      divide: fc.boolean(),
      factor: fc.constantFrom(1, 0.3, -2, 0),
      selects: fc.boolean(),
    });
    fc.assert(
      fc.property(merges, settings, (merge, { zeroSign, divide, factor, selects }) => {
        const kernels = create();
        const { models, count } = merge;
        const found = merged(kernels, merge, (table, to) =>
          kernels.electedSum(table, models.length, to, count, zeroSign, divide, factor, selects),
        );
        const seen = selects ? selectedOf(models) : models;
        const expected = Float32Array.from({ length: count }, (_, i) => electedOf(seen, i, zeroSign, divide, factor));
        expect(found).toEqual(expected);
      }),
      { numRuns: 500 },
    );
  });

  test('electedSum makes every zero positive, whatever the signs', () => {
    const kernels = create();
    const zeros = [-0, 0].map((value) => ({
      values: new Float32Array(9).fill(value),
      scale: -1,
      weight: 1,
      selector: 0,
    }));
    for (const zeroSign of [1, -1, 0]) {
      for (const factor of [1, -1]) {
        const found = merged(kernels, { models: zeros, count: 9, inPlace: false }, (table, to) =>
          kernels.electedSum(table, 2, to, 9, zeroSign, true, factor),
        );
        expect(found.every((value) => Object.is(value, 0))).toBe(true);
      }
    }
  });

  test('electedSum by hand: the majority of mass wins, dissenters and zeros do not count in the mean', () => {
    const kernels = create();
    const models = [
      [3, 1, 0],
      [1, -1, 0],
      [-2, 0, 0],
    ].map((head) => ({
      values: Float32Array.from([...head, ...new Array(9).fill(4)]),
      scale: 1,
      weight: 1,
      selector: 0,
    }));
    const run = (zeroSign: number) =>
      merged(kernels, { models, count: 12, inPlace: false }, (table, to) =>
        kernels.electedSum(table, 3, to, 12, zeroSign, true, 10),
      );
    expect([...run(1).slice(0, 4)]).toEqual([20, 10, 0, 40]);
    expect([...run(-1).slice(0, 4)]).toEqual([20, -10, 0, 40]);
    expect([...run(0).slice(0, 4)]).toEqual([20, 0, 0, 40]);
  });

  test('signBalance counts positive minus negative sums', () => {
    fc.assert(
      fc.property(merges, ({ models, count }) => {
        const space = new Workspace(create());
        const table = space.putOperands(models.map((model) => ({ ...model, slot: space.put(model.values) })));
        let expected = 0;
        for (let i = 0; i < count; i++) expected += Number(sumOf(models, i) > 0) - Number(sumOf(models, i) < 0);
        expect(space.kernels.signBalance(table, models.length, count)).toBe(expected);
      }),
      { numRuns: 200 },
    );
  });
}
