import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { xoshiro128 } from '../../kernels/reference/mask-digits.js';
import { densityDigits, philox4x32 } from '../../kernels/reference/random.js';
import { philox, xoshiro } from './random-oracle.js';

/** Known answers published with Random123 for philox4x32-10: counter, key, result. */
const KNOWN_ANSWERS = [
  [
    [0, 0, 0, 0],
    [0, 0],
    [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8],
  ],
  [new Array(4).fill(0xffffffff), [0xffffffff, 0xffffffff], [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd]],
  [
    [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344],
    [0xa4093822, 0x299f31d0],
    [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1],
  ],
] as const;

function draw(counter: readonly number[], key: readonly number[]): number[] {
  const out = new Uint32Array(4);
  philox4x32(counter, key, out);
  return [...out];
}

describe('philox4x32', () => {
  test.each(KNOWN_ANSWERS)('counter %j, key %j', (counter, key, answer) => {
    expect(draw(counter, key)).toEqual([...answer]);
    expect(philox(counter.map(BigInt), key.map(BigInt)).map(Number)).toEqual([...answer]);
  });

  test('agrees with big integers', () => {
    const word = fc.integer({ min: 0, max: 0xffff_ffff });
    fc.assert(
      fc.property(fc.tuple(word, word, word, word), fc.tuple(word, word), (counter, key) => {
        expect(draw(counter, key)).toEqual(philox(counter.map(BigInt), key.map(BigInt)).map(Number));
      }),
    );
  });
});

describe('xoshiro128++', () => {
  const next = (state: readonly number[], outputs: number): number[] => {
    const words = Uint32Array.from(state);
    return Array.from({ length: outputs }, () => xoshiro128(words));
  };

  test('starts with the outputs of the published implementation', () => {
    const outputs = [
      641, 1573767, 3222811527, 3517856514, 836907274, 4247214768, 3867114732, 1355841295, 495546011, 621204420,
    ];
    expect(next([1, 2, 3, 4], 10)).toEqual(outputs);
    expect(xoshiro([1n, 2n, 3n, 4n], 10).map(Number)).toEqual(outputs);
  });

  test('agrees with big integers', () => {
    const word = fc.integer({ min: 0, max: 0xffff_ffff });
    fc.assert(
      fc.property(fc.tuple(word, word, word, word), (state) => {
        expect(next(state, 20)).toEqual(xoshiro(state.map(BigInt), 20).map(Number));
      }),
    );
  });
});

describe('densityDigits', () => {
  test('are the first 40 bits of the density', () => {
    fc.assert(
      fc.property(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), (density) => {
        const { densityByte, densityRest } = densityDigits(density);
        expect(densityByte * 2 ** 32 + densityRest).toBe(Math.floor(density * 2 ** 40));
        expect(densityRest).toBeLessThan(2 ** 32);
      }),
    );
    expect(densityDigits(0.5)).toEqual({ densityByte: 128, densityRest: 0 });
    expect(densityDigits(1 - 2 ** -53)).toEqual({ densityByte: 255, densityRest: 0xffff_ffff });
  });

  test.each([1, -0.1, 2, NaN, Infinity])('refuse %d', (density) => {
    expect(() => densityDigits(density)).toThrow(RangeError);
  });
});
