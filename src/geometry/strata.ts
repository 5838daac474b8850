/** Metrics that look at elements by magnitude: of the base value, or of the change. */
import type { SparseCounts } from '../../kernels/statistics/sparse-counts.js';

/** Bins of a base magnitude that share one exponent: the upper four mantissa bits. */
const BINS_PER_EXPONENT = 16;

/** Counts by base magnitude, added up by exponent. */
export function byExponent(counts: Float64Array): Float64Array {
  const sums = new Float64Array(counts.length / BINS_PER_EXPONENT);
  for (let exponent = 0, bin = 0; exponent < sums.length; exponent++) {
    let sum = 0;
    for (const end = bin + BINS_PER_EXPONENT; bin < end; bin++) sum += counts[bin]!;
    sums[exponent] = sum;
  }
  return sums;
}

/**
 * Expected intersection of two change masks if experts changed elements independently within each class of base values
 * that share an exponent: Σₑ cᵢₑcⱼₑ/nₑ. bf16 shows changes mostly on small values, so masks overlap without any shared
 * structure; this is what that alone explains. All counts are by exponent.
 */
export function stratifiedIntersection(all: Float64Array, first: Float64Array, second: Float64Array): number {
  let expected = 0;
  for (let exponent = 0; exponent < all.length; exponent++) {
    const elements = all[exponent]!;
    if (elements > 0) expected += (first[exponent]! * second[exponent]!) / elements;
  }
  return expected;
}

/**
 * Changed share among the smallest base values over the changed share of all (arXiv 2511.08567). The small half is the
 * fewest whole bins (1/16 octave) from zero that hold at least half of the elements. Null when nothing changed. `all` and
 * `changed` count by base magnitude, `elements` and `changes` are what they add up to.
 */
export function lowMagnitudeLift(
  all: Float64Array,
  changed: Float64Array,
  elements: number,
  changes: number,
): number | null {
  if (elements === 0 || changes === 0) return null;
  let low = 0;
  let lowChanges = 0;
  for (let bin = 0; bin < all.length && 2 * low < elements; bin++) {
    low += all[bin]!;
    lowChanges += changed[bin]!;
  }
  return lowChanges / low / (changes / elements);
}

const value = new Float32Array(1);
const bits = new Uint32Array(value.buffer);

/** x² of the f32 whose upper 16 bits are `bin` and whose lower bits are zero: exact for changes that are bf16 values. */
function energyOf(bin: number): number {
  bits[0] = bin * 65_536;
  return value[0]! * value[0]!;
}

/**
 * Share of Σx² in the `count` largest magnitudes, from a histogram by upper 16 bits; the last bin counts in part.
 * Exact for bf16 changes, within 1.6 % where lower bits are not zero. Null when all are zero.
 */
export function energyShare({ bins, counts }: SparseCounts, count: number): number | null {
  let total = 0;
  for (let i = 0; i < bins.length; i++) total += counts[i]! * energyOf(bins[i]!);
  if (total === 0 || !Number.isFinite(total)) return null;
  let remaining = count;
  let top = 0;
  for (let i = bins.length - 1; i >= 0 && remaining > 0; i--) {
    const taken = Math.min(remaining, counts[i]!);
    top += taken * energyOf(bins[i]!);
    remaining -= taken;
  }
  return top / total;
}
