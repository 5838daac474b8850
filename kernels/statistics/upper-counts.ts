/** The first stage of a search by rank: magnitudes by their upper 16 bits, in full or around a guess that then is checked. */
import { CountsSum } from './counts-sum.js';
import { type BinRange, likelyBins } from './rank-guess.js';
import { countOf, locateRank, mergeCounts, type SparseCounts } from './sparse-counts.js';

/**
 * How the counting begins. `histogram`: in full. `probe`: each unit guesses by its first elements. `sample`: some units are
 * counted in full, and then the others around one guess.
 */
export type Opening = 'histogram' | 'probe' | 'sample';

/** What the next pass has to count: upper bits in full, or around what a unit guesses itself, or around a guess. */
export type UpperRequest = { readonly upperBits: true } | { readonly share: number } | { readonly around: BinRange };

/** Of how many units one is counted in full for a guess. */
const UNITS_PER_SAMPLE = 16;

/** What one unit counted. */
export interface UpperPartial {
  /** Elements by upper 16 bits whose lower bits are zero. */
  readonly exact: SparseCounts;
  /** The others. */
  readonly inexact: SparseCounts;
  /** The guess, where no more was counted than what lies around it (see `keepLikely`). */
  readonly guess?: BinRange | undefined;
}

type Step = 'histogram' | 'probe' | 'sample' | 'around' | 'rest' | 'recount';

export class UpperCounts {
  readonly #keep: number | undefined;
  readonly #elements: number;
  #step: Step;
  #exact = new CountsSum();
  #inexact = new CountsSum();
  readonly #guessed = new Map<number, UpperPartial>();
  /** That of the sample. */
  #guess: BinRange | undefined;

  /** Of `elements` in all, `keep` of which are kept; unknown where the opening is `histogram`. */
  constructor(elements: number, keep: number | undefined, opening: Opening) {
    this.#elements = elements;
    this.#keep = keep;
    this.#step = opening;
  }

  /** Undefined in a first pass that others take part in. */
  get request(): UpperRequest | undefined {
    switch (this.#step) {
      case 'histogram':
        return undefined;
      case 'probe':
        return { share: this.#keep! / this.#elements };
      case 'around':
        return { around: this.#guess! };
      default:
        return { upperBits: true };
    }
  }

  /** Whether the current pass looks at a unit. */
  visits(ordinal: number): boolean {
    const isSample = ordinal % UNITS_PER_SAMPLE === 0;
    if (this.#step === 'sample') return isSample;
    if (this.#step === 'around' || this.#step === 'rest') return !isSample;
    return this.#step === 'recount' ? this.#guessed.has(ordinal) : true;
  }

  /** Returns whether this is all there is to know of the unit. */
  add(ordinal: number, partial: UpperPartial): boolean {
    if (partial.guess !== undefined) {
      this.#guessed.set(ordinal, partial);
      return false;
    }
    this.#exact.add(partial.exact);
    this.#inexact.add(partial.inexact);
    return true;
  }

  /** Whether what was counted tells where the rank lies; else there is another pass. */
  endPass(): boolean {
    if (this.#step === 'sample') {
      this.#takeSample();
      return false;
    }
    if (this.#step === 'recount') this.#guessed.clear();
    else if (!this.#takeGuesses()) {
      this.#step = 'recount';
      return false;
    }
    return true;
  }

  /** Of all units, once a pass has ended with that. */
  get total(): { readonly exact: SparseCounts; readonly inexact: SparseCounts } {
    return { exact: this.#exact.total(), inexact: this.#inexact.total() };
  }

  /** Units that were counted around a guess which proved right. */
  get guessed(): ReadonlyMap<number, UpperPartial> {
    return this.#guessed;
  }

  #takeSample(): void {
    const { exact, inexact } = this.total;
    const all = mergeCounts(exact, inexact);
    let sampled = 0;
    for (const count of all.counts) sampled += count;
    this.#guess = likelyBins({ all, inexact }, sampled, this.#keep! / this.#elements);
    this.#step = this.#guess === undefined ? 'rest' : 'around';
  }

  /** Adds what was counted around guesses if the rank lies in a bin that all of them cover, among what has its exact value. */
  #takeGuesses(): boolean {
    if (this.#guessed.size === 0) return true;
    const partials = [...this.#guessed.values()];
    const exact = sumOf(this.#exact, partials, (partial) => partial.exact);
    const inexact = sumOf(this.#inexact, partials, (partial) => partial.inexact);
    const { bin, rank } = locateRank(mergeCounts(exact.total(), inexact.total()), this.#keep!);
    const isCovered = partials.every(({ guess }) => bin >= guess!.low && bin <= guess!.high);
    if (!isCovered || rank <= countOf(inexact.total(), bin)) return false;
    this.#exact = exact;
    this.#inexact = inexact;
    return true;
  }
}

function sumOf(
  sum: CountsSum,
  partials: readonly UpperPartial[],
  countsOf: (partial: UpperPartial) => SparseCounts,
): CountsSum {
  const all = new CountsSum();
  for (const counts of [sum.total(), ...partials.map(countsOf)]) all.add(counts);
  return all;
}
