/** config.json: read as data, changed as text, so that what a merge does not change stays as it was, to the byte. */
import { M2MergeError } from '../errors.js';
import { JsonScanner, type JsonSpan } from './json-scanner.js';
import { formatString, isObject, PYTHON_JSON, readValue } from './python-json.js';

/** One field to set. */
export interface ConfigField {
  /** Keys that lead to the object in the config that holds the field, as `text_config`; none: the config itself. */
  readonly section: readonly string[];
  readonly key: string;
  readonly value: unknown;
}

/** What a merge may change in a config. */
export interface ConfigChanges {
  readonly dtype?: 'bfloat16' | 'float16' | 'float32';
  readonly fields?: readonly ConfigField[];
}

/** Largest config.json read. Real ones have kilobytes, a few hundred with long label lists. */
export const MAX_CONFIG_BYTES = 16 * 1024 * 1024;

/** Names of the dtype field: `dtype` since transformers 5, `torch_dtype` before. */
const DTYPE_FIELDS: readonly string[] = ['dtype', 'torch_dtype'];

/** The language model's part of a multimodal config, with a dtype field of its own. */
const TEXT_CONFIG = 'text_config';

/** A config, or an object in it. */
export type Section = Readonly<Record<string, unknown>>;

/** How deep objects of a config are looked into; those of models that hold models have sections in sections. */
const MAX_SECTION_DEPTH = 3;

/** The config itself and the objects in it, each with the keys that lead to it, the outer ones first. */
export function sectionsOf(config: Section): (readonly [path: readonly string[], section: Section])[] {
  const found: (readonly [readonly string[], Section])[] = [[[], config]];
  for (const [path, section] of found) {
    if (path.length === MAX_SECTION_DEPTH) continue;
    for (const [key, value] of Object.entries(section)) if (isObject(value)) found.push([[...path, key], value]);
  }
  return found;
}

/** Sections of the language model in a config of several parts. */
const TEXT_SECTION = /^(?:text|llm|language)(?:_model)?_config$/;

/** Where a config describes the language model: itself, and sections for that, the outer ones first. */
export function textSectionsOf(config: Section): (readonly [path: readonly string[], section: Section])[] {
  return sectionsOf(config).filter(([path]) => path.length === 0 || TEXT_SECTION.test(path.at(-1)!));
}

/** The key that says whether head and embedding of tokens are one. */
export const TIE = 'tie_word_embeddings';

/** What a config says under it where it describes the language model, from the outside in. */
export function statedTie(config: Section = {}): boolean[] {
  return textSectionsOf(config).flatMap(([, section]) => (typeof section[TIE] === 'boolean' ? [section[TIE]] : []));
}

/** What a config has under a key of a section; undefined where it does not have the section. */
export function valueAt(config: Section | undefined, section: readonly string[], key: string): unknown {
  let values: unknown = config;
  for (const step of section) values = (values as Section | undefined)?.[step];
  return (values as Section | undefined)?.[key];
}

/**
 * Parses a config. Accepts NaN, Infinity and -Infinity, which Python writes. Integers above 2^53 are rounded, as by
 * `JSON.parse`. Throws `config-invalid` when the text is not a JSON object.
 */
export function parseConfig(text: string, file: string): Readonly<Record<string, unknown>> {
  const scanner = scannerOf(text, file);
  if (scanner.peekKind() !== 'object') throw scanner.expected('an object');
  const config = readValue(scanner) as Record<string, unknown>;
  scanner.expectEnd();
  return config;
}

/**
 * The config's text with the dtype changed: in every dtype field at the top level and in `text_config`, or in a new
 * `dtype` field at the top when the top level has none. Fields are changed where they are, and added to their section
 * where they are not; a section that is not there is not made. Everything else stays as written. Throws `config-invalid`.
 */
export function updateConfig(configText: string, { dtype, fields = [] }: ConfigChanges): string {
  const members = findMembers(configText);
  const edits: Edit[] = [];
  const added = new Map<number, string[]>();
  // One place is written once: of two fields the last counts.
  const distinct = new Map(
    [...dtypeFields(members, dtype), ...fields].map((field) => [JSON.stringify([...field.section, field.key]), field]),
  );
  for (const { section, key, value } of distinct.values()) {
    const found = members.filter((member) => member.key === key && isSame(member.section, section));
    const isFloat = found.some(({ span }) => hasFloats(configText.slice(span.begin, span.end)));
    const text = formatValue(value, isFloat);
    for (const { span } of found) edits.push({ span, text });
    const place = found.length === 0 ? placeOf(section, members, configText) : undefined;
    if (place !== undefined) added.set(place, [`${formatString(key)}: ${text}`, ...(added.get(place) ?? [])]);
  }
  return replaceSpans(configText, [
    ...edits,
    ...[...added].map(([place, texts]) => insertion(configText, place, texts)),
  ]);
}

/** Every dtype field that there is, and one at the top. */
function dtypeFields(members: readonly Member[], dtype: ConfigChanges['dtype']): ConfigField[] {
  if (dtype === undefined) return [];
  const found = members.filter(
    ({ key, section }) => DTYPE_FIELDS.includes(key) && (section.length === 0 || isSame(section, [TEXT_CONFIG])),
  );
  const fields = found.map(({ section, key }) => ({ section, key, value: dtype }));
  return found.some(({ section }) => section.length === 0)
    ? fields
    : [...fields, { section: [], key: 'dtype', value: dtype }];
}

interface Edit {
  readonly span: JsonSpan;
  readonly text: string;
}

interface Member {
  /** Keys that lead to the object that the member is in. */
  readonly section: readonly string[];
  readonly key: string;
  readonly span: JsonSpan;
}

const isSame = (one: readonly string[], other: readonly string[]): boolean =>
  one.length === other.length && one.every((key, depth) => key === other[depth]);

/** Where the object of a section begins; undefined when there is none. */
function placeOf(section: readonly string[], members: readonly Member[], text: string): number | undefined {
  if (section.length === 0) return text.indexOf('{');
  // Of objects that are there twice the last one counts.
  const holder = members.findLast(({ section: outer, key }) => isSame([...outer, key], section));
  return holder !== undefined && text[holder.span.begin] === '{' ? holder.span.begin : undefined;
}

/** Whether a number in a value's text is written as one that need not be whole, which Python tells apart. */
const hasFloats = (text: string): boolean => /^[^"]*[\d.][.eE][\d+-]/.test(text);

/** A value as JSON in Python's dialect; of lists whose numbers were written as floats, whole ones stay such. */
function formatValue(value: unknown, isFloat: boolean): string {
  if (Array.isArray(value)) return `[${value.map((item) => formatValue(item, isFloat)).join(',')}]`;
  if (typeof value !== 'number') return JSON.stringify(value);
  if (!Number.isFinite(value)) return Number.isNaN(value) ? 'NaN' : value < 0 ? '-Infinity' : 'Infinity';
  return isFloat && Number.isInteger(value) && Math.abs(value) < 1e21 ? `${value}.0` : JSON.stringify(value);
}

/** Members of the top level, and of the objects in it as deep as these are looked into. */
function findMembers(text: string): readonly Member[] {
  const found = membersOf(text, [], 0);
  for (const { section, key, span } of found) {
    if (section.length === MAX_SECTION_DEPTH || text[span.begin] !== '{') continue;
    // One by one: lists of labels are longer than calls may have arguments.
    for (const member of membersOf(text.slice(span.begin, span.end), [...section, key], span.begin)) found.push(member);
  }
  return found;
}

/** Members of the object that `text` is; it begins at `offset` of the whole. */
function membersOf(text: string, section: readonly string[], offset: number): Member[] {
  const members: Member[] = [];
  const scanner = scannerOf(text, 'config.json');
  scanner.readObject((key) => {
    const { begin, end } = scanner.skipValue();
    members.push({ section, key, span: { begin: begin + offset, end: end + offset } });
  });
  scanner.expectEnd();
  return members;
}

function replaceSpans(text: string, edits: readonly Edit[]): string {
  const pieces: string[] = [];
  let kept = 0;
  for (const { span, text: replacement } of [...edits].sort((a, b) => a.span.begin - b.span.begin)) {
    pieces.push(text.slice(kept, span.begin), replacement);
    kept = span.end;
  }
  return pieces.join('') + text.slice(kept);
}

/** Puts members at the beginning of the object at `place`, indented as the member after them. */
function insertion(text: string, place: number, members: readonly string[]): Edit {
  const open = place + 1;
  const first = text.slice(open).search(/[^ \t\n\r]/) + open;
  const gap = text.slice(open, first);
  if (text[first] === '}') return { span: { begin: open, end: first }, text: `\n  ${members.join(',\n  ')}\n` };
  return { span: { begin: first, end: first }, text: members.map((member) => `${member},${gap || ' '}`).join('') };
}

function scannerOf(text: string, file: string): JsonScanner {
  const refuse = (detail: string) => new M2MergeError('config-invalid', { file, detail: `invalid JSON: ${detail}` });
  return new JsonScanner(text, refuse, PYTHON_JSON);
}
