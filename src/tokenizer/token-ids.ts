/** Ids of tokens in several tokenizers, which have most of their tokens in common: each is kept once for all of them. */

/** What gives tokens ids. */
export interface Ids extends Iterable<readonly [token: string, id: number]> {
  readonly size: number;
  get(token: string): number | undefined;
}

/** Characters from which on V8 makes a slice of a text point into it, so that the whole text stays in memory. */
const SLICE_LENGTH = 13;

/** Every token that a tokenizer of the merge has, by numbers in the order of their first mention. */
export class TokenTable {
  readonly #numbers = new Map<string, number>();
  readonly #tokens: string[] = [];

  find(token: string): number | undefined {
    return this.#numbers.get(token);
  }

  add(token: string): number {
    const known = this.#numbers.get(token);
    if (known !== undefined) return known;
    const kept = token.length < SLICE_LENGTH ? token : Buffer.from(token).toString();
    this.#numbers.set(kept, this.#tokens.length);
    return this.#tokens.push(kept) - 1;
  }

  tokenOf(number: number): string {
    return this.#tokens[number]!;
  }
}

const ABSENT = -1;

/** Ids of tokens in one tokenizer. */
export class TokenIds implements Ids {
  readonly table: TokenTable;
  /** By the tokens' numbers in the table. */
  #ids = new Int32Array(0);
  #size = 0;

  constructor(table: TokenTable) {
    this.table = table;
  }

  get size(): number {
    return this.#size;
  }

  /** The largest id; −1 where there are none. */
  get largest(): number {
    return this.#ids.reduce((largest, id) => Math.max(largest, id), ABSENT);
  }

  get(token: string): number | undefined {
    const number = this.table.find(token);
    return number === undefined ? undefined : this.at(number);
  }

  has(token: string): boolean {
    return this.get(token) !== undefined;
  }

  /** The id of the token of a number in the table. */
  at(number: number): number | undefined {
    const id = this.#ids[number] ?? ABSENT;
    return id === ABSENT ? undefined : id;
  }

  set(token: string, id: number): void {
    this.setAt(this.table.add(token), id);
  }

  setAt(number: number, id: number): void {
    if (number >= this.#ids.length) {
      const ids = new Int32Array(Math.max(1024, 2 * number)).fill(ABSENT, this.#ids.length);
      ids.set(this.#ids);
      this.#ids = ids;
    }
    if (this.#ids[number] === ABSENT) this.#size++;
    this.#ids[number] = id;
  }

  /** Those below a limit, as ids of their own. */
  below(limit: number): TokenIds {
    const ids = new TokenIds(this.table);
    ids.#ids = this.#ids.map((id) => (id < limit ? id : ABSENT));
    ids.#size = ids.#ids.reduce((size, id) => size + Number(id !== ABSENT), 0);
    return ids;
  }

  /** Numbers in the table and ids, in the order of the numbers. */
  *numbered(): Iterable<readonly [number: number, id: number]> {
    for (const [number, id] of this.#ids.entries()) if (id !== ABSENT) yield [number, id];
  }

  *[Symbol.iterator](): Iterator<readonly [token: string, id: number]> {
    for (const [number, id] of this.numbered()) yield [this.table.tokenOf(number), id];
  }
}
