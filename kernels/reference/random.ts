/**
 * Random numbers that depend on a key and an index only: Philox4x32-10 (Salmon, Moraes, Dror and Shaw, "Parallel random
 * numbers: as easy as 1, 2, 3", SC 2011; the Random123 library), so that a mask or a rounding is the same however a
 * tensor is cut into tiles, units and threads.
 *
 * Key = (keyLow, keyHigh), two u32. Counter = (low 32 bits of q, high 32 bits of q, stream, 0). With `out` the four u32
 * of the result and `i` the element's flat index:
 *
 * - stream 0, where the digits of a mask begin: out for q = 8⌊i / 4096⌋ + ℓ is the state of generator ℓ, for ℓ = 0 … 7, an
 *   xoshiro128++ of its own for these 4,096 elements. With e = i mod 4096, element i takes bit e & 31 of outputs 4⌊e / 128⌋
 *   + n, for n = 0 … 3, of the two generators ℓ = (e >> 5) & 3 and ℓ + 4: bits 7 − 2n and 6 − 2n of its digit. A digit
 *   below `densityByte` keeps, one above drops, an equal one asks
 *   stream 1 with q = i: out[0] < `densityRest` keeps.
 *   That compares u = (digit + out[0] / 2^32) / 256, uniform in [0, 1), with the density, at one byte for most
 *   elements, which xoshiro yields in a third of the time that Philox takes; and since u does not depend on the density,
 *   the mask of a lower density lies inside that of a higher one. A mask by ranks has the same u, and a density for each
 *   rank.
 * - stream 2, bf16 rounding: g = ⌊i / 32⌋, word j = (i >> 3) & 3, t = (i >> 1) & 3, half h = i & 1; q = 4g + t;
 *   r = (out[j] >>> 16h) & 0xffff; the result is (bits(x) + r) >>> 16 (for what is finite and stays so).
 * - stream 3, f16 rounding: q = ⌊i / 4⌋, r = out[i & 3]. With f = |x| / (the result's unit in the last place), the
 *   magnitude goes up when r < (f − ⌊f⌋)·2^32.
 *
 * The orders are those in which four counters at once, one to each SIMD lane, come out in the order of the elements: words
 * and their halves for roundings; and for masks vectors of 128 bits, each a bit of 128 digits.
 */

export const STREAM = { maskDigit: 0, maskRest: 1, roundBf16: 2, roundF16: 3 } as const;
export type Stream = (typeof STREAM)[keyof typeof STREAM];

const MULTIPLIER_0 = 0xd2511f53;
const MULTIPLIER_1 = 0xcd9e8d57;
const WEYL_0 = 0x9e3779b9;
const WEYL_1 = 0xbb67ae85;
const ROUNDS = 10;
const TWO_32 = 4_294_967_296;

/** High 32 bits of the product of two u32, as a u32. */
function multiplyHigh(a: number, b: number): number {
  const aLow = a & 0xffff;
  const aHigh = a >>> 16;
  const bLow = b & 0xffff;
  const bHigh = b >>> 16;
  // Neither sum passes 2^32 - 1, so that unsigned shifts see all of it.
  const upper = aHigh * bLow + ((aLow * bLow) >>> 16);
  const lower = aLow * bHigh + (upper & 0xffff);
  return (aHigh * bHigh + (upper >>> 16) + (lower >>> 16)) >>> 0;
}

/** Philox4x32-10 of a counter of four u32 and a key of two, written to `out` (4 u32). */
export function philox4x32(counter: readonly number[], key: readonly number[], out: Uint32Array): void {
  let [c0, c1, c2, c3] = counter as [number, number, number, number];
  let [k0, k1] = key as [number, number];
  for (let round = 0; round < ROUNDS; round++) {
    const high0 = multiplyHigh(c0, MULTIPLIER_0);
    const low0 = Math.imul(c0, MULTIPLIER_0);
    const high1 = multiplyHigh(c2, MULTIPLIER_1);
    const low1 = Math.imul(c2, MULTIPLIER_1);
    c0 = (high1 ^ c1 ^ k0) >>> 0;
    c1 = low1;
    c2 = (high0 ^ c3 ^ k1) >>> 0;
    c3 = low0;
    k0 = (k0 + WEYL_0) >>> 0;
    k1 = (k1 + WEYL_1) >>> 0;
  }
  out[0] = c0;
  out[1] = c1;
  out[2] = c2;
  out[3] = c3;
}

/**
 * The random words of one key: `words(q, stream)` is `out` above. The array is reused by the next call; neighbouring
 * elements mostly ask for the same words, which are drawn once.
 */
export function randomWords(keyLow: number, keyHigh: number): (q: number, stream: Stream) => Uint32Array {
  const key = [keyLow >>> 0, keyHigh >>> 0];
  const out = new Uint32Array(4);
  let [lastQ, lastStream] = [-1, -1];
  return (q, stream) => {
    if (q !== lastQ || stream !== lastStream) {
      philox4x32([q % TWO_32, Math.floor(q / TWO_32), stream, 0], key, out);
      lastQ = q;
      lastStream = stream;
    }
    return out;
  };
}

/** A density as `drawMask` takes it. */
export interface DensityDigits {
  /** The first base-256 digit, 0 … 255. */
  readonly densityByte: number;
  /** The next 32 bits, a u32. */
  readonly densityRest: number;
}

/**
 * Splits a density in [0, 1) into ⌊density·256⌋ and the next 32 bits, rounded down: products with powers of two are
 * exact. Throws a RangeError outside the range: at 1 everything is kept and there is nothing to draw.
 */
export function densityDigits(density: number): DensityDigits {
  if (!(density >= 0 && density < 1)) throw new RangeError(`density ${density} is not in [0, 1)`);
  const scaled = density * 256;
  const densityByte = Math.floor(scaled);
  return { densityByte, densityRest: Math.floor((scaled - densityByte) * TWO_32) };
}
