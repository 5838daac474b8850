/** config.json: read as data, changed as text, so that what a merge does not change stays as it was, to the byte. */
import { M2MergeError } from '../errors.js';
import { JsonScanner, type JsonSpan } from './json-scanner.js';
import { formatString, PYTHON_JSON, readValue } from './python-json.js';

/** One field to set. */
export interface ConfigField {
  /** Key of the object in the config that holds the field, as `text_config`; undefined: the config itself. */
  readonly section: string | undefined;
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
 * `dtype` field at the top when the top level has none. Fields are changed where they are, and added at the top level
 * when they belong there and are not. Everything else stays as written. Throws `config-invalid`.
 */
export function updateConfig(configText: string, { dtype, fields = [] }: ConfigChanges): string {
  const members = findMembers(configText);
  const edits: Edit[] = [];
  const added: string[] = [];
  if (dtype !== undefined) {
    const text = JSON.stringify(dtype);
    const found = members.filter(
      ({ key, section }) => DTYPE_FIELDS.includes(key) && [undefined, TEXT_CONFIG].includes(section),
    );
    edits.push(...found.map(({ span }) => ({ span, text })));
    if (!found.some(({ section }) => section === undefined)) added.push(`"dtype": ${text}`);
  }
  for (const { section, key, value } of fields) {
    const text = JSON.stringify(value);
    const found = members.filter((member) => member.key === key && member.section === section);
    edits.push(...found.map(({ span }) => ({ span, text })));
    if (found.length === 0 && section === undefined) added.push(`${formatString(key)}: ${text}`);
  }
  return added.reduce(insertFirstMember, replaceSpans(configText, edits));
}

interface Edit {
  readonly span: JsonSpan;
  readonly text: string;
}

interface Member {
  /** Key of the object that the member is in; undefined at the top level. */
  readonly section: string | undefined;
  readonly key: string;
  readonly span: JsonSpan;
}

/** Members of the top level, and of the objects in it. */
function findMembers(text: string): readonly Member[] {
  const top = membersOf(text, undefined, 0);
  const nested = top
    .filter(({ span }) => text[span.begin] === '{')
    .flatMap(({ key, span }) => membersOf(text.slice(span.begin, span.end), key, span.begin));
  return [...top, ...nested];
}

/** Members of the object that `text` is; it begins at `offset` of the whole. */
function membersOf(text: string, section: string | undefined, offset: number): Member[] {
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

/** Inserts a member at the beginning of the object that the text is, indented as the member after it. */
function insertFirstMember(text: string, member: string): string {
  const open = text.indexOf('{') + 1;
  const first = text.slice(open).search(/[^ \t\n\r]/) + open;
  if (text[first] === '}') return `${text.slice(0, open)}\n  ${member}\n${text.slice(first)}`;
  return `${text.slice(0, open)}${text.slice(open, first)}${member},${text.slice(open, first) || ' '}${text.slice(first)}`;
}

function scannerOf(text: string, file: string): JsonScanner {
  const refuse = (detail: string) => new M2MergeError('config-invalid', { file, detail: `invalid JSON: ${detail}` });
  return new JsonScanner(text, refuse, PYTHON_JSON);
}
