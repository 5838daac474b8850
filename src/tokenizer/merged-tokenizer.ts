/** The tokenizer of a merged model: that of one model, cut to the rows there are, or joined with others'. */
import { type AddedToken, isObject, type Tokenizer } from './tokenizer.js';

type JsonObject = Readonly<Record<string, unknown>>;

/** Kinds of which several vocabularies can become one: their models are tables of tokens. */
const JOINABLE: ReadonlySet<string> = new Set(['BPE', 'Unigram', 'WordPiece', 'WordLevel']);

export interface MergedTokenizer {
  /** Token of each id; undefined where a number is no token's. */
  readonly tokens: readonly (string | undefined)[];
  /** What is to be written; undefined where the files of the tokenizer it began with say the same. */
  readonly changed: { readonly definition: JsonObject; readonly added: readonly AddedToken[] } | undefined;
}

/** A merge of a BPE model: the tokens that become one. */
type Pair = readonly [left: string, right: string];

export class TokenizerBuilder {
  readonly #first: Tokenizer;
  readonly #ids: Map<string, number>;
  readonly #added: Map<string, AddedToken>;
  /** Tokens of the first tokenizer that stay, so that merges into others are new ones. */
  readonly #own: ReadonlySet<string>;
  /** What joined vocabularies bring: merges by their text, and scores by token. */
  readonly #merges = new Map<string, Pair>();
  readonly #scores = new Map<string, number>();
  readonly #isCut: boolean;
  #next: number;
  #isExtended = false;
  #hasNewNormal = false;

  /** Begins with a tokenizer without the tokens of ids from `limit` on. */
  constructor(first: Tokenizer, limit: number) {
    this.#first = first;
    this.#ids = new Map([...first.ids].filter(([, id]) => id < limit));
    this.#added = new Map(first.added.filter(({ id }) => id < limit).map((token) => [token.content, token]));
    this.#own = new Set(this.#ids.keys());
    this.#isCut = this.#ids.size < first.ids.size;
    this.#next = 1 + [...this.#ids.values()].reduce((most, id) => Math.max(most, id), -1);
  }

  /** Whether the tokens of another tokenizer become tokens of the model, as those of a like kind do. */
  joins(other: Tokenizer): boolean {
    if (!JOINABLE.has(other.kind) || other.way !== this.#first.way) return false;
    return this.#first.kind !== 'Unigram' || this.#isWithoutGaps;
  }

  /** Whether a list of all tokens, whose places are the ids, is possible. */
  get #isWithoutGaps(): boolean {
    return this.#ids.size === this.#next;
  }

  /** Adds normal tokens that are not there yet, in the order of their ids, and what makes them of text. */
  addNormal(other: Tokenizer, limit: number): void {
    const added = new Set(other.added.map(({ content }) => content));
    const tokens = [...other.ids].filter(([token, id]) => id < limit && !added.has(token) && !this.#ids.has(token));
    tokens.sort(([, a], [, b]) => a - b);
    if (tokens.length === 0) return;
    if (!this.joins(other)) {
      for (const [token] of tokens) this.addToken(token);
      return;
    }
    for (const [token] of tokens) this.#number(token);
    this.#hasNewNormal = true;
    const { merges, vocab } = definitionOf(other).model;
    for (const pair of pairsOf(merges)) {
      const [left, right] = pair;
      if (!this.#own.has(left + right) && this.#ids.has(left + right)) this.#merges.set(`${left} ${right}`, pair);
    }
    for (const [token, score] of scoresOf(vocab)) if (!this.#scores.has(token)) this.#scores.set(token, score);
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

  finish(): MergedTokenizer {
    const tokens = new Array<string | undefined>(this.#next).fill(undefined);
    for (const [token, id] of this.#ids) tokens[id] = token;
    if (!this.#isExtended && !this.#isCut && !this.#hasNewNormal) return { tokens, changed: undefined };
    const added = [...this.#added.values()].sort((a, b) => a.id - b.id);
    return { tokens, changed: { added, definition: this.#definition(tokens, added) } };
  }

  #number(token: string): number {
    this.#ids.set(token, this.#next);
    return this.#next++;
  }

  #definition(tokens: readonly (string | undefined)[], added: readonly AddedToken[]): JsonObject {
    const definition = definitionOf(this.#first);
    const { model } = definition;
    const vocabulary = this.#vocabulary(model.vocab, tokens, added);
    const merges = Array.isArray(model.merges) ? { merges: this.#allMerges(model.merges, vocabulary.tokens) } : {};
    return { ...definition, added_tokens: added, model: { ...model, vocab: vocabulary.table, ...merges } };
  }

  /** The model's own table, with the tokens that it must hold. */
  #vocabulary(vocab: unknown, tokens: readonly (string | undefined)[], added: readonly AddedToken[]) {
    const normal = tokens.filter((token) => token !== undefined && this.#isOfModel(token, vocab)) as string[];
    // The library numbers added tokens by their order alone, except those that the model knows.
    const canHoldAll = !Array.isArray(vocab) || this.#isWithoutGaps;
    const holdsAll = this.#hasNewNormal || (canHoldAll && !isNumberedByOrder(normal.length, new Set(normal), added));
    const held = new Set(holdsAll ? tokens.filter((token) => token !== undefined) : normal);
    if (Array.isArray(vocab)) {
      const scores = new Map([...this.#scores, ...scoresOf(vocab)]);
      const last = tokens.findLastIndex((token) => token !== undefined && held.has(token));
      const table = tokens.slice(0, last + 1).map((token = '') => [token, scores.get(token) ?? 0]);
      return { tokens: held, table };
    }
    const entries = [...held].map((token) => [token, this.#ids.get(token)!] as const);
    return { tokens: held, table: Object.fromEntries(entries) };
  }

  #isOfModel(token: string, vocab: unknown): boolean {
    if (!this.#own.has(token)) return this.#hasNewNormal && !this.#added.has(token);
    if (Array.isArray(vocab)) return this.#first.ids.get(token)! < vocab.length;
    return isObject(vocab) && Object.hasOwn(vocab, token);
  }

  /** Merges of tokens that are there, in the form of the first tokenizer's: texts or pairs. */
  #allMerges(own: readonly unknown[], tokens: ReadonlySet<string>): readonly unknown[] {
    const known = this.#isCut
      ? own.filter((_, i) => pairsOf(own.slice(i, i + 1)).every((pair) => isPossible(pair, tokens)))
      : own;
    const more = [...this.#merges.values()].filter((pair) => isPossible(pair, tokens));
    const asTexts = typeof own[0] === 'string' && more.every((pair) => !pair.join('').includes(' '));
    if (asTexts || more.length === 0) return [...known, ...more.map((pair) => pair.join(' '))];
    return [...pairsOf(known), ...more];
  }
}

/** The whole file, which is large: for as long as it is being looked at. */
function definitionOf({ text }: Tokenizer): JsonObject & { readonly model: JsonObject } {
  return JSON.parse(text);
}

function pairsOf(merges: unknown): Pair[] {
  if (!Array.isArray(merges)) return [];
  return merges.flatMap((merge: unknown): Pair[] => {
    const parts = typeof merge === 'string' ? merge.split(' ') : merge;
    if (!Array.isArray(parts) || parts.length !== 2 || !parts.every((part) => typeof part === 'string')) return [];
    return [parts as unknown as Pair];
  });
}

const isPossible = ([left, right]: Pair, tokens: ReadonlySet<string>): boolean =>
  tokens.has(left) && tokens.has(right) && tokens.has(left + right);

function scoresOf(vocab: unknown): [string, number][] {
  return Array.isArray(vocab) ? (vocab as [string, number][]).map(([token, score]) => [token, score]) : [];
}

function isAlike(a: AddedToken, b: AddedToken): boolean {
  const flags = ['single_word', 'lstrip', 'rstrip', 'normalized', 'special'] as const;
  return flags.every((flag) => a[flag] === b[flag]);
}

/** Whether the library, which ignores the ids of added tokens, gives them just these. */
function isNumberedByOrder(size: number, ofModel: ReadonlySet<string>, added: readonly AddedToken[]): boolean {
  let next = size;
  return added.every(({ content, id }) => ofModel.has(content) || id === next++);
}
