/** Histograms of which few bins are filled, and a ledger of many of them in bounded memory. */

/** Filled bins, ascending, and how often each was hit. Both arrays have the same length. */
export interface SparseCounts {
  readonly bins: Uint32Array;
  /** f64 where histograms were added up, since sums over a model may exceed 2^32. */
  readonly counts: Uint32Array | Float64Array;
}

export const NO_COUNTS: SparseCounts = { bins: new Uint32Array(0), counts: new Uint32Array(0) };

/** Words that the packer starts with; it grows to what the fullest histograms need. */
const FIRST_CAPACITY = 65_536;

/**
 * Packs sparse histograms back to back into one array, so that a unit's counts travel as one buffer: for each the number
 * of filled bins, the bins, then their counts.
 */
export class CountsPacker {
  #words = new Uint32Array(FIRST_CAPACITY);
  #length = 0;

  /** Appends a dense histogram of which only the bins `filled` (ascending) are not zero. */
  append(dense: Uint32Array, filled: Uint32Array): void {
    const counts = this.#appendBins(filled);
    for (let i = 0; i < filled.length; i++) this.#words[counts + i] = dense[filled[i]!]!;
  }

  appendSparse({ bins, counts }: SparseCounts): void {
    this.#words.set(counts, this.#appendBins(bins));
  }

  /** Makes room for a histogram of these bins; returns where its counts belong. */
  #appendBins(bins: Uint32Array): number {
    const head = this.#length;
    this.#length += 1 + 2 * bins.length;
    if (this.#length > this.#words.length) this.#grow();
    this.#words[head] = bins.length;
    this.#words.set(bins, head + 1);
    return head + 1 + bins.length;
  }

  /** What was appended since the last call, in an array of its own. */
  take(): Uint32Array {
    const packed = this.#words.slice(0, this.#length);
    this.#length = 0;
    return packed;
  }

  #grow(): void {
    const grown = new Uint32Array(2 * this.#length);
    grown.set(this.#words);
    this.#words = grown;
  }
}

/** The histograms of a packed array, in the order they were appended, as views of it. */
export function unpackCounts(packed: Uint32Array): SparseCounts[] {
  const histograms: SparseCounts[] = [];
  for (let head = 0; head < packed.length; ) {
    const filled = packed[head]!;
    const bins = packed.subarray(head + 1, head + 1 + filled);
    histograms.push({ bins, counts: packed.subarray(head + 1 + filled, head + 1 + 2 * filled) });
    head += 1 + 2 * filled;
  }
  return histograms;
}

/** Sum of two sparse histograms. */
export function mergeCounts(a: SparseCounts, b: SparseCounts): SparseCounts {
  if (a.bins.length === 0) return b;
  if (b.bins.length === 0) return a;
  const bins = new Uint32Array(a.bins.length + b.bins.length);
  const counts = new Float64Array(bins.length);
  let length = 0;
  for (let i = 0, j = 0; i < a.bins.length || j < b.bins.length; length++) {
    const binA = i < a.bins.length ? a.bins[i]! : Number.POSITIVE_INFINITY;
    const binB = j < b.bins.length ? b.bins[j]! : Number.POSITIVE_INFINITY;
    bins[length] = Math.min(binA, binB);
    counts[length] = (binA <= binB ? a.counts[i++]! : 0) + (binB <= binA ? b.counts[j++]! : 0);
  }
  return { bins: bins.slice(0, length), counts: counts.slice(0, length) };
}

/** How often `bin` was hit, by binary search. */
export function countOf({ bins, counts }: SparseCounts, bin: number): number {
  let low = 0;
  let high = bins.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (bins[middle]! < bin) low = middle + 1;
    else high = middle;
  }
  return bins[low] === bin ? counts[low]! : 0;
}

/** The bin that holds the `rank`-th largest value (from 1), and the rank inside that bin. */
export function locateRank({ bins, counts }: SparseCounts, rank: number): { bin: number; rank: number } {
  let remaining = rank;
  for (let i = bins.length - 1; i >= 0; i--) {
    if (remaining <= counts[i]!) return { bin: bins[i]!, rank: remaining };
    remaining -= counts[i]!;
  }
  throw new RangeError(`rank ${rank} exceeds the number of values counted`);
}

/**
 * Entries a ledger keeps before it coalesces neighbours: 8 bytes each, so 2 MB, for each operand of a merge. Real bf16
 * task vectors fill about 1,500 bins in a unit of a million elements, so a billion parameters fit at stride 8.
 */
const LEDGER_ENTRIES = 262_144;

/** Consecutive units whose histograms were added up: ordinals [first, first + length). */
export interface LedgerGroup {
  readonly first: number;
  readonly length: number;
  readonly counts: SparseCounts;
}

/**
 * One sparse histogram for each unit, so that a running count can be located; when they become many, neighbouring units
 * share one. What it holds depends on the units added, not on their order.
 */
export class CountLedger {
  readonly #capacity: number;
  #stride = 1;
  #entries = 0;
  #groups = new Map<number, SparseCounts>();

  constructor(capacity = LEDGER_ENTRIES) {
    this.#capacity = capacity;
  }

  add(ordinal: number, counts: SparseCounts): void {
    this.#addToGroup(Math.floor(ordinal / this.#stride), counts);
    while (this.#entries > this.#capacity && this.#groups.size > 1) this.#coalesce();
  }

  /** Groups in ordinal order. */
  groups(): LedgerGroup[] {
    return [...this.#groups]
      .sort(([a], [b]) => a - b)
      .map(([group, counts]) => ({ first: group * this.#stride, length: this.#stride, counts }));
  }

  #addToGroup(group: number, counts: SparseCounts): void {
    const present = this.#groups.get(group);
    const sum = present === undefined ? counts : mergeCounts(present, counts);
    this.#entries += sum.bins.length - (present?.bins.length ?? 0);
    this.#groups.set(group, sum);
  }

  #coalesce(): void {
    const previous = this.#groups;
    this.#groups = new Map();
    this.#entries = 0;
    this.#stride *= 2;
    for (const [group, counts] of previous) this.#addToGroup(Math.floor(group / 2), counts);
  }
}
