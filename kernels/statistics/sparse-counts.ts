/** Histograms of which few bins are filled, and a ledger of many of them in bounded memory. */

/** Filled bins, ascending, and how often each was hit. Both arrays have the same length. */
export interface SparseCounts {
  readonly bins: Uint32Array;
  /** f64 where histograms were added up, since sums over a model may exceed 2^32. */
  readonly counts: Uint32Array | Float64Array;
}

/** Words that the packer starts with; it grows to what the fullest histograms need. */
const FIRST_CAPACITY = 65_536;

/**
 * Packs sparse histograms back to back into one array, so that a unit's counts travel as one buffer: for each the number
 * of filled bins, the bins, then their counts.
 */
export class CountsPacker {
  #words = new Uint32Array(FIRST_CAPACITY);
  #length = 0;

  /** Appends the filled bins of a dense histogram of an even number of bins, at an address that 8 divides. */
  append(dense: Uint32Array): void {
    if (this.#length + 1 + 2 * dense.length > this.#words.length) this.#grow(2 * dense.length);
    const words = this.#words;
    const head = this.#length;
    let filled = 0;
    // Most bins are empty: as f64, two u32 zeros are one comparison.
    const pairs = new Float64Array(dense.buffer, dense.byteOffset, dense.length / 2);
    for (let pair = 0; pair < pairs.length; pair++) {
      if (pairs[pair] === 0) continue;
      for (let bin = 2 * pair; bin < 2 * pair + 2; bin++) if (dense[bin] !== 0) words[head + 1 + filled++] = bin;
    }
    words[head] = filled;
    for (let i = 0; i < filled; i++) words[head + 1 + filled + i] = dense[words[head + 1 + i]!]!;
    this.#length = head + 1 + 2 * filled;
  }

  /** What was appended since the last call, in an array of its own. */
  take(): Uint32Array<ArrayBuffer> {
    const packed = this.#words.slice(0, this.#length);
    this.#length = 0;
    return packed;
  }

  #grow(room: number): void {
    const grown = new Uint32Array(2 * (this.#words.length + room));
    grown.set(this.#words.subarray(0, this.#length));
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
