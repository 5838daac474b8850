/**
 * What stored formats mean, without a look at their bit fields: the positive patterns 0, 1, 2, … are an ascending ladder
 * of values whose step doubles each time the mantissa is through. Rounding is a search for the nearest rung.
 */

export interface Format {
  /** Value of positive pattern n; the last entry is where infinity stands: one step above the largest value. */
  readonly ladder: Float64Array;
  /** Pattern of infinity; for a format without, one above that of its largest value. */
  readonly infinity: number;
  readonly signBit: number;
}

/** A ladder of `infinity` values and the bound above them, with `rungs` values to each power of two. */
function format(rungs: number, firstStep: number, infinity: number, signBit: number): Format {
  const ladder = new Float64Array(infinity + 1);
  let step = firstStep;
  for (let n = 1; n <= infinity; n++) {
    // Subnormals and the first normal binade share a step.
    if (n > 2 * rungs && (n - 1) % rungs === 0) step *= 2;
    ladder[n] = ladder[n - 1]! + step;
  }
  return { ladder, infinity, signBit };
}

export const BF16 = format(128, 2 ** -133, 0x7f80, 0x8000);
export const F16 = format(1024, 2 ** -24, 0x7c00, 0x8000);
export const F8_E5M2 = format(4, 2 ** -16, 0x7c, 0x80);
export const F8_E4M3 = format(8, 2 ** -9, 0x7f, 0x80);

/** The value of a pattern of a format with infinities; NaN for its NaN patterns. */
export function patternValue({ ladder, infinity, signBit }: Format, pattern: number): number {
  const positive = pattern % signBit;
  const magnitude = positive < infinity ? ladder[positive]! : positive === infinity ? Infinity : NaN;
  return pattern >= signBit ? -magnitude : magnitude;
}

/** The largest pattern whose value is not above `magnitude`, at most that of infinity. */
export function rungBelow({ ladder, infinity }: Format, magnitude: number): number {
  let low = 0;
  let high = infinity;
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (ladder[middle]! <= magnitude) low = middle;
    else high = middle - 1;
  }
  return low;
}

/** The sign bit of a number's pattern. */
export function signOf({ signBit }: Format, value: number): number {
  return value < 0 || Object.is(value, -0) ? signBit : 0;
}

/** The pattern nearest to a number that is not NaN; of two equally near ones the even. */
export function nearest(format: Format, value: number): number {
  const magnitude = Math.abs(value);
  const below = rungBelow(format, magnitude);
  if (below === format.infinity) return signOf(format, value) + below;
  const down = magnitude - format.ladder[below]!;
  const up = format.ladder[below + 1]! - magnitude;
  const isUp = up < down || (up === down && below % 2 === 1);
  return signOf(format, value) + below + (isUp ? 1 : 0);
}
