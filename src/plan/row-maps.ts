/** Which rows of which models the rows of a matrix come from, as runs of rows that follow each other. */
import { createHash } from 'node:crypto';

/** What a plan says of such a matrix; the runs themselves are `PreparedMerge.rowRuns` of the same index. */
export interface RowMap {
  /** Rows of the matrix. */
  readonly rows: number;
  /** Rows that the mean is of: all but those that hold it. */
  readonly averaged: number;
  /** Whether some rows are means, so that they are not as any model stores them. */
  readonly hasMeans: boolean;
  /** Hex digest of the runs: the same for equal ones. */
  readonly digest: string;
}

/**
 * Rows [starts[i], starts[i + 1]) of the matrix are run i. Its terms are the pairs (part, row) of `terms` from
 * offsets[i] to offsets[i + 1]: of one pair, rows of that part from `row` on; of several, the mean of such rows; of none,
 * zeros; of the part MEAN_OF_ROWS, the mean of all rows that are not like this.
 */
export interface RowRuns {
  readonly starts: Int32Array;
  readonly offsets: Int32Array;
  readonly terms: Int32Array;
}

export const MEAN_OF_ROWS = -1;

/** Rows of models, as found for one row of the matrix. */
export type Terms<M> = readonly { readonly model: M; readonly row: number }[] | 'mean';

/** Takes rows in order and joins what can be read at once. Parts are numbered in the order in which they come up. */
export class RowMapBuilder<M> {
  readonly #parts = new Map<M, number>();
  readonly #starts: number[] = [];
  readonly #offsets: number[] = [];
  readonly #terms: number[] = [];
  #rows = 0;
  #averaged = 0;
  #hasMeans = false;

  push(terms: Terms<M>): void {
    if (terms === 'mean' || terms.length > 1) this.#hasMeans = true;
    if (terms !== 'mean') this.#averaged++;
    if (!this.#continues(terms)) {
      this.#starts.push(this.#rows);
      this.#offsets.push(this.#terms.length);
      if (terms === 'mean') this.#terms.push(MEAN_OF_ROWS, 0);
      else for (const { model, row } of terms) this.#terms.push(this.#partOf(model), row);
    }
    this.#rows++;
  }

  /** The parts that occur, by their numbers. */
  get parts(): readonly M[] {
    return [...this.#parts.keys()];
  }

  /** Whether the matrix is the beginning of one part. */
  get isPlain(): boolean {
    return this.#starts.length === 1 && this.#terms.length === 2 && this.#terms[0] === 0 && this.#terms[1] === 0;
  }

  finish(): { readonly map: RowMap; readonly runs: RowRuns } {
    const runs = {
      starts: Int32Array.from([...this.#starts, this.#rows]),
      offsets: Int32Array.from([...this.#offsets, this.#terms.length]),
      terms: Int32Array.from(this.#terms),
    };
    const hash = createHash('sha256');
    for (const numbers of Object.values(runs)) hash.update(`${numbers.length} `).update(numbers);
    const known = { rows: this.#rows, averaged: this.#averaged, hasMeans: this.#hasMeans };
    return { map: { ...known, digest: hash.digest('hex') }, runs };
  }

  /** Whether a row is the next of the last run. */
  #continues(terms: Terms<M>): boolean {
    const last = this.#starts.length - 1;
    if (last < 0) return false;
    const begin = this.#offsets[last]!;
    const count = (this.#terms.length - begin) / 2;
    if (terms === 'mean') return count === 1 && this.#terms[begin] === MEAN_OF_ROWS;
    const distance = this.#rows - this.#starts[last]!;
    return (
      count === terms.length &&
      terms.every(({ model, row }, i) => {
        const at = begin + 2 * i;
        return this.#terms[at] === this.#parts.get(model) && this.#terms[at + 1]! + distance === row;
      })
    );
  }

  #partOf(model: M): number {
    const part = this.#parts.get(model) ?? this.#parts.size;
    this.#parts.set(model, part);
    return part;
  }
}

/** Index of the run that a row lies in. */
export function runIndex({ starts }: RowRuns, row: number): number {
  let low = 0;
  let high = starts.length - 2;
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (starts[middle]! <= row) low = middle;
    else high = middle - 1;
  }
  return low;
}

/** A copy of the runs alone that rows `first` to `last` lie in. */
export function runsWithin(runs: RowRuns, first: number, last: number): RowRuns {
  const begin = runIndex(runs, first);
  const end = runIndex(runs, last) + 1;
  const offsets = runs.offsets.slice(begin, end + 1);
  const [from = 0] = offsets;
  return {
    starts: runs.starts.slice(begin, end + 1),
    offsets: offsets.map((offset) => offset - from),
    terms: runs.terms.slice(from, runs.offsets[end]),
  };
}

/** The rows of a part that runs take, from the first to behind the last; undefined where they take none. */
export function rowsOfPart(
  { starts, offsets, terms }: RowRuns,
  part: number,
): { first: number; end: number } | undefined {
  let [first, end] = [Number.POSITIVE_INFINITY, 0];
  for (let run = 0; run < starts.length - 1; run++) {
    const rows = starts[run + 1]! - starts[run]!;
    for (let term = offsets[run]!; term < offsets[run + 1]!; term += 2) {
      if (terms[term] !== part) continue;
      first = Math.min(first, terms[term + 1]!);
      end = Math.max(end, terms[term + 1]! + rows);
    }
  }
  return end === 0 ? undefined : { first, end };
}
