/** Adds up many sparse histograms. */
import { NO_COUNTS, type SparseCounts } from './sparse-counts.js';

/**
 * Histograms that wait to be added together. More would save time and hold on to the memory of more units, as their
 * histograms are views of what a unit sent.
 */
const BATCH = 4;

/** Bins of the histograms that are added up here: the upper or the lower 16 bits of an f32. */
const MOST_BINS = 65_536;

/** Where a batch is added up; all zero in between. */
const dense = new Float64Array(MOST_BINS);

/** The sum of sparse histograms, whatever their order; counts are exact up to 2^53. */
export class CountsSum {
  #sum = NO_COUNTS;
  #waiting: SparseCounts[] = [];

  /** Takes a histogram of bins below 65,536, which must not change afterwards. */
  add(counts: SparseCounts): void {
    if (counts.bins.length === 0) return;
    this.#waiting.push(counts);
    if (this.#waiting.length >= BATCH) this.#addWaiting();
  }

  total(): SparseCounts {
    // Most tensors of a mixture of experts are one unit each.
    if (this.#sum === NO_COUNTS && this.#waiting.length === 1) return this.#waiting[0]!;
    if (this.#waiting.length > 0) this.#addWaiting();
    return this.#sum;
  }

  #addWaiting(): void {
    const parts = [this.#sum, ...this.#waiting].filter(({ bins }) => bins.length > 0);
    for (const { bins, counts } of parts) {
      for (let i = 0; i < bins.length; i++) dense[bins[i]!]! += counts[i]!;
    }
    const first = Math.min(...parts.map(({ bins }) => bins[0]!));
    const last = Math.max(...parts.map(({ bins }) => bins.at(-1)!));
    this.#sum = takeFilled(first, last);
    this.#waiting = [];
  }
}

/** The filled bins from `first` to `last` of `dense`, which are zeroed. */
function takeFilled(first: number, last: number): SparseCounts {
  let filled = 0;
  for (let bin = first; bin <= last; bin++) if (dense[bin] !== 0) filled++;
  const [bins, counts] = [new Uint32Array(filled), new Float64Array(filled)];
  let to = 0;
  for (let bin = first; bin <= last; bin++) {
    if (dense[bin] === 0) continue;
    bins[to] = bin;
    counts[to++] = dense[bin]!;
    dense[bin] = 0;
  }
  return { bins, counts };
}
