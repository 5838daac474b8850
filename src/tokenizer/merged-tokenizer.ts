/** The tokenizer of a merged model: that of one model, cut to the rows there are, or joined with others'. */
import type { TokenIds } from './token-ids.js';
import type { AddedToken, Tokenizer } from './tokenizer.js';
import { type ListEdit, type Pair, TokenizerText } from './tokenizer-text.js';

/** Kinds of which several vocabularies can become one: their models are tables of tokens. */
const JOINABLE: ReadonlySet<string> = new Set(['BPE', 'Unigram', 'WordPiece', 'WordLevel']);

export interface MergedTokenizer {
  /** Token of each id; undefined where a number is no token's. */
  readonly tokens: readonly (string | undefined)[];
  /** What is to be written; undefined where the files of the tokenizer it began with say the same. */
  readonly changed: { readonly json: Uint8Array; readonly added: readonly AddedToken[] } | undefined;
}

export class TokenizerBuilder {
  readonly #first: Tokenizer;
  readonly #limit: number;
  readonly #ids: TokenIds;
  readonly #added: Map<string, AddedToken>;
  /** What joined vocabularies bring: merges, see `mergeKey`, and scores by token. */
  readonly #merges = new Set<number>();
  readonly #scores = new Map<string, number>();
  readonly #isCut: boolean;
  #next: number;
  #isExtended = false;
  #hasNewNormal = false;

  /** Begins with a tokenizer without the tokens of ids from `limit` on. */
  constructor(first: Tokenizer, limit: number) {
    this.#first = first;
    this.#limit = limit;
    this.#ids = first.ids.below(limit);
    this.#next = 0;
    for (const [, id] of this.#ids.numbered()) this.#next = Math.max(this.#next, id + 1);
    this.#added = new Map(first.added.filter(({ id }) => id < limit).map((token) => [token.content, token]));
    this.#isCut = this.#ids.size < first.ids.size;
  }

  /** Whether the tokens of another tokenizer become tokens of the model, as those of a like kind do. */
  #joins(other: Tokenizer): boolean {
    if (!JOINABLE.has(other.kind) || other.way !== this.#first.way) return false;
    return this.#first.kind !== 'Unigram' || this.#isWithoutGaps;
  }

  /**
   * Adds normal tokens that are not there yet, in the order of their ids, and what makes them of text. Returns how many had
   * to become added tokens.
   */
  async addNormal(other: Tokenizer, limit: number): Promise<number> {
    const { table } = other.ids;
    const added = new Set(other.added.map(({ content }) => table.find(content)));
    const tokens: number[] = [];
    for (const [token, id] of other.ids.numbered()) {
      if (id < limit && !added.has(token) && this.#ids.at(token) === undefined) tokens.push(token);
    }
    tokens.sort((a, b) => other.ids.at(a)! - other.ids.at(b)!);
    if (tokens.length === 0) return 0;
    if (!this.#joins(other)) {
      for (const token of tokens) this.addToken(table.tokenOf(token));
      return tokens.length;
    }
    for (const token of tokens) this.#ids.setAt(token, this.#next++);
    this.#hasNewNormal = true;
    const text = new TokenizerText(await other.read());
    text.forEachMerge(([left, right]) => {
      const made = left + right;
      const key = this.#isOwn(made) || !this.#ids.has(made) ? undefined : mergeKey(table.find(left), table.find(right));
      if (key !== undefined) this.#merges.add(key);
    });
    text.forEachScore((token, score) => {
      if (!this.#isOwn(token) && !this.#scores.has(token)) this.#scores.set(token, score);
    });
    return 0;
  }

  /** Adds an added token; undefined if it is new or the same, else what is known of it. */
  addAdded(token: AddedToken): AddedToken | undefined {
    const known = this.#added.get(token.content);
    if (known !== undefined) return isAlike(known, token) ? undefined : known;
    this.#added.set(token.content, { ...token, id: this.#ids.get(token.content) ?? this.#number(token.content) });
    this.#isExtended = true;
    return undefined;
  }

  /** Adds a word as an added token, unless it is a token already. */
  addToken(content: string): void {
    if (this.#ids.has(content)) return;
    const flags = { single_word: false, lstrip: false, rstrip: false, normalized: true, special: false };
    this.addAdded({ id: this.#next, content, ...flags });
  }

  async finish(): Promise<MergedTokenizer> {
    const tokens = new Array<string | undefined>(this.#next).fill(undefined);
    for (const [token, id] of this.#ids) tokens[id] = token;
    if (!this.#isExtended && !this.#isCut && !this.#hasNewNormal) return { tokens, changed: undefined };
    const added = [...this.#added.values()].sort((a, b) => a.id - b.id);
    const text = new TokenizerText(await this.#first.read());
    const held = this.#heldByModel(tokens, added);
    const merges = text.hasMerges ? this.#mergesEdit(text, held) : undefined;
    return {
      tokens,
      changed: { added, json: text.edit({ added, vocab: this.#vocabEdit(text, tokens, held), merges }) },
    };
  }

  #number(token: string): number {
    this.#ids.set(token, this.#next);
    return this.#next++;
  }

  /** Whether a token is of the first tokenizer, so that its own merges make it. */
  #isOwn(token: string): boolean {
    const id = this.#first.ids.get(token);
    return id !== undefined && id < this.#limit;
  }

  /** Whether a token is in the table of the first tokenizer's model. */
  #isInTable(token: string): boolean {
    return this.#isOwn(token) && !this.#first.outside.has(token);
  }

  /** Whether a list of all tokens, whose places are the ids, is possible. */
  get #isWithoutGaps(): boolean {
    return this.#ids.size === this.#next;
  }

  /** Whether a token is one of those that the model's own table must hold. */
  #heldByModel(tokens: readonly (string | undefined)[], added: readonly AddedToken[]): (token: string) => boolean {
    const isNormal = (token: string): boolean =>
      this.#isInTable(token) ||
      (this.#hasNewNormal && this.#ids.has(token) && !this.#isOwn(token) && !this.#added.has(token));
    const size = tokens.reduce((count, token) => count + Number(token !== undefined && isNormal(token)), 0);
    // The library numbers added tokens by their order alone, except those that the model knows.
    const canHoldAll = this.#first.kind !== 'Unigram' || this.#isWithoutGaps;
    const holdsAll = this.#hasNewNormal || (canHoldAll && !isNumberedByOrder(size, isNormal, added));
    return holdsAll ? (token) => this.#ids.has(token) : isNormal;
  }

  #vocabEdit(
    text: TokenizerText,
    tokens: readonly (string | undefined)[],
    held: (token: string) => boolean,
  ): ListEdit | undefined {
    const isWritten = (token: string | undefined): token is string =>
      token !== undefined && held(token) && (this.#isCut || !this.#isInTable(token));
    if (!this.#isCut && !tokens.some(isWritten)) return undefined;
    const isUnigram = this.#first.kind === 'Unigram';
    if (isUnigram && this.#isCut) text.forEachScore((token, score) => this.#scores.set(token, score));
    const format = (token: string, id: number): string =>
      isUnigram ? JSON.stringify([token, this.#scores.get(token) ?? 0]) : `${JSON.stringify(token)}: ${id}`;
    const entries = function* (): Iterable<string> {
      for (const [id, token] of tokens.entries()) if (isWritten(token)) yield format(token, id);
    };
    return { entries: entries(), replaces: this.#isCut };
  }

  /** Merges of tokens that are there, in the form of the first tokenizer's: texts or pairs. */
  #mergesEdit(text: TokenizerText, held: (token: string) => boolean): ListEdit | undefined {
    const isPossible = ([left, right]: Pair): boolean => held(left) && held(right) && held(left + right);
    const more = [...this.#merges].filter((key) => isPossible(this.#pairOf(key)));
    if (more.length === 0 && !this.#isCut) return undefined;
    let areTexts = true;
    text.forEachMerge((_, isText) => {
      areTexts &&= isText;
    });
    // A text parts its tokens by a space.
    const canBeTexts = areTexts && more.every((key) => !this.#pairOf(key).join('').includes(' '));
    const format = (pair: Pair): string => JSON.stringify(canBeTexts ? pair.join(' ') : pair);
    const replaces = this.#isCut || (areTexts && !canBeTexts);
    const own = replaces ? this.#ownMerges(text, isPossible) : new Map<number, Pair>();
    // Of tokens that others have rows for, and the first tokenizer has without, it may have the merges as well.
    const others = more.filter((key) => !own.has(key)).map((key) => this.#pairOf(key));
    const entries = function* (): Iterable<string> {
      for (const pairs of [own.values(), others]) for (const pair of pairs) yield format(pair);
    };
    return { entries: entries(), replaces };
  }

  /** The merges of the first tokenizer that stay, by key and in their order. */
  #ownMerges(text: TokenizerText, isPossible: (pair: Pair) => boolean): ReadonlyMap<number, Pair> {
    const { table } = this.#ids;
    const own = new Map<number, Pair>();
    text.forEachMerge((pair) => {
      const key = mergeKey(table.find(pair[0]), table.find(pair[1]));
      if (key !== undefined && isPossible(pair)) own.set(key, pair);
    });
    return own;
  }

  #pairOf(key: number): Pair {
    const { table } = this.#ids;
    return [table.tokenOf(Math.floor(key / MOST_TOKENS)), table.tokenOf(key % MOST_TOKENS)];
  }
}

/** More than all tokenizers of a merge have: numbers of two tokens make one that is exact. */
const MOST_TOKENS = 2 ** 26;

/** A merge as one number, of those that its tokens have in the table: a string for each takes ten times the memory. */
function mergeKey(left: number | undefined, right: number | undefined): number | undefined {
  return left === undefined || right === undefined ? undefined : left * MOST_TOKENS + right;
}

function isAlike(a: AddedToken, b: AddedToken): boolean {
  const flags = ['single_word', 'lstrip', 'rstrip', 'normalized', 'special'] as const;
  return flags.every((flag) => a[flag] === b[flag]);
}

/** Whether the library, which ignores the ids of added tokens, gives them just these after a table of so many tokens. */
function isNumberedByOrder(size: number, isNormal: (token: string) => boolean, added: readonly AddedToken[]): boolean {
  let next = size;
  return added.every(({ content, id }) => isNormal(content) || id === next++);
}
