/** Small tokenizers as the tokenizers library writes them, and models whose rows tell token and model apart. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TensorToWrite, writeModel } from './safetensors.js';

export interface TokenizerToWrite {
  /** Normal tokens by id. */
  readonly tokens: readonly string[];
  /** Added tokens that follow them, or are among them. */
  readonly added?: readonly (string | Readonly<Record<string, unknown>>)[];
  readonly merges?: readonly unknown[];
  readonly kind?: 'BPE' | 'Unigram' | 'WordPiece';
  /** What else tokenizer_config.json says; undefined: there is none. */
  readonly config?: Readonly<Record<string, unknown>>;
}

const WORD_PIECE = { unk_token: '<unk>', continuing_subword_prefix: '##', max_input_chars_per_word: 100 };

function tokenizerJson({ tokens, added = [], merges = [], kind = 'BPE' }: TokenizerToWrite): object {
  let next = tokens.length;
  const numbered = added.map((entry) => {
    const token = typeof entry === 'string' ? { content: entry } : entry;
    const known = tokens.indexOf(token.content as string);
    const flags = { single_word: false, lstrip: false, rstrip: false, normalized: false, special: true };
    return { id: known >= 0 ? known : next++, ...flags, ...token };
  });
  const vocab = Object.fromEntries(tokens.map((token, id) => [token, id]));
  const model =
    kind === 'Unigram'
      ? { type: kind, unk_id: 0, vocab: tokens.map((token, id) => [token, -id / 2]) }
      : { type: kind, vocab, ...(kind === 'BPE' ? { unk_token: null, merges } : WORD_PIECE) };
  return { version: '1.0', truncation: null, padding: null, added_tokens: numbered, model };
}

/** Writes a tokenizer into a model's folder. */
export function writeTokenizer(folder: string, tokenizer: TokenizerToWrite): void {
  writeFileSync(join(folder, 'tokenizer.json'), `${JSON.stringify(tokenizerJson(tokenizer), null, 1)}\n`);
  if (tokenizer.config === undefined) return;
  writeFileSync(join(folder, 'tokenizer_config.json'), `${JSON.stringify(tokenizer.config)}\n`);
}

/** Tokens of a written tokenizer.json by id, as the tokenizers library numbers them. */
export function readTokens(folder: string): (string | undefined)[] {
  const { model, added_tokens: added } = JSON.parse(readFileSync(join(folder, 'tokenizer.json'), 'utf8'));
  const ids = new Map<string, number>(
    Array.isArray(model.vocab)
      ? model.vocab.map(([token]: [string], id: number) => [token, id])
      : Object.entries(model.vocab),
  );
  const size = ids.size;
  let last = -1;
  for (const { content } of added) {
    // The ids in the file do not count: a token of the vocabulary keeps its id, others are numbered one after the other.
    const id = ids.get(content) ?? (last >= size || size === 0 ? last + 1 : size);
    ids.set(content, id);
    last = Math.max(last, id);
  }
  const tokens: (string | undefined)[] = [];
  for (const [token, id] of ids) tokens[id] = token;
  return tokens;
}

export const EMBED = 'model.embed_tokens.weight';
export const HEAD = 'lm_head.weight';

export interface TokenModel extends TokenizerToWrite {
  /** Rows of embedding and head; by default as many as there are tokens. */
  readonly rows?: number;
  /** Thousands of every value. */
  readonly offset: number;
  readonly columns?: number;
  readonly dtype?: string;
  readonly head?: boolean;
  /** Without a tokenizer. */
  readonly bare?: boolean;
  readonly extra?: Readonly<Record<string, unknown>>;
}

/** The value of an element of the embedding; that of the head is 0.5 more. */
export const valueAt = ({ offset }: Pick<TokenModel, 'offset'>, row: number, column: number): number =>
  1000 * offset + 8 * row + column;

export function writeTokenModel(folder: string, name: string, model: TokenModel): void {
  const { tokens, added = [], columns = 2, dtype = 'F32', head = false } = model;
  const own = added.filter((entry) => !tokens.includes(typeof entry === 'string' ? entry : (entry.content as string)));
  const rows = model.rows ?? tokens.length + own.length;
  const matrix = (tensor: string, more: number): TensorToWrite => {
    const values = Array.from({ length: rows * columns }, (_, i) => {
      return valueAt(model, Math.floor(i / columns), i % columns) + more;
    });
    return { name: tensor, dtype, shape: [rows, columns], values };
  };
  const other = { name: 'model.layers.0.mlp.up_proj.weight', dtype, shape: [2, 2], values: [1, 2, 3, 4] };
  const tensors = [matrix(EMBED, 0), other, ...(head ? [matrix(HEAD, 0.5)] : [])];
  const config = { vocab_size: rows, num_hidden_layers: 1, tie_word_embeddings: !head, ...model.extra };
  writeModel(join(folder, name), tensors, { config });
  if (!model.bare) writeTokenizer(join(folder, name), model);
}
