/** config.json: read as data, changed as text, so that what a merge does not change stays as it was, to the byte. */
import { M2MergeError } from '../errors.js';
import { JsonScanner, type JsonSpan } from './json-scanner.js';
import { PYTHON_JSON, readValue } from './python-json.js';

/** What a merge may change in a config. */
export interface ConfigChanges {
  readonly dtype?: 'bfloat16' | 'float16' | 'float32';
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
 * `dtype` field at the top when the top level has none. Everything else stays as written. Throws `config-invalid`.
 */
export function updateConfig(configText: string, { dtype }: ConfigChanges): string {
  const { topLevel, nested } = findDtypeFields(configText);
  if (dtype === undefined) return configText;
  const updated = replaceSpans(configText, [...topLevel, ...nested], JSON.stringify(dtype));
  return topLevel.length > 0 ? updated : insertFirstMember(updated, `"dtype": ${JSON.stringify(dtype)}`);
}

function findDtypeFields(text: string): { topLevel: JsonSpan[]; nested: JsonSpan[] } {
  const topLevel: JsonSpan[] = [];
  const nested: JsonSpan[] = [];
  const scanner = scannerOf(text, 'config.json');
  const skipTo = (found: JsonSpan[], key: string) => {
    const span = scanner.skipValue();
    if (DTYPE_FIELDS.includes(key)) found.push(span);
  };
  scanner.readObject((key) => {
    if (key === TEXT_CONFIG && scanner.peekKind() === 'object') scanner.readObject((inner) => skipTo(nested, inner));
    else skipTo(topLevel, key);
  });
  scanner.expectEnd();
  return { topLevel, nested };
}

function replaceSpans(text: string, spans: readonly JsonSpan[], replacement: string): string {
  const pieces: string[] = [];
  let kept = 0;
  for (const { begin, end } of [...spans].sort((a, b) => a.begin - b.begin)) {
    pieces.push(text.slice(kept, begin), replacement);
    kept = end;
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
