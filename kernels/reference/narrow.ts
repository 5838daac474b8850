/** f32 to stored values: to nearest even, or by random numbers. NaN becomes the format's positive quiet NaN. */
import type { Kernels, Slot } from '../abi.js';
import { BF16, composeF16, F16, F32, lastPlaceF16 } from './formats.js';
import type { ReferenceMemory } from './memory.js';
import { randomWords, STREAM } from './random.js';

type Narrowing = 'narrowBf16' | 'narrowF16' | 'narrowF32' | 'narrowBf16Stochastic' | 'narrowF16Stochastic';

const TWO_32 = 4_294_967_296;

/** Rounds the bits of one f32 at element `i` of the slot to the bits of a stored value. */
type Rounding = (bits: number, i: number) => number;

/** The bf16 nearest to an f32, both as bits. */
export function nearestBf16(bits: number): number {
  if ((bits & F32.magnitude) > F32.infinity) return BF16.nan;
  const odd = (bits >>> 16) & 1;
  return ((bits + 0x7fff + odd) >>> 16) & 0xffff;
}

/** Rounds up when the 16 bits below the result's last place and 16 random ones sum to 2^16 or more. */
function randomBf16(bits: number, random: number): number {
  const magnitude = bits & F32.magnitude;
  if (magnitude >= BF16.overflow) return nearestBf16(bits);
  const rounded = Math.min((magnitude + random) >>> 16, BF16.infinity - 1);
  return ((bits >>> 16) & 0x8000) | rounded;
}

/** Rounds a finite magnitude to a whole number of f16 units, `goesUp` deciding about the fraction above `lower`. */
function roundF16(bits: number, goesUp: (fraction: number, lower: number) => boolean): number {
  const sign = (bits >>> 16) & 0x8000;
  const magnitudeBits = bits & F32.magnitude;
  if (magnitudeBits > F32.infinity) return F16.nan;
  const magnitude = magnitudeOf(magnitudeBits);
  if (magnitude >= F16.overflow) return sign | F16.infinity;
  const lastPlace = lastPlaceF16(magnitudeBits);
  const units = magnitude / 2 ** lastPlace;
  const lower = Math.floor(units);
  const rounded = composeF16(goesUp(units - lower, lower) ? lower + 1 : lower, lastPlace);
  // Only random rounding can go up from 65504, towards a value that is not there.
  return sign | Math.min(rounded, F16.infinity - 1);
}

const scratch = new DataView(new ArrayBuffer(4));

function magnitudeOf(bits: number): number {
  scratch.setUint32(0, bits);
  return scratch.getFloat32(0);
}

function nearestF16(bits: number): number {
  return roundF16(bits, (fraction, lower) => fraction > 0.5 || (fraction === 0.5 && lower % 2 === 1));
}

function narrowThrough(source: Uint32Array, to: Uint16Array, infinity: number, round: Rounding): number {
  let nonFinite = 0;
  for (let i = 0; i < source.length; i++) {
    const stored = round(source[i]!, i);
    to[i] = stored;
    if ((stored & 0x7fff) >= infinity) nonFinite++;
  }
  return nonFinite;
}

function narrowF32(source: Uint32Array, to: Uint32Array): number {
  let nonFinite = 0;
  for (let i = 0; i < source.length; i++) {
    const bits = source[i]!;
    const magnitude = bits & F32.magnitude;
    to[i] = magnitude > F32.infinity ? F32.nan : bits;
    if (magnitude >= F32.infinity) nonFinite++;
  }
  return nonFinite;
}

/** The 16 random bits of the bf16 at flat index `index`. */
function randomBitsBf16(words: ReturnType<typeof randomWords>, index: number): number {
  const inGroup = index % 32;
  const q = 4 * Math.floor(index / 32) + ((inGroup >> 1) & 3);
  const word = words(q, STREAM.roundBf16)[inGroup >> 3]!;
  return (word >>> (16 * (inGroup & 1))) & 0xffff;
}

export function narrowers(memory: ReferenceMemory): Pick<Kernels, Narrowing> {
  const toHalves = (source: Slot, destination: Slot, count: number, infinity: number, round: Rounding) =>
    narrowThrough(memory.u32(source, count), memory.u16(destination, count), infinity, round);
  return {
    narrowBf16: (source, destination, count) => toHalves(source, destination, count, BF16.infinity, nearestBf16),
    narrowF16: (source, destination, count) => toHalves(source, destination, count, F16.infinity, nearestF16),
    narrowF32: (source, destination, count) => narrowF32(memory.u32(source, count), memory.u32(destination, count)),
    narrowBf16Stochastic(source, destination, count, keyLow, keyHigh, firstIndex) {
      const words = randomWords(keyLow, keyHigh);
      const round = (bits: number, i: number) => randomBf16(bits, randomBitsBf16(words, firstIndex + i));
      return toHalves(source, destination, count, BF16.infinity, round);
    },
    narrowF16Stochastic(source, destination, count, keyLow, keyHigh, firstIndex) {
      const words = randomWords(keyLow, keyHigh);
      const round = (bits: number, i: number) => {
        const index = firstIndex + i;
        const random = words(Math.floor(index / 4), STREAM.roundF16)[index % 4]!;
        return roundF16(bits, (fraction) => random < fraction * TWO_32);
      };
      return toHalves(source, destination, count, F16.infinity, round);
    },
  };
}
