/** The tokenizer of a model: tokenizer.json, as the tokenizers library writes it, and what tokenizer_config.json adds. */
import { createHash } from 'node:crypto';
import { readTextFile } from '../checkpoint/text-file.js';
import { M2MergeError } from '../errors.js';
import type { ModelFiles } from '../io/model-files.js';

export const TOKENIZER_FILE = 'tokenizer.json';
export const TOKENIZER_CONFIG_FILE = 'tokenizer_config.json';

/** Largest tokenizer.json read, bytes; those of 256,000 tokens have about 35 MB. */
const MAX_TOKENIZER_BYTES = 256 * 1024 * 1024;

const MAX_TOKENIZER_CONFIG_BYTES = 64 * 1024 * 1024;

/** Largest id of a token: 64 times what the largest vocabularies have, so that no file makes a matrix of any height. */
const LARGEST_TOKEN_ID = 16_777_215;

/** Files of tokenizers that are not read, by which a model without tokenizer.json is told to have one all the same. */
const OTHER_FORMATS: readonly string[] = [
  'tokenizer.model',
  'sentencepiece.bpe.model',
  'spiece.model',
  'tekken.json',
  'tiktoken.model',
  'vocab.json',
  'vocab.txt',
];

type JsonObject = Readonly<Record<string, unknown>>;

/** A token that is found in the text before the model splits it, as the files describe it. */
export interface AddedToken {
  readonly id: number;
  readonly content: string;
  readonly single_word: boolean;
  readonly lstrip: boolean;
  readonly rstrip: boolean;
  readonly normalized: boolean;
  readonly special: boolean;
}

export interface Tokenizer {
  /** The file it is of, for messages. */
  readonly file: string;
  /** tokenizer.json as plain data. */
  readonly definition: JsonObject;
  /** Kind of the model: `BPE`, `Unigram`, `WordPiece` or `WordLevel`. */
  readonly kind: string;
  /** Ids of all tokens, normal and added. */
  readonly ids: ReadonlyMap<string, number>;
  /** By id. */
  readonly added: readonly AddedToken[];
  /** The same text for tokenizers of the same content. */
  readonly digest: string;
}

/**
 * Reads the tokenizer of a model; undefined when it has none in any format. Throws `tokenizer-missing` when it has one
 * without tokenizer.json, `tokenizer-invalid`, and what reading throws.
 */
export async function readTokenizer(files: ModelFiles, model: string): Promise<Tokenizer | undefined> {
  const names = await files.list();
  if (!names.includes(TOKENIZER_FILE)) {
    const found = OTHER_FORMATS.filter((name) => names.includes(name));
    if (found.length === 0) return undefined;
    throw new M2MergeError('tokenizer-missing', { model, found });
  }
  const text = await readText(files, TOKENIZER_FILE, MAX_TOKENIZER_BYTES);
  const config = await readTokenizerConfig(files);
  return parseTokenizer(text, files.describe(TOKENIZER_FILE), config?.added_tokens_decoder);
}

/** tokenizer_config.json as plain data; undefined when there is none. */
export async function readTokenizerConfig(files: ModelFiles): Promise<JsonObject | undefined> {
  if (!(await files.list()).includes(TOKENIZER_CONFIG_FILE)) return undefined;
  const file = files.describe(TOKENIZER_CONFIG_FILE);
  return parseObject(await readText(files, TOKENIZER_CONFIG_FILE, MAX_TOKENIZER_CONFIG_BYTES), file);
}

/** Throws `tokenizer-invalid`. `decoder` is what tokenizer_config.json says of added tokens, by their ids. */
export function parseTokenizer(text: string, file: string, decoder?: unknown): Tokenizer {
  const definition = parseObject(text, file);
  const { model } = definition;
  if (!isObject(model)) throw invalid(file, 'it has no "model" with a vocabulary');
  const ids = readVocabulary(model.vocab, file);
  const added = new Map<string, AddedToken>();
  for (const entry of [...listOf(definition.added_tokens), ...entriesOf(decoder)]) {
    const token = readAdded(entry, file);
    if (added.has(token.content)) continue;
    // The vocabulary decides: the library gives an added token that is in it the vocabulary's id.
    const id = ids.get(token.content) ?? token.id;
    ids.set(token.content, id);
    added.set(token.content, { ...token, id });
  }
  checkDistinct(ids, file);
  const digest = createHash('sha256')
    .update(text)
    .update(JSON.stringify(decoder ?? null))
    .digest('hex');
  const sorted = [...added.values()].sort((a, b) => a.id - b.id);
  return { file, definition, kind: kindOf(model), ids, added: sorted, digest };
}

/** Older files do not name the kind; scores stand in lists, merges beside the vocabulary. */
function kindOf({ type, vocab, merges }: JsonObject): string {
  if (typeof type === 'string') return type;
  if (Array.isArray(vocab)) return 'Unigram';
  return Array.isArray(merges) ? 'BPE' : 'WordPiece';
}

/** Tokens with their ids: a mapping, or (Unigram) a list of tokens and scores, whose places are the ids. */
function readVocabulary(vocab: unknown, file: string): Map<string, number> {
  const ids = new Map<string, number>();
  if (Array.isArray(vocab)) {
    vocab.forEach((entry, id) => {
      const token: unknown = Array.isArray(entry) ? entry[0] : undefined;
      if (typeof token !== 'string') throw invalid(file, `entry ${id} of the vocabulary is no token with its score`);
      if (!ids.has(token)) ids.set(token, id);
    });
    return ids;
  }
  if (!isObject(vocab)) throw invalid(file, 'its "model" has no vocabulary');
  for (const [token, id] of Object.entries(vocab)) ids.set(token, checkId(id, token, file));
  return ids;
}

function readAdded(entry: unknown, file: string): AddedToken {
  const { id, content, ...flags } = isObject(entry) ? entry : ({} as JsonObject);
  if (typeof content !== 'string') throw invalid(file, 'an added token has no content');
  const flag = (name: string, standard: boolean): boolean => {
    const value = flags[name];
    return typeof value === 'boolean' ? value : standard;
  };
  const special = flag('special', false);
  return {
    id: checkId(id, content, file),
    content,
    single_word: flag('single_word', false),
    lstrip: flag('lstrip', false),
    rstrip: flag('rstrip', false),
    normalized: flag('normalized', !special),
    special,
  };
}

function checkId(id: unknown, token: string, file: string): number {
  if (typeof id === 'number' && Number.isInteger(id) && id >= 0 && id <= LARGEST_TOKEN_ID) return id;
  throw invalid(file, `the id of token ${JSON.stringify(token)} is no number from 0 to ${LARGEST_TOKEN_ID}`);
}

function checkDistinct(ids: ReadonlyMap<string, number>, file: string): void {
  const tokens = new Map<number, string>();
  for (const [token, id] of ids) {
    const other = tokens.get(id);
    if (other !== undefined) {
      throw invalid(file, `tokens ${JSON.stringify(other)} and ${JSON.stringify(token)} have the same id ${id}`);
    }
    tokens.set(id, token);
  }
}

function entriesOf(decoder: unknown): unknown[] {
  if (!isObject(decoder)) return [];
  return Object.entries(decoder).map(([id, entry]) => ({ ...(entry as object), id: Number(id) }));
}

const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);

export const isObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

async function readText(files: ModelFiles, name: string, maxBytes: number): Promise<string> {
  return readTextFile(files, name, maxBytes, (detail) => invalid(files.describe(name), detail));
}

/** JSON as serde writes it: unlike Python's, without NaN. */
function parseObject(text: string, file: string): JsonObject {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw invalid(file, `invalid JSON: ${(error as Error).message}`);
  }
  if (!isObject(value)) throw invalid(file, 'expected a JSON object');
  return value;
}

function invalid(file: string, detail: string): M2MergeError<'tokenizer-invalid'> {
  return new M2MergeError('tokenizer-invalid', { file, detail });
}
