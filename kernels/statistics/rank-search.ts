/** The search for the k-th largest magnitude of one model, fed with the histograms of its units pass by pass. */
import type { UnitPosition } from '../statistic.js';
import { CountsSum } from './counts-sum.js';
import { CountLedger, countOf, locateRank, mergeCounts, type SparseCounts } from './sparse-counts.js';
import { type Opening, UpperCounts, type UpperPartial, type UpperRequest } from './upper-counts.js';

/** Bins of the lower 16 bits of an f32. */
export const LOW_BINS = 65_536;

/** Above every magnitude: nothing is kept. */
const ABOVE_ALL = 0x7fffffff;

/** `first`: as many ties at the threshold as it takes to keep exactly the count, by lowest index. `all`: every tie. */
export type TieRule = 'first' | 'all';

/** A threshold over the whole scope: ties are kept in units before `cutoff.ordinal`, and `allowance` of them in it. */
export interface Threshold {
  /** Bit pattern of |x| as f32. */
  readonly bits: number;
  readonly cutoff: { readonly ordinal: number; readonly allowance: number };
}

/** What one unit counted for one model in one pass. Of the second stage, `exact` are elements by their lower 16 bits. */
export interface UnitCounts extends UpperPartial {
  /** Third stage: elements equal to the threshold. */
  readonly ties: number;
}

/** What a pass has to count: upper bits, the lower bits of one bin, or the elements equal to a threshold. */
export type SearchRequest = UpperRequest | { readonly lowBitsOf: number } | { readonly tiesAt: number };

type Stage =
  | { readonly name: 'upper'; readonly counts: UpperCounts }
  | { readonly name: 'lower'; readonly bin: number; readonly rank: number; readonly low: CountsSum }
  | { readonly name: 'ties'; readonly bits: number; readonly kept: number; readonly group: Group }
  | { readonly name: 'done'; readonly result: 'all' | Threshold };

/** Units that share a histogram, with the ties in units before them and, in the third pass, those of each. */
interface Group {
  readonly first: number;
  readonly length: number;
  readonly before: number;
  readonly ties: Map<number, number>;
}

export interface SearchOptions {
  readonly ties: TieRule;
  readonly opening: Opening;
  readonly ledgerCapacity?: number | undefined;
}

export class RankSearch {
  readonly #keptOf: (nonZero: number) => number;
  readonly #elements: number;
  readonly #ties: TieRule;
  #stage: Stage;
  #ledger: CountLedger;
  readonly #ledgerCapacity: number | undefined;

  /**
   * Looks for the threshold that keeps `keep` of `elements`, a number or what follows from how many are not 0, which only a
   * histogram tells. `ledgerCapacity` bounds memory, see `CountLedger`.
   */
  constructor(
    keep: number | ((nonZero: number) => number),
    elements: number,
    { ties, opening, ledgerCapacity }: SearchOptions,
  ) {
    this.#keptOf = typeof keep === 'number' ? () => keep : keep;
    this.#elements = elements;
    this.#ties = ties;
    this.#ledgerCapacity = ledgerCapacity;
    this.#ledger = new CountLedger(ledgerCapacity);
    const known = typeof keep === 'number' ? this.#trivial(keep) : undefined;
    const wanted = typeof keep === 'number' ? keep : undefined;
    this.#stage = known ?? { name: 'upper', counts: new UpperCounts(elements, wanted, opening) };
  }

  get result(): 'all' | Threshold | undefined {
    return this.#stage.name === 'done' ? this.#stage.result : undefined;
  }

  /** What the next pass has to count for this model; undefined when it is done (or in a first pass that is shared). */
  get request(): SearchRequest | undefined {
    if (this.#stage.name === 'upper') return this.#stage.counts.request;
    if (this.#stage.name === 'lower') return { lowBitsOf: this.#stage.bin };
    if (this.#stage.name === 'ties') return { tiesAt: this.#stage.bits };
    return undefined;
  }

  /** Whether the next pass has to look at a unit. */
  visits({ ordinal }: UnitPosition): boolean {
    if (this.#stage.name === 'upper') return this.#stage.counts.visits(ordinal);
    if (this.#stage.name !== 'ties') return this.#stage.name !== 'done';
    const { first, length } = this.#stage.group;
    return ordinal >= first && ordinal < first + length;
  }

  /** Takes what a unit counted; nothing of units that other searches wanted a pass over. */
  add(position: UnitPosition, partial: UnitCounts): void {
    if (!this.visits(position)) return;
    const stage = this.#stage;
    if (stage.name === 'upper') {
      if (stage.counts.add(position.ordinal, partial)) this.#locateTies(position.ordinal, partial.exact);
    } else if (stage.name === 'lower') {
      stage.low.add(partial.exact);
      this.#locateTies(position.ordinal, partial.exact);
    } else if (stage.name === 'ties') stage.group.ties.set(position.ordinal, partial.ties);
  }

  #locateTies(ordinal: number, exact: SparseCounts): void {
    if (this.#ties === 'first') this.#ledger.add(ordinal, exact);
  }

  /** Draws what conclusion the pass allows: a result, the bits of the threshold, or at least its bin. */
  endPass(): void {
    const stage = this.#stage;
    if (stage.name === 'upper') {
      if (stage.counts.endPass()) this.#concludeUpper(stage.counts);
    } else if (stage.name === 'lower') {
      const counts = stage.low.total();
      const { bin: low, rank } = locateRank(counts, stage.rank);
      this.#settle(stage.bin * LOW_BINS + low, low, rank, countOf(counts, low));
    } else if (stage.name === 'ties') {
      const { bits, kept, group } = stage;
      const ordered = [...group.ties].sort(([a], [b]) => a - b).map(([first, ties]) => ({ first, ties }));
      const unit = locateTie(ordered, kept - group.before);
      this.#stage = {
        name: 'done',
        result: { bits, cutoff: { ordinal: unit.first, allowance: kept - group.before - unit.before } },
      };
    }
  }

  #concludeUpper(counts: UpperCounts): void {
    for (const [ordinal, { exact }] of counts.guessed) this.#locateTies(ordinal, exact);
    const { exact, inexact } = counts.total;
    const keep = this.#keptOf(this.#elements - countOf(exact, 0));
    const trivial = this.#trivial(keep);
    if (trivial !== undefined) {
      this.#stage = trivial;
      return;
    }
    const { bin, rank } = locateRank(mergeCounts(exact, inexact), keep);
    // Among equal upper bits the values with lower bits are the larger ones; below them are ties at the exact value.
    const larger = countOf(inexact, bin);
    if (rank > larger) this.#settle(bin * LOW_BINS, bin, rank - larger, countOf(exact, bin));
    else {
      this.#stage = { name: 'lower', bin, rank, low: new CountsSum() };
      this.#ledger = new CountLedger(this.#ledgerCapacity);
    }
  }

  /** Nothing to look for where all is kept, or nothing. */
  #trivial(keep: number): Extract<Stage, { name: 'done' }> | undefined {
    if (keep >= this.#elements) return { name: 'done', result: 'all' };
    if (keep > 0) return undefined;
    return { name: 'done', result: { bits: ABOVE_ALL, cutoff: { ordinal: -1, allowance: 0 } } };
  }

  /** The threshold is known: find the unit of the last kept tie, or the group of units to count once more. */
  #settle(bits: number, bin: number, kept: number, found: number): void {
    // Ties at zero add nothing to a merge, kept or not, so their place does not matter.
    if (this.#ties === 'all' || kept === found || bits === 0) {
      this.#stage = { name: 'done', result: { bits, cutoff: { ordinal: Number.MAX_SAFE_INTEGER, allowance: 0 } } };
      return;
    }
    const groups = this.#ledger.groups().map((group) => ({ ...group, ties: countOf(group.counts, bin) }));
    const { first, length, before } = locateTie(groups, kept);
    this.#stage =
      length === 1
        ? { name: 'done', result: { bits, cutoff: { ordinal: first, allowance: kept - before } } }
        : { name: 'ties', bits, kept, group: { first, length, before, ties: new Map() } };
    this.#ledger = new CountLedger(this.#ledgerCapacity);
  }
}

/** The entry in which the running number of ties reaches `wanted`, and the ties before it. */
function locateTie<E extends { readonly ties: number }>(entries: readonly E[], wanted: number): E & { before: number } {
  let before = 0;
  for (const entry of entries) {
    if (before + entry.ties >= wanted) return { ...entry, before };
    before += entry.ties;
  }
  throw new RangeError(`only ${before} of ${wanted} ties counted`);
}
