/** The tests' own float formats, against constants of the formats' definitions and against each other. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeSmallFloat, encodeSmallFloat, SMALL_FLOATS, type SmallFloat } from '../support/small-floats.js';

test.each([
  ['BF16', 0x3f80, 1],
  ['BF16', 0xc049, -3.140625],
  ['BF16', 0x7f7f, 3.3895313892515355e38],
  ['BF16', 0x0001, 2 ** -133],
  ['BF16', 0x7f80, Infinity],
  ['F16', 0x3c00, 1],
  ['F16', 0x7bff, 65504],
  ['F16', 0x0001, 2 ** -24],
  ['F16', 0x8000, -0],
  ['F8_E4M3', 0x7e, 448],
  ['F8_E4M3', 0x7f, NaN],
  ['F8_E4M3', 0x01, 2 ** -9],
  ['F8_E5M2', 0x7b, 57344],
  ['F8_E5M2', 0xfc, -Infinity],
] as const)('%s 0x%s is %s', (dtype, pattern, value) => {
  expect(decodeSmallFloat(dtype, pattern)).toBe(value);
  expect(encodeSmallFloat(dtype, value)).toBe(Number.isNaN(value) ? 0x7f : pattern);
});

test.each([
  ['F16', 65519.99, 0x7bff],
  ['F16', 65520, 0x7c00],
  ['F16', 1 + 2 ** -11, 0x3c00],
  ['F16', 1 + 3 * 2 ** -11, 0x3c02],
  ['BF16', 1 + 2 ** -8, 0x3f80],
  ['BF16', 1 + 2 ** -8 + 2 ** -20, 0x3f81],
  ['BF16', NaN, 0x7fc0],
  ['BF16', -1e-60, 0x8000],
  ['F8_E4M3', 463.9, 0x7e],
  ['F8_E4M3', 1e9, 0x7f],
] as const)('%s rounds %s', (dtype, value, pattern) => {
  expect(encodeSmallFloat(dtype, value)).toBe(pattern);
});

describe('every pattern that is a number encodes to itself', () => {
  test.each(Object.keys(SMALL_FLOATS) as SmallFloat[])('%s', (dtype) => {
    const { exponentBits, mantissaBits } = SMALL_FLOATS[dtype];
    const patterns = Array.from({ length: 2 ** (1 + exponentBits + mantissaBits) }, (_, pattern) => pattern);
    const changed = patterns.filter((pattern) => {
      const value = decodeSmallFloat(dtype, pattern);
      return !Number.isNaN(value) && encodeSmallFloat(dtype, value) !== pattern;
    });
    expect(changed).toEqual([]);
  });
});

test('bf16 agrees with rounding the bits of f32', () => {
  const roundBits = (value: number) => {
    const bits = new Uint32Array(Float32Array.of(value).buffer)[0]!;
    return ((bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16) & 0xffff;
  };
  fc.assert(
    fc.property(fc.float({ noNaN: true }), (value) => {
      expect(encodeSmallFloat('BF16', value)).toBe(roundBits(value));
    }),
    { numRuns: 1000 },
  );
});
