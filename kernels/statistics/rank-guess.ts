/**
 * Guesses of thresholds. What a part of the elements says of a threshold leaves few bins of a histogram, and to tell how the
 * others lie around these takes less than to count them by value: after RL most differences of stored bf16 have one of few
 * values, and often the threshold is one of them. A guess that proves wrong costs a pass and changes no result.
 */
import { countOf, type SparseCounts } from './sparse-counts.js';

/** Standard deviations of a rank among sampled elements that a guess has to cover on both sides. */
const MARGIN = 4;

/** The largest share of elements between the values at the ends of a guess: these are counted one by one. */
const MOST_BETWEEN = 0.04;

/** Bins that stand for everything below and above a guess: of ±0, and of NaN whose upper bits are all set. */
const BELOW = 0;
const ABOVE = 0x7fff;

/** The first bin of what is not finite, which nobody guesses. */
const FIRST_NON_FINITE = 0x7f80;

/** Magnitudes by their upper 16 bits: all of them, and those whose lower bits are not 0. */
export interface UpperBits {
  readonly all: SparseCounts;
  readonly inexact: SparseCounts;
}

/** Bins among which a threshold is, the ends included. Where both are one, the threshold is the exact value of this bin. */
export interface BinRange {
  readonly low: number;
  readonly high: number;
}

/**
 * The bins that are nearly sure to hold the threshold that keeps `share` (above 0, below 1) of what the `count` elements
 * that were counted are a sample of; undefined where they hold too much for that to help.
 */
export function likelyBins(counted: UpperBits, count: number, share: number): BinRange | undefined {
  const margin = MARGIN * Math.sqrt(count * share * (1 - share));
  const [first, last] = [share * count - margin, Math.min(share * count + margin, count)];
  if (first <= 0) return undefined;
  const range = { high: binReaching(counted.all, first), low: binReaching(counted.all, last) };
  if (range.high >= FIRST_NON_FINITE) return undefined;
  const { above, between } = around(range, counted);
  if (range.low !== range.high) return between <= MOST_BETWEEN * count ? range : undefined;
  const equal = countOf(counted.all, range.low) - countOf(counted.inexact, range.low);
  return above < first && above + equal >= last ? range : undefined;
}

/** The bin in which the number of elements, from the largest on, reaches `rank`. */
function binReaching({ bins, counts }: SparseCounts, rank: number): number {
  let reached = 0;
  for (let i = bins.length - 1; i > 0; i--) {
    reached += counts[i]!;
    if (reached >= rank) return bins[i]!;
  }
  return bins[0]!;
}

/** How many elements are larger than what a guess covers, and how many lie between the values at its ends. */
function around({ low, high }: BinRange, { all, inexact }: UpperBits): { above: number; between: number } {
  let above = low === high ? countOf(inexact, high) : 0;
  let between = low === high ? 0 : countOf(inexact, low) + countOf(inexact, high);
  for (let i = 0; i < all.bins.length; i++) {
    if (all.bins[i]! > high) above += all.counts[i]!;
    else if (all.bins[i]! > low && all.bins[i]! < high) between += all.counts[i]!;
  }
  return { above, between };
}

/**
 * Forgets what of a dense histogram lies outside of a guess, but for how much that is below and above, of `elements` in all.
 * `filled` are its bins that are not zero; the sums of `countAroundStored` are added.
 */
export function keepLikely(
  { low, high }: BinRange,
  { all, inexact }: { readonly all: Uint32Array; readonly inexact: Uint32Array },
  filled: Uint32Array,
  elements: number,
  [above, equalHigh, equalLow]: readonly [number, number, number],
): void {
  let larger = above;
  let inside = equalHigh + equalLow;
  for (const bin of filled) {
    const isInside = bin >= low && bin <= high;
    if (isInside && low === high) {
      larger += inexact[bin]!;
      all[bin]! -= inexact[bin]!;
    }
    if (isInside) inside += all[bin]!;
    else if (bin > high) larger += all[bin]!;
    if (!isInside) all[bin] = 0;
    if (!isInside || low === high) inexact[bin] = 0;
  }
  all[high]! += equalHigh;
  all[low]! += equalLow;
  all[BELOW]! += elements - inside - larger;
  all[ABOVE]! += larger;
}
