/**
 * Float formats of up to 16 bits by their definition alone: all values are listed once, and a number is encoded by
 * looking for the nearest of them. Slow and obvious on purpose: what merges are checked against.
 */

interface FloatFormat {
  readonly exponentBits: number;
  readonly mantissaBits: number;
  /** E4M3 spends the top exponent on ordinary values and has one NaN pattern and no infinities. */
  readonly hasInfinity: boolean;
}

export const SMALL_FLOATS = {
  BF16: { exponentBits: 8, mantissaBits: 7, hasInfinity: true },
  F16: { exponentBits: 5, mantissaBits: 10, hasInfinity: true },
  F8_E5M2: { exponentBits: 5, mantissaBits: 2, hasInfinity: true },
  F8_E4M3: { exponentBits: 4, mantissaBits: 3, hasInfinity: false },
} as const satisfies Record<string, FloatFormat>;

export type SmallFloat = keyof typeof SMALL_FLOATS;

/** The number that a bit pattern stands for. */
export function decodeSmallFloat(dtype: SmallFloat, pattern: number): number {
  const { exponentBits, mantissaBits, hasInfinity } = SMALL_FLOATS[dtype];
  const sign = pattern >> (exponentBits + mantissaBits) === 1 ? -1 : 1;
  const topExponent = 2 ** exponentBits - 1;
  const exponent = (pattern >> mantissaBits) & topExponent;
  const mantissa = pattern % 2 ** mantissaBits;
  const bias = 2 ** (exponentBits - 1) - 1;
  if (exponent === 0) return sign * mantissa * 2 ** (1 - bias - mantissaBits);
  if (exponent === topExponent && hasInfinity) return mantissa === 0 ? sign * Infinity : NaN;
  if (exponent === topExponent && mantissa === 2 ** mantissaBits - 1) return NaN;
  return sign * (1 + mantissa / 2 ** mantissaBits) * 2 ** (exponent - bias);
}

/** The bit pattern nearest to a number, ties to even, overflow to infinity (NaN in E4M3). NaN is the quiet positive one. */
export function encodeSmallFloat(dtype: SmallFloat, value: number): number {
  const { exponentBits, mantissaBits, hasInfinity } = SMALL_FLOATS[dtype];
  const signBit = 2 ** (exponentBits + mantissaBits);
  const infinity = hasInfinity ? signBit - 2 ** mantissaBits : signBit - 1;
  if (Number.isNaN(value)) return hasInfinity ? infinity + 2 ** (mantissaBits - 1) : infinity;
  const magnitudes = magnitudesOf(dtype, infinity);
  const magnitude = Math.abs(value);
  const above = firstNotBelow(magnitudes, magnitude);
  const pattern = above === magnitudes.length ? infinity : nearer(magnitudes, above, magnitude);
  return value < 0 || Object.is(value, -0) ? signBit + pattern : pattern;
}

const tables = new Map<SmallFloat, readonly number[]>();

/** Magnitudes by bit pattern, ascending. The pattern after the largest stands for what would come next. */
function magnitudesOf(dtype: SmallFloat, infinity: number): readonly number[] {
  const known = tables.get(dtype);
  if (known !== undefined) return known;
  const table = Array.from({ length: infinity }, (_, pattern) => decodeSmallFloat(dtype, pattern));
  table.push(2 * table.at(-1)! - table.at(-2)!);
  tables.set(dtype, table);
  return table;
}

/** Index of the first magnitude that is not below the given one, the length when all are below. */
function firstNotBelow(magnitudes: readonly number[], magnitude: number): number {
  let begin = 0;
  let end = magnitudes.length;
  while (begin < end) {
    const middle = (begin + end) >> 1;
    if (magnitudes[middle]! < magnitude) begin = middle + 1;
    else end = middle;
  }
  return begin;
}

function nearer(magnitudes: readonly number[], above: number, magnitude: number): number {
  if (above === 0) return 0;
  const down = magnitude - magnitudes[above - 1]!;
  const up = magnitudes[above]! - magnitude;
  if (down === up) return above % 2 === 0 ? above : above - 1;
  return down < up ? above - 1 : above;
}
