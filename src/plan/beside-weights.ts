/** What the tokenizer keys of a recipe make of the files beside the weights. */
import { createHash } from 'node:crypto';
import { type ConfigField, parseConfig, updateConfig } from '../checkpoint/config.js';
import { isTokenizerFile } from '../checkpoint/side-files.js';
import { readTextFile } from '../checkpoint/text-file.js';
import { M2MergeError } from '../errors.js';
import type { ModelFiles } from '../io/model-files.js';
import type { ByteSource } from '../io/source.js';
import { CHAT_TEMPLATE_FILE, commonTemplate, readChatTemplate } from '../tokenizer/chat-templates.js';
import {
  type AddedToken,
  readTokenizerConfigText,
  TOKENIZER_CONFIG_FILE,
  TOKENIZER_FILE,
} from '../tokenizer/tokenizer.js';
import type { Warning } from '../warnings.js';
import { type TokenIdFields, tokenIdFields } from './token-id-fields.js';
import type { Vocabulary } from './vocabulary.js';

export interface BesideWeights {
  /** Tokens of the merged model; undefined where they are not the recipe's matter. */
  readonly tokens: number | undefined;
  /** Hex digest of all that is said here: the same for equal files of the same tokenizer. */
  readonly digest: string;
  /** Where the files of the tokenizer come from. */
  readonly tokenizer: ModelFiles;
  /** Contents of files that are not as they are there, by name. */
  readonly written: ReadonlyMap<string, Uint8Array>;
  /** Files of the tokenizer that are left out, since they would say otherwise than what is written. */
  readonly dropped: ReadonlySet<string>;
  /** What the config says otherwise than the donor's. */
  readonly configFields: readonly ConfigField[];
  readonly warnings: readonly Warning[];
}

const CONFIG_FILE = 'config.json';
const GENERATION_CONFIG_FILE = 'generation_config.json';
const OLD_CHAT_TEMPLATE_FILE = 'chat_template.json';
const MAX_GENERATION_CONFIG_BYTES = 1024 * 1024;

/** Files that stay when the vocabulary changes: they do not hold it, or are written anew. */
const WITHOUT_VOCABULARY: ReadonlySet<string> = new Set([
  TOKENIZER_FILE,
  TOKENIZER_CONFIG_FILE,
  'special_tokens_map.json',
  CHAT_TEMPLATE_FILE,
  OLD_CHAT_TEMPLATE_FILE,
]);

/** The files and config of the donor, and the name by which it is known. */
export interface Donor {
  readonly name: string;
  readonly files: ModelFiles;
  readonly config: Readonly<Record<string, unknown>> | undefined;
}

/** What a recipe wants: tokens, and a chat template of all models' `templates`. */
export interface TokenizerWishes {
  readonly vocabulary: Vocabulary | undefined;
  readonly chatTemplate: 'auto' | { readonly text: string } | undefined;
  /** The files of all models, the donor first. */
  readonly models: readonly ModelFiles[];
}

/** Throws what reading the files throws. */
export async function planBesideWeights(donor: Donor, wishes: TokenizerWishes): Promise<BesideWeights> {
  const { vocabulary } = wishes;
  const tokenizer = vocabulary?.files ?? donor.files;
  const names = await tokenizer.list();
  const written = new Map<string, Uint8Array>();
  const dropped = new Set<string>();
  const write = (name: string, text: string): unknown => written.set(name, new TextEncoder().encode(text));
  const changed = vocabulary?.merged.changed;
  if (changed !== undefined) {
    written.set(TOKENIZER_FILE, changed.json);
    for (const name of names) if (isTokenizerFile(name) && !WITHOUT_VOCABULARY.has(name)) dropped.add(name);
  }
  const chosen = await chosenTemplate(wishes);
  // What is there already stays as it is written, with the templates beside it that have other names.
  const isOwn = chosen !== undefined && chosen === (await readChatTemplate(tokenizer));
  const template = isOwn ? undefined : chosen;
  if (template !== undefined) {
    write(CHAT_TEMPLATE_FILE, template);
    dropped.add(OLD_CHAT_TEMPLATE_FILE);
  }
  const config = await changedTokenizerConfig(tokenizer, changed?.added, template);
  if (config !== undefined) write(TOKENIZER_CONFIG_FILE, config);
  const described = { tokenizer, written, dropped };
  if (vocabulary === undefined) {
    return { ...described, tokens: undefined, digest: digestOf('', written), configFields: [], warnings: [] };
  }
  const generation = await changedGenerationConfig(donor, vocabulary);
  if (generation.text !== undefined) write(GENERATION_CONFIG_FILE, generation.text);
  const { source } = vocabulary.recipe;
  const ids = idFields(CONFIG_FILE, donor, donor.config, vocabulary);
  return {
    ...described,
    tokens: vocabulary.tokens.filter((token) => token !== undefined).length,
    digest: digestOf(typeof source === 'string' ? source : source.text, written),
    configFields: ids.fields,
    warnings: [...ids.warnings, ...generation.warnings],
  };
}

function digestOf(source: string, written: ReadonlyMap<string, Uint8Array>): string {
  const hash = createHash('sha256').update(
    JSON.stringify([source, [...written].map(([name, { length }]) => [name, length])]),
  );
  for (const bytes of written.values()) hash.update(bytes);
  return hash.digest('hex');
}

async function chosenTemplate({ chatTemplate, models }: TokenizerWishes): Promise<string | undefined> {
  if (chatTemplate !== 'auto') return chatTemplate?.text;
  return commonTemplate(await Promise.all(models.map(readChatTemplate)));
}

/** tokenizer_config.json with these added tokens and this template; undefined where nothing changes, or there is none. */
async function changedTokenizerConfig(
  files: ModelFiles,
  added: readonly AddedToken[] | undefined,
  template: string | undefined,
): Promise<string | undefined> {
  if (added === undefined && template === undefined) return undefined;
  const text = await readTokenizerConfigText(files);
  if (text === undefined) return undefined;
  const decoder = added?.map(({ id, ...token }) => [id, token] as const);
  const fields = [
    ...(decoder === undefined ? [] : [{ key: 'added_tokens_decoder', value: Object.fromEntries(decoder) }]),
    ...(template === undefined ? [] : [{ key: 'chat_template', value: template }]),
  ];
  return updateConfig(text, { fields: fields.map((field) => ({ section: [], ...field })) });
}

/** The donor's generation_config.json with the ids that its tokens have now; no text where none changes. */
async function changedGenerationConfig(
  donor: Donor,
  vocabulary: Vocabulary,
): Promise<{ readonly text: string | undefined; readonly warnings: readonly Warning[] }> {
  if (!(await donor.files.list()).includes(GENERATION_CONFIG_FILE)) return { text: undefined, warnings: [] };
  const file = donor.files.describe(GENERATION_CONFIG_FILE);
  const refuse = (detail: string): Error => new M2MergeError('config-invalid', { file, detail });
  const text = await readTextFile(donor.files, GENERATION_CONFIG_FILE, MAX_GENERATION_CONFIG_BYTES, refuse);
  const { fields, warnings } = idFields(GENERATION_CONFIG_FILE, donor, parseConfig(text, file), vocabulary);
  return { text: fields.length === 0 ? undefined : updateConfig(text, { fields }), warnings };
}

function idFields(
  file: string,
  { name }: Donor,
  config: Readonly<Record<string, unknown>> | undefined,
  { tokens, idsOf }: Vocabulary,
): TokenIdFields {
  return tokenIdFields(file, config ?? {}, idsOf.get(name) ?? new Map(), tokens);
}

/** The files of a model that is planned only: what will be written, and what comes from elsewhere. */
export class PlannedFiles implements ModelFiles {
  readonly folder: string;
  readonly #donor: ModelFiles;
  readonly #beside: BesideWeights | undefined;

  constructor(folder: string, donor: ModelFiles, beside: BesideWeights | undefined) {
    this.folder = folder;
    this.#donor = donor;
    this.#beside = beside;
  }

  describe(name: string): string {
    return `${this.folder}/${name}`;
  }

  async list(): Promise<readonly string[]> {
    const own = await this.#donor.list();
    if (this.#beside === undefined) return own;
    const { tokenizer, written, dropped } = this.#beside;
    const others = (await tokenizer.list()).filter((name) => isTokenizerFile(name) && !dropped.has(name));
    return [...new Set([...own.filter((name) => !isTokenizerFile(name)), ...others, ...written.keys()])];
  }

  async open(name: string): Promise<ByteSource> {
    const bytes = this.#beside?.written.get(name);
    if (bytes !== undefined) return new BytesSource(this.describe(name), bytes);
    const files = this.#beside !== undefined && isTokenizerFile(name) ? this.#beside.tokenizer : this.#donor;
    return files.open(name);
  }
}

class BytesSource implements ByteSource {
  readonly name: string;
  readonly #bytes: Uint8Array;

  constructor(name: string, bytes: Uint8Array) {
    this.name = name;
    this.#bytes = bytes;
  }

  get byteLength(): number {
    return this.#bytes.byteLength;
  }

  async read(begin: number, end: number, target: Uint8Array): Promise<void> {
    target.set(this.#bytes.subarray(begin, end));
  }

  async close(): Promise<void> {}
}
