/** Which rows of which models the rows of a matrix come from, as runs of rows that follow each other. */
import { createHash } from 'node:crypto';

/** A row of a part (an index among the parts of the matrix). */
export interface RowTerm {
  readonly part: number;
  readonly row: number;
}

/**
 * Rows [first, first + count) of the matrix. Of one term, rows of that part from `row` on; of several, the mean of such
 * rows; of none, zeros; `mean`: the mean of all rows that are not like this.
 */
export interface RowRun {
  readonly first: number;
  readonly count: number;
  readonly terms: readonly RowTerm[] | 'mean';
}

export interface RowMap {
  /** Rows of the matrix. */
  readonly rows: number;
  /** Rows that the mean is of. */
  readonly averaged: number;
  /** In order, without gaps. */
  readonly runs: readonly RowRun[];
  /** Hex digest of the above: the same for equal maps. */
  readonly digest: string;
}

/** Rows of models, as found for one row of the matrix. */
export type Terms<M> = readonly { readonly model: M; readonly row: number }[] | 'mean';

/** Takes rows in order and joins what can be read at once. Parts are numbered in the order in which they come up. */
export class RowMapBuilder<M> {
  readonly #parts = new Map<M, number>();
  readonly #runs: { first: number; count: number; terms: readonly RowTerm[] | 'mean' }[] = [];
  #rows = 0;
  #averaged = 0;

  push(terms: Terms<M>): void {
    if (terms !== 'mean') this.#averaged++;
    const last = this.#runs.at(-1);
    const numbered = terms === 'mean' ? terms : terms.map(({ model, row }) => ({ part: this.#partOf(model), row }));
    if (last !== undefined && continues(last, numbered)) last.count++;
    else this.#runs.push({ first: this.#rows, count: 1, terms: numbered });
    this.#rows++;
  }

  /** The parts that occur, by their numbers. */
  get parts(): readonly M[] {
    return [...this.#parts.keys()];
  }

  finish(): RowMap {
    const map = { rows: this.#rows, averaged: this.#averaged, runs: this.#runs };
    return { ...map, digest: createHash('sha256').update(JSON.stringify(map)).digest('hex') };
  }

  #partOf(model: M): number {
    const part = this.#parts.get(model) ?? this.#parts.size;
    this.#parts.set(model, part);
    return part;
  }
}

function continues({ count, terms }: RowRun, next: readonly RowTerm[] | 'mean'): boolean {
  if (terms === 'mean' || next === 'mean') return terms === next;
  return (
    terms.length === next.length &&
    terms.every(({ part, row }, i) => part === next[i]!.part && row + count === next[i]!.row)
  );
}

/** Whether the matrix is the beginning of one part. */
export function isPlain({ runs }: RowMap): boolean {
  const [run, ...others] = runs;
  if (run === undefined || others.length > 0 || run.terms === 'mean') return false;
  return run.terms.length === 1 && run.terms[0]!.row === 0;
}
