/** Conversions: every pattern of the small formats, and rounding against a search for the nearest value. */
import { expect, test } from 'vitest';
import type { Kernels, Slot } from '../../kernels/abi.js';
import { asFloats, sampleBits } from './bits.js';
import {
  BF16,
  F8_E4M3,
  F8_E5M2,
  F16,
  type Format,
  nearest,
  patternValue,
  rungBelow,
  signOf,
} from './formats-oracle.js';
import { bf16Bits, f16Bits, type Key } from './random-oracle.js';
import { Workspace } from './workspace.js';

type Convert = (source: Slot, destination: Slot, count: number) => number;

const COUNTS = Array.from({ length: 71 }, (_, count) => count);
const KEY: Key = [0x1234_5678, 0xfedc_ba98];
/** Samples per rounding test; oracles search, so this is what the time goes into. */
const SAMPLES = 3000;

/** Numbers compared by value and sign of zero; any NaN equals any other. */
function expectSame(found: ArrayLike<number>, expected: readonly number[]) {
  const differing = expected.findIndex((value, i) => !Object.is(found[i], value));
  expect({ at: differing, found: found[differing] }).toEqual({ at: -1, found: undefined });
}

function widenSuite(create: () => Kernels) {
  const cases: [string, Format, Uint8Array | Uint16Array, (k: Kernels) => Convert][] = [
    ['bf16', BF16, Uint16Array.from({ length: 65_536 }, (_, n) => n), (k) => k.widenBf16],
    ['f16', F16, Uint16Array.from({ length: 65_536 }, (_, n) => n), (k) => k.widenF16],
    ['fp8 E5M2', F8_E5M2, Uint8Array.from({ length: 256 }, (_, n) => n), (k) => k.widenF8E5M2],
    ['fp8 E4M3', F8_E4M3, Uint8Array.from({ length: 256 }, (_, n) => n), (k) => k.widenF8E4M3],
  ];
  // E4M3 gives the pattern where infinity would be to its only NaN.
  const meaning = (format: Format, pattern: number) => {
    const value = patternValue(format, pattern);
    return format === F8_E4M3 && !Number.isFinite(value) ? NaN : value;
  };

  test.each(cases)('every %s pattern widens to its value, at every length', (_, format, patterns, convert) => {
    for (const part of [patterns, ...COUNTS.map((count) => patterns.slice(-count || patterns.length))]) {
      const space = new Workspace(create());
      const destination = space.reserve(4 * part.length);
      const nonFinite = convert(space.kernels)(space.put(part), destination, part.length);
      const expected = Array.from(part, (pattern) => meaning(format, pattern));
      expectSame(space.f32(destination, part.length), expected);
      expect(nonFinite).toBe(expected.filter((value) => !Number.isFinite(value)).length);
      expect(space.guardsAreIntact()).toBe(true);
    }
  });

  test('a widened NaN keeps its sign and payload', () => {
    const space = new Workspace(create());
    const [bf16, f16] = [space.put(Uint16Array.of(0xffa3)), space.put(Uint16Array.of(0xfd55))];
    const destination = space.reserve(8);
    space.kernels.widenBf16(bf16, destination, 1);
    expect(space.u32(destination, 1)[0]).toBe(0xffa3_0000);
    space.kernels.widenF16(f16, destination, 1);
    expect(space.u32(destination, 1)[0]).toBe(0xffaa_a000);
  });

  test('widenF32 copies bits, also in place, and counts', () => {
    for (const inPlace of [false, true]) {
      const space = new Workspace(create());
      const bits = sampleBits(77, 1);
      const source = space.put(bits);
      const destination = inPlace ? source : space.reserve(bits.byteLength);
      const nonFinite = space.kernels.widenF32(source, destination, bits.length);
      expect(space.u32(destination, bits.length)).toEqual(bits);
      expect(nonFinite).toBe(asFloats(bits).filter((value) => !Number.isFinite(value)).length);
    }
  });

  test('widenF64 rounds to nearest, overflows without counting, and counts NaN and infinities', () => {
    const largest = 2 ** 128 - 2 ** 104;
    const values = [0.1, -0.1, -0, 2 ** -149, 2 ** -150, 1.5 * 2 ** -150, 1 + 2 ** -24, 1 + 3 * 2 ** -24, largest];
    const overflowing = [largest + 2 ** 103, -Number.MAX_VALUE];
    const nonFinite = [NaN, Infinity, -Infinity];
    const expected = [...values.map(Math.fround), Infinity, -Infinity, ...nonFinite];
    expect(expected.slice(4, 8)).toEqual([0, 2 ** -149, 1, 1 + 4 * 2 ** -24]);
    const space = new Workspace(create());
    const source = space.put(Float64Array.from([...values, ...overflowing, ...nonFinite]));
    const destination = space.reserve(4 * expected.length);
    expect(space.kernels.widenF64(source, destination, expected.length)).toBe(nonFinite.length);
    expectSame(space.f32(destination, expected.length), expected);
  });
}

const isInfinite = ({ infinity, signBit }: Format, pattern: number) => pattern % signBit >= infinity;

function narrowSuite(create: () => Kernels) {
  const cases: [string, Format, number, (k: Kernels) => Convert][] = [
    ['bf16', BF16, 0x7fc0, (k) => k.narrowBf16],
    ['f16', F16, 0x7e00, (k) => k.narrowF16],
  ];

  test.each(cases)('%s is the nearest value, ties to even, and NaN its one pattern', (_, format, nan, convert) => {
    const bits = sampleBits(SAMPLES, 2);
    const expected = Array.from(asFloats(bits), (x) => (Number.isNaN(x) ? nan : nearest(format, x)));
    const space = new Workspace(create());
    const destination = space.reserve(2 * bits.length);
    const nonFinite = convert(space.kernels)(space.put(bits), destination, bits.length);
    expectSame(space.u16(destination, bits.length), expected);
    expect(nonFinite).toBe(expected.filter((pattern) => isInfinite(format, pattern)).length);
  });

  test.each(cases)('%s halfway points and their neighbours round as the search says', (_, format, __, convert) => {
    const values: number[] = [];
    for (let n = 0; n < format.infinity; n += 1 + (n % 3)) {
      const middle = Math.fround((format.ladder[n]! + format.ladder[n + 1]!) / 2);
      const [bits] = new Uint32Array(Float32Array.of(middle).buffer);
      values.push(middle, -middle, ...new Float32Array(Uint32Array.of(bits! - 1, bits! + 1).buffer));
    }
    const space = new Workspace(create());
    const destination = space.reserve(2 * values.length);
    convert(space.kernels)(space.put(Float32Array.from(values)), destination, values.length);
    expectSame(
      space.u16(destination, values.length),
      values.map((value) => nearest(format, value)),
    );
  });

  test.each(cases)('%s writes what it should at every length and nothing else', (_, format, nan, convert) => {
    for (const count of COUNTS) {
      const bits = sampleBits(count, 3).slice(-count || 0x7fff);
      const expected = Array.from(asFloats(bits), (x) => (Number.isNaN(x) ? nan : nearest(format, x)));
      const space = new Workspace(create());
      const destination = space.reserve(2 * count);
      const nonFinite = convert(space.kernels)(space.put(bits), destination, count);
      expectSame(space.u16(destination, count), expected);
      expect(nonFinite).toBe(expected.filter((pattern) => isInfinite(format, pattern)).length);
      expect(space.guardsAreIntact()).toBe(true);
    }
  });

  test('narrowF32 copies bits, but any NaN becomes 0x7FC00000', () => {
    const bits = sampleBits(77, 4);
    const floats = asFloats(bits);
    const space = new Workspace(create());
    const slot = space.put(bits);
    const nonFinite = space.kernels.narrowF32(slot, slot, bits.length);
    expect(space.u32(slot, bits.length)).toEqual(bits.map((b, i) => (Number.isNaN(floats[i]) ? 0x7fc0_0000 : b)));
    expect(nonFinite).toBe(floats.filter((value) => !Number.isFinite(value)).length);
  });
}

/** The pattern random rounding must give; `goesUp` says whether a position between two neighbours moves up. */
function randomPattern(format: Format, value: number, goesUp: (fraction: number) => boolean): number {
  const plain = nearest(format, value);
  if (isInfinite(format, plain)) return plain;
  const magnitude = Math.abs(value);
  const below = rungBelow(format, magnitude);
  const [lower, upper] = [format.ladder[below]!, format.ladder[below + 1]!];
  const up = goesUp((magnitude - lower) / (upper - lower)) && below + 1 < format.infinity;
  return signOf(format, value) + below + (up ? 1 : 0);
}

type Stochastic = Kernels['narrowBf16Stochastic'];

function stochasticSuite(create: () => Kernels) {
  const bf16Up = (index: number) => (fraction: number) => fraction * 65_536 + bf16Bits(index, KEY) >= 65_536;
  const f16Up = (index: number) => (fraction: number) => f16Bits(index, KEY) < fraction * 2 ** 32;
  const cases: [string, Format, number, (k: Kernels) => Stochastic, typeof bf16Up][] = [
    ['bf16', BF16, 0x7fc0, (k) => k.narrowBf16Stochastic, bf16Up],
    ['f16', F16, 0x7e00, (k) => k.narrowF16Stochastic, f16Up],
  ];
  const firstIndexes = [0, 1, 13, 31, 64, 2 ** 32 - 20, 2 ** 40 + 5, 2 ** 53 - 400];

  test.each(cases)('%s rounds at random as its numbers say, wherever it starts', (_, format, nan, convert, goesUp) => {
    for (const firstIndex of firstIndexes) {
      const bits = sampleBits(150, firstIndex % 1000);
      const expected = Array.from(asFloats(bits), (x, i) =>
        Number.isNaN(x) ? nan : randomPattern(format, x, goesUp(firstIndex + i)),
      );
      const space = new Workspace(create());
      const destination = space.reserve(2 * bits.length);
      const nonFinite = convert(space.kernels)(space.put(bits), destination, bits.length, ...KEY, firstIndex);
      expectSame(space.u16(destination, bits.length), expected);
      expect(nonFinite).toBe(expected.filter((pattern) => isInfinite(format, pattern)).length);
      expect(space.guardsAreIntact()).toBe(true);
    }
  });

  test.each(cases)('%s random rounding keeps the mean', (_, format, __, convert) => {
    const count = 20_000;
    const [lower, upper] = [patternValue(format, 0x3000), patternValue(format, 0x3001)];
    const share = 0.3125;
    const space = new Workspace(create());
    const source = space.put(new Float32Array(count).fill(lower + share * (upper - lower)));
    const destination = space.reserve(2 * count);
    convert(space.kernels)(source, destination, count, ...KEY, 0);
    const ups = space.u16(destination, count).reduce((sum, pattern) => sum + (pattern - 0x3000), 0);
    const sigma = Math.sqrt(count * share * (1 - share));
    expect(Math.abs(ups - count * share)).toBeLessThan(4 * sigma);
  });
}

export function convertSuite(create: () => Kernels) {
  widenSuite(create);
  narrowSuite(create);
  stochasticSuite(create);
}
