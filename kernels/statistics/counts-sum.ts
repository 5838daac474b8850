/** Adds up many sparse histograms. */
import { NO_COUNTS, type SparseCounts } from './sparse-counts.js';

/** Bins of a page: two exponents of what is binned by the upper 16 bits of an f32. */
const PAGE_BINS = 256;

/** The sum of sparse histograms, whatever their order; counts are exact up to 2^53. */
export class CountsSum {
  /** The first histogram, as long as it is the only one: most tensors of a mixture of experts are one unit each. */
  #only: SparseCounts | undefined;
  /** Counts of all bins of the pages that any histogram has a bin in. */
  #pages: (Float64Array | undefined)[] = [];
  /** The sum, once somebody asked for it and until more comes. */
  #total: SparseCounts | undefined = NO_COUNTS;

  /** Takes a histogram, which must not change afterwards. */
  add(counts: SparseCounts): void {
    if (counts.bins.length === 0) return;
    const isFirst = this.#total === NO_COUNTS;
    this.#total = isFirst ? counts : undefined;
    if (isFirst) {
      this.#only = counts;
      return;
    }
    if (this.#only !== undefined) this.#addToPages(this.#only);
    this.#only = undefined;
    this.#addToPages(counts);
  }

  total(): SparseCounts {
    this.#total ??= gather(this.#pages);
    return this.#total;
  }

  #addToPages({ bins, counts }: SparseCounts): void {
    const pages = this.#pages;
    for (let i = 0; i < bins.length; i++) {
      const bin = bins[i]!;
      const number = Math.floor(bin / PAGE_BINS);
      const page = pages[number] ?? new Float64Array(PAGE_BINS);
      pages[number] = page;
      page[bin % PAGE_BINS]! += counts[i]!;
    }
  }
}

/** The filled bins of all pages. */
function gather(pages: readonly (Float64Array | undefined)[]): SparseCounts {
  let filled = 0;
  for (const page of pages) if (page !== undefined) for (const count of page) if (count !== 0) filled++;
  const [bins, counts] = [new Uint32Array(filled), new Float64Array(filled)];
  let to = 0;
  for (const [number, page] of pages.entries()) {
    if (page === undefined) continue;
    for (let bin = 0; bin < PAGE_BINS; bin++) {
      if (page[bin] === 0) continue;
      bins[to] = number * PAGE_BINS + bin;
      counts[to++] = page[bin]!;
    }
  }
  return { bins, counts };
}
