/** The tokenizer of a model: tokenizer.json, as the tokenizers library writes it, and what tokenizer_config.json adds. */
import { createHash, type Hash } from 'node:crypto';
import { JsonScanner } from '../checkpoint/json-scanner.js';
import { isObject, readValue } from '../checkpoint/python-json.js';
import { decodeText, readSmallFile, readTextFile } from '../checkpoint/text-file.js';
import { M2MergeError } from '../errors.js';
import type { ModelFiles } from '../io/model-files.js';
import { TokenIds, type TokenTable } from './token-ids.js';

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
  'tokenizer.model.v3',
  'sentencepiece.bpe.model',
  'spiece.model',
  'spm.model',
  'source.spm',
  'bpe.codes',
  'qwen.tiktoken',
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
  /** Reads the text of tokenizer.json once more: it is large, and seldom needed again. */
  readonly read: () => Promise<string>;
  /** Kind of the model: `BPE`, `Unigram`, `WordPiece` or `WordLevel`. */
  readonly kind: string;
  /** How tokens mean text; the same for tokenizers whose tokens mean it in the same way. */
  readonly way: string;
  /** Ids of all tokens, normal and added. */
  readonly ids: TokenIds;
  /** By id. */
  readonly added: readonly AddedToken[];
  /** Those of the added tokens that are not in the model's own table. */
  readonly outside: ReadonlySet<string>;
  /** The same text for tokenizers of the same content. */
  readonly digest: string;
}

/** What tokenizers of one merge have in common. */
export interface KnownTokens {
  readonly table: TokenTable;
  /** Tokenizers by their digests. */
  readonly tokenizers: ReadonlyMap<string, Tokenizer>;
}

/**
 * Reads the tokenizer of a model, or finds it among those known; undefined when the model has none in any format. Throws
 * `tokenizer-missing` when it has one without tokenizer.json, `tokenizer-invalid`, and what reading throws.
 */
export async function readTokenizer(
  files: ModelFiles,
  model: string,
  { table, tokenizers }: KnownTokens,
): Promise<Tokenizer | undefined> {
  const names = await files.list();
  if (!names.includes(TOKENIZER_FILE)) {
    const found = OTHER_FORMATS.filter((name) => names.includes(name));
    if (found.length === 0) return undefined;
    throw new M2MergeError('tokenizer-missing', { model, found });
  }
  const file = files.describe(TOKENIZER_FILE);
  const hash = createHash('sha256');
  const text = await readHashed(files, hash);
  const decoder = (await readTokenizerConfig(files))?.added_tokens_decoder;
  const digest = hash.update(JSON.stringify(decoder ?? null)).digest('hex');
  const known = tokenizers.get(digest);
  if (known !== undefined) return known;
  const more = { value: decoder, file: files.describe(TOKENIZER_CONFIG_FILE) };
  const parsed = parseTokenizer(text, file, new TokenIds(table), more);
  return { ...parsed, read: () => readText(files, TOKENIZER_FILE, MAX_TOKENIZER_BYTES), digest };
}

/** The text of tokenizer.json, whose bytes go to the hash, and are not kept beside it. */
async function readHashed(files: ModelFiles, hash: Hash): Promise<string> {
  const refuse = (detail: string): Error => invalid(files.describe(TOKENIZER_FILE), detail);
  const bytes = await readSmallFile(files, TOKENIZER_FILE, MAX_TOKENIZER_BYTES, refuse);
  hash.update(bytes);
  return decodeText(bytes, refuse);
}

/** tokenizer_config.json as plain data; undefined when there is none. Throws `tokenizer-invalid`. */
export async function readTokenizerConfig(files: ModelFiles): Promise<JsonObject | undefined> {
  const text = await readTokenizerConfigText(files);
  return text === undefined ? undefined : parseObject(text, files.describe(TOKENIZER_CONFIG_FILE));
}

/** The text of tokenizer_config.json, known to be an object; undefined when there is none. Throws `tokenizer-invalid`. */
export async function readTokenizerConfigText(files: ModelFiles): Promise<string | undefined> {
  if (!(await files.list()).includes(TOKENIZER_CONFIG_FILE)) return undefined;
  const text = await readText(files, TOKENIZER_CONFIG_FILE, MAX_TOKENIZER_CONFIG_BYTES);
  parseObject(text, files.describe(TOKENIZER_CONFIG_FILE));
  return text;
}

function parseObject(text: string, file: string): JsonObject {
  const scanner = scannerOf(text, file);
  if (scanner.peekKind() !== 'object') throw scanner.expected('an object');
  const value = readValue(scanner) as JsonObject;
  scanner.expectEnd();
  return value;
}

/** What tokenizer_config.json says of added tokens, by their ids. */
interface Decoder {
  readonly value: unknown;
  readonly file: string;
}

/**
 * Takes a tokenizer.json apart, with its tokens to `ids`, without building what is not asked for: real ones hold a million strings. Throws
 * `tokenizer-invalid`.
 */
function parseTokenizer(
  text: string,
  file: string,
  ids: TokenIds,
  decoder: Decoder,
): Omit<Tokenizer, 'read' | 'digest'> {
  const scanner = scannerOf(text, file);
  const fields = new Map<string, unknown>();
  let model: JsonObject | undefined;
  if (scanner.peekKind() !== 'object') throw scanner.expected('an object');
  scanner.readObject((key) => {
    if (key === 'model') model = readModel(scanner, ids, file);
    else if (FIELDS.has(key)) fields.set(key, readValue(scanner));
    else scanner.skipValue();
  });
  scanner.expectEnd();
  if (model === undefined) throw invalid(file, 'it has no "model" with a vocabulary');
  const added = new Map<string, AddedToken>();
  const outside = new Set<string>();
  const described = [
    ...listOf(fields.get('added_tokens')).map((entry) => readAdded(entry, file)),
    ...entriesOf(decoder.value).map((entry) => readAdded(entry, decoder.file)),
  ];
  for (const token of described) {
    if (added.has(token.content)) continue;
    // The vocabulary decides: the library gives an added token that is in it the vocabulary's id.
    const id = ids.get(token.content) ?? token.id;
    if (!ids.has(token.content)) outside.add(token.content);
    ids.set(token.content, id);
    added.set(token.content, { ...token, id });
  }
  checkDistinct(ids, file);
  const sorted = [...added.values()].sort((a, b) => a.id - b.id);
  return { file, kind: kindOf(model), way: wayOf(model, fields), ids, added: sorted, outside };
}

const FIELDS: ReadonlySet<string> = new Set(['added_tokens', 'pre_tokenizer', 'decoder']);

/** Puts the vocabulary into `ids`; returns what else the model says, of merges whether there are any. */
function readModel(scanner: JsonScanner, ids: TokenIds, file: string): JsonObject {
  if (scanner.peekKind() !== 'object') throw invalid(file, 'it has no "model" with a vocabulary');
  const members: [string, unknown][] = [];
  scanner.readObject((key) => {
    if (key === 'vocab') members.push([key, readVocabulary(scanner, ids, file)]);
    else if (key === 'merges') members.push([key, scanner.skipValue().end > 0]);
    else members.push([key, readValue(scanner)]);
  });
  const model = Object.fromEntries(members);
  if (model.vocab === undefined) throw invalid(file, 'its "model" has no vocabulary');
  return model;
}

/**
 * Tokens with their ids: a mapping, or (Unigram) a list of tokens and scores, whose places are the ids. Returns which of
 * the two it is.
 */
function readVocabulary(scanner: JsonScanner, ids: TokenIds, file: string): 'object' | 'array' {
  const kind = scanner.peekKind();
  if (kind === 'object') {
    scanner.readObject((token) => ids.set(token, checkId(readValue(scanner), token, file)));
    return kind;
  }
  if (kind !== 'array') throw invalid(file, 'its "model" has no vocabulary');
  let id = 0;
  scanner.readArray(() => {
    const entry = readValue(scanner);
    const token: unknown = Array.isArray(entry) ? entry[0] : undefined;
    if (typeof token !== 'string') throw invalid(file, `entry ${id} of the vocabulary is no token with its score`);
    if (!ids.has(token)) ids.set(token, id);
    id++;
  });
  return kind;
}

/** Older files do not name the kind; scores stand in lists, merges beside the vocabulary. */
function kindOf({ type, vocab, merges }: JsonObject): string {
  if (typeof type === 'string') return type;
  if (vocab === 'array') return 'Unigram';
  return merges === undefined ? 'WordPiece' : 'BPE';
}

function wayOf(model: JsonObject, fields: ReadonlyMap<string, unknown>): string {
  const { continuing_subword_prefix: prefix, end_of_word_suffix: suffix } = model;
  const steps = JSON.stringify([fields.get('pre_tokenizer'), fields.get('decoder')]);
  const types = new Set(steps.match(/ByteLevel|Metaspace|WordPiece/g));
  return JSON.stringify([kindOf(model), prefix ?? '', suffix ?? '', [...types].sort()]);
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

function checkDistinct(ids: TokenIds, file: string): void {
  let most = 0;
  for (const [, id] of ids.numbered()) most = Math.max(most, id);
  const seen = new Uint8Array(1 + most);
  for (const [token, id] of ids) {
    if (seen[id] === 1) throw invalid(file, `token ${JSON.stringify(token)} has the id ${id} of another token`);
    seen[id] = 1;
  }
}

function entriesOf(decoder: unknown): unknown[] {
  if (!isObject(decoder)) return [];
  return Object.entries(decoder).map(([id, entry]) => ({ ...(entry as object), id: Number(id) }));
}

const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);

async function readText(files: ModelFiles, name: string, maxBytes: number): Promise<string> {
  return readTextFile(files, name, maxBytes, (detail) => invalid(files.describe(name), detail));
}

function scannerOf(text: string, file: string): JsonScanner {
  return new JsonScanner(text, (detail) => invalid(file, `invalid JSON: ${detail}`));
}

function invalid(file: string, detail: string): M2MergeError<'tokenizer-invalid'> {
  return new M2MergeError('tokenizer-invalid', { file, detail });
}
