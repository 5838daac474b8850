/** What a model's card says of its licence and its languages, in the YAML before its text. */
import { parse } from 'yaml';

export const CARD_FILE = 'README.md';

/** Bytes of a card that is looked at: the longest on the Hub have some hundred kilobytes. */
export const MAX_CARD_BYTES = 1_000_000;

/** Characters of the YAML: evaluation results make some kilobytes of it. */
const MAX_HEAD_CHARACTERS = 100_000;

/** Languages that are taken from one card; no model lists more. */
const MAX_LANGUAGES = 300;

/** A licence as the Hub knows it: its id, or several; `other` has a name and where to read it. */
export interface CardLicence {
  readonly ids: readonly string[];
  readonly name?: string;
  readonly link?: string;
}

export interface CardHead {
  /** Undefined where the card states none. */
  readonly licence: CardLicence | undefined;
  readonly languages: readonly string[];
}

const NOTHING: CardHead = { licence: undefined, languages: [] };

const LICENCE_ID = /^[A-Za-z0-9][\w.+-]{0,79}$/;
const LANGUAGE = /^[A-Za-z][A-Za-z0-9-]{0,34}$/;
/** A name or a link: one line without anything that is not to be seen. */
const SHORT_TEXT = /^[^\p{C}\p{Zl}\p{Zp}]{1,300}$/u;

/** Reads the head of a card. Whatever is not as it should be is as if it were not there: others wrote it. */
export function readCardHead(text: string): CardHead {
  const head = /^\uFEFF?---[ \t]*\r?\n([\s\S]*?)\r?\n---[ \t]*(?:\r?\n|$)/.exec(text)?.[1];
  if (head === undefined || head.length > MAX_HEAD_CHARACTERS) return NOTHING;
  let fields: unknown;
  try {
    fields = parse(head, { logLevel: 'error' });
  } catch {
    return NOTHING;
  }
  if (typeof fields !== 'object' || fields === null || Array.isArray(fields)) return NOTHING;
  const { license, license_name: name, license_link: link, language } = fields as Record<string, unknown>;
  const ids = texts(license, LICENCE_ID);
  const licence = { ids, ...shortText('name', name), ...shortText('link', link) };
  return {
    licence: ids.length === 0 ? undefined : licence,
    languages: texts(language, LANGUAGE).slice(0, MAX_LANGUAGES),
  };
}

/** The texts of a field that holds one or several. */
function texts(field: unknown, shape: RegExp): string[] {
  const values = Array.isArray(field) ? field : [field];
  return [...new Set(values.filter((value): value is string => typeof value === 'string' && shape.test(value)))];
}

function shortText<K extends string>(key: K, value: unknown): { readonly [key in K]?: string } {
  const isShort = typeof value === 'string' && SHORT_TEXT.test(value);
  return (isShort ? { [key]: value } : {}) as { readonly [key in K]?: string };
}
