/** The tokens of the merged model and the ids that its inputs give them, read before the plan is made. */

import type { Checkpoint } from '../checkpoint/checkpoint.js';
import { ModelFolder } from '../checkpoint/model-folder.js';
import { M2MergeError } from '../errors.js';
import type { ModelFiles } from '../io/model-files.js';
import type { Recipe, RecipeTokenizer } from '../recipe/recipe.js';
import type { ModelReference } from '../recipe/reference.js';
import { type MergedTokenizer, TokenizerBuilder } from '../tokenizer/merged-tokenizer.js';
import { type Ids, TokenTable } from '../tokenizer/token-ids.js';
import { readTokenizer, type Tokenizer } from '../tokenizer/tokenizer.js';
import { type Warning, warning } from '../warnings.js';
import { vocabularyRows } from './embedding-rows.js';
import type { NamedCheckpoint } from './tensors.js';

/** What rows of embeddings and heads go by. */
export interface Vocabulary {
  readonly recipe: RecipeTokenizer;
  /** Token of each row; undefined for rows of no token, which hold the mean. */
  readonly tokens: readonly (string | undefined)[];
  /** Ids of tokens, by the name of the model. */
  readonly idsOf: ReadonlyMap<string, Ids>;
  readonly merged: MergedTokenizer;
  /** Where the files of the tokenizer that the merged one begins with are. */
  readonly files: ModelFiles;
  readonly warnings: readonly Warning[];
}

/** The files of a model, wherever they are. */
export function filesOf({ sideFiles, hub, folder }: Checkpoint): ModelFiles {
  return sideFiles ?? hub ?? new ModelFolder(folder);
}

/**
 * Reads the tokenizers of all models, the donor's first. `openFiles` finds a model that is none of them. Throws
 * `tokenizer-missing`, `tokenizer-invalid` and what opening throws.
 */
export async function readVocabulary(
  recipe: Recipe & { readonly tokenizer: RecipeTokenizer },
  models: readonly [donor: NamedCheckpoint, ...others: NamedCheckpoint[]],
  openFiles: (reference: ModelReference) => Promise<ModelFiles>,
): Promise<Vocabulary> {
  const reader = new VocabularyReader(recipe.tokenizer);
  return reader.read(models, openFiles);
}

/** A model and what its tokenizer says. */
interface Speaker {
  readonly name: string;
  readonly files: ModelFiles;
  readonly tokenizer: Tokenizer;
  /** Rows of its embedding; ids from there on mean nothing. */
  readonly limit: number;
}

class VocabularyReader {
  readonly #recipe: RecipeTokenizer;
  readonly #warnings: Warning[] = [];
  /** Most models of a merge have the same. */
  readonly #known = { table: new TokenTable(), tokenizers: new Map<string, Tokenizer>() };

  constructor(recipe: RecipeTokenizer) {
    this.#recipe = recipe;
  }

  async read(
    [donor, ...others]: readonly [NamedCheckpoint, ...NamedCheckpoint[]],
    openFiles: (reference: ModelReference) => Promise<ModelFiles>,
  ): Promise<Vocabulary> {
    const first = await this.#speaker(donor, undefined);
    const speakers = [first];
    for (const other of others) speakers.push(await this.#speaker(other, first));
    const begin = await this.#begin(first, speakers, openFiles);
    this.#noteRowless(begin);
    const builder = new TokenizerBuilder(begin.tokenizer, begin.limit);
    if (this.#recipe.source === 'union') await this.#join(builder, speakers);
    for (const token of this.#recipe.tokens.keys()) builder.addToken(token);
    const merged = await builder.finish();
    const rows = Math.ceil(merged.tokens.length / this.#recipe.padToMultipleOf) * this.#recipe.padToMultipleOf;
    return {
      recipe: this.#recipe,
      tokens: [...merged.tokens, ...new Array<undefined>(rows - merged.tokens.length).fill(undefined)],
      idsOf: new Map(speakers.map(({ name, tokenizer }) => [name, tokenizer.ids])),
      merged,
      files: begin.files,
      warnings: this.#warnings,
    };
  }

  /** The model whose tokenizer the merged one begins with. */
  async #begin(
    first: Speaker,
    speakers: readonly Speaker[],
    openFiles: (reference: ModelReference) => Promise<ModelFiles>,
  ): Promise<Speaker> {
    const { source } = this.#recipe;
    if (typeof source === 'string') return first;
    const merged = speakers.find(({ name }) => name === source.text);
    if (merged !== undefined) return merged;
    const files = await openFiles(source);
    const tokenizer = await this.#require(files, source.text);
    return { name: source.text, files, tokenizer, limit: Number.POSITIVE_INFINITY };
  }

  /** Says that tokens are left out for which their own model has no rows. */
  #noteRowless({ name, tokenizer, limit }: Speaker): void {
    const { ids } = tokenizer;
    if (ids.largest < limit) return;
    const rowless = [...ids.numbered()].filter(([, id]) => id >= limit);
    const [first] = rowless.sort(([, a], [, b]) => a - b);
    const facts = { model: name, token: ids.table.tokenOf(first![0]), count: rowless.length, rows: limit };
    this.#warnings.push(warning('tokens-without-rows', facts));
  }

  /** Normal tokens of all models come before all added ones, as in mergekit. */
  async #join(builder: TokenizerBuilder, speakers: readonly Speaker[]): Promise<void> {
    const [first, ...others] = distinct(speakers);
    for (const other of others) {
      const madeAdded = await builder.addNormal(other.tokenizer, other.limit);
      if (madeAdded === 0) continue;
      const facts = { model: other.name, kind: other.tokenizer.kind, base: first!.name };
      this.#warnings.push(warning('tokenizer-unlike', { ...facts, baseKind: first!.tokenizer.kind }));
    }
    for (const { name, tokenizer, limit } of others) {
      const differing = tokenizer.added.filter((token) => token.id < limit && builder.addAdded(token) !== undefined);
      if (differing[0] === undefined) continue;
      const facts = { token: differing[0].content, model: name, count: differing.length };
      this.#warnings.push(warning('tokens-redefined', facts));
    }
  }

  /** A model without a tokenizer is taken to have the `first` one's. */
  async #speaker({ name, checkpoint }: NamedCheckpoint, first: Speaker | undefined): Promise<Speaker> {
    const files = filesOf(checkpoint);
    const limit = vocabularyRows(checkpoint) ?? Number.POSITIVE_INFINITY;
    if (first === undefined) return { name, files, limit, tokenizer: await this.#require(files, name) };
    const tokenizer = await readTokenizer(files, name, this.#known);
    if (tokenizer !== undefined) return { name, files, limit, tokenizer: this.#note(tokenizer) };
    this.#warnings.push(warning('tokenizer-assumed', { model: name, like: first.name }));
    return { ...first, name, limit };
  }

  async #require(files: ModelFiles, model: string): Promise<Tokenizer> {
    const tokenizer = await readTokenizer(files, model, this.#known);
    if (tokenizer === undefined) throw new M2MergeError('tokenizer-missing', { model, found: [] });
    return this.#note(tokenizer);
  }

  #note(tokenizer: Tokenizer): Tokenizer {
    this.#known.tokenizers.set(tokenizer.digest, tokenizer);
    return tokenizer;
  }
}

/** Speakers that say something new. */
function distinct(speakers: readonly Speaker[]): readonly Speaker[] {
  const said = new Set<string>();
  return speakers.filter(({ tokenizer, limit }) => {
    const words = `${tokenizer.digest} ${Math.min(limit, tokenizer.ids.largest + 1)}`;
    return !said.has(words) && said.add(words);
  });
}
