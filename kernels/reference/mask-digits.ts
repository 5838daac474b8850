/** The first random digits of masks, as kernels/reference/random.ts defines them. */
import { randomWords, STREAM } from './random.js';

/** Elements whose digits come from the same eight generators. */
const BLOCK = 4096;
/** Elements that have their bits side by side: 32 in each of four generators. */
const GROUP = 128;
const LANES = 4;
const LANE_BITS = 32;

const rotate = (x: number, bits: number): number => (x << bits) | (x >>> (32 - bits));

/**
 * xoshiro128++ (Blackman and Vigna, "Scrambled linear pseudorandom number generators", TOMS 2021): the next u32; `state`
 * is four words and moves on.
 */
export function xoshiro128(state: Uint32Array): number {
  let [s0, s1, s2, s3] = state as unknown as [number, number, number, number];
  const result = (rotate(s0 + s3, 7) + s0) >>> 0;
  const shifted = s1 << 9;
  s2 ^= s0;
  s3 ^= s1;
  s1 ^= s2;
  s0 ^= s3;
  s2 ^= shifted;
  s3 = rotate(s3, 11);
  state.set([s0, s1, s2, s3]);
  return result;
}

/** The first digits of one key, by flat index. Those of a block are drawn at once and kept until another is asked for. */
export function maskDigits(keyLow: number, keyHigh: number): (index: number) => number {
  const words = randomWords(keyLow, keyHigh);
  const digits = new Uint8Array(BLOCK);
  let drawn = -1;
  return (index) => {
    const block = Math.floor(index / BLOCK);
    if (block !== drawn) drawDigits(words, block, digits);
    drawn = block;
    return digits[index % BLOCK]!;
  };
}

function drawDigits(words: ReturnType<typeof randomWords>, block: number, digits: Uint8Array): void {
  digits.fill(0);
  const states = Array.from({ length: 2 * LANES }, (_, lane) =>
    words(2 * LANES * block + lane, STREAM.maskDigit).slice(),
  );
  for (let group = 0; group < BLOCK; group += GROUP) {
    for (let pair = 0; pair < 4; pair++) {
      states.forEach((state, lane) => {
        const word = xoshiro128(state);
        const place = 7 - 2 * pair - Math.floor(lane / LANES);
        const first = group + LANE_BITS * (lane % LANES);
        for (let bit = 0; bit < LANE_BITS; bit++) digits[first + bit]! |= ((word >>> bit) & 1) << place;
      });
    }
  }
}
