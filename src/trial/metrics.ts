/** Reads metrics from what an evaluator wrote: JSON, as a whole or as the last line. */
import { isObject } from '../checkpoint/python-json.js';

export interface MetricsReading {
  readonly metrics: Readonly<Record<string, number>>;
  /** Why there are none, or not all. */
  readonly problem: string | undefined;
}

/** Strings, and numbers that JSON does not have but many writers write. */
const NOT_JSON = /("(?:[^"\\]|\\.)*")|(?<=[:[,\s])-?(?:NaN|Infinity|inf|nan)(?=[\s,\]}])/g;

/** What such a number begins with once it is a string, to be told from those that were. */
const MARK = '\0';

/**
 * The numbers called `names` (dots lead into nested objects), or all numbers of the top level; also the one that decides,
 * whose absence is no problem of the evaluator's. Numbers that are not finite count as missing.
 */
export function readMetrics(text: string, names: readonly string[] | undefined, decisive?: string): MetricsReading {
  const value = parseObject(text);
  if (value === undefined) return { metrics: {}, problem: 'printed no JSON object' };
  const asked = names ?? Object.keys(value).filter((name) => isWrittenAsNumber(value[name]));
  const wanted = new Set(decisive === undefined ? asked : [...asked, decisive]);
  const entries = [...wanted].map((name) => [name, valueAt(value, name)] as const);
  const metrics = Object.fromEntries(entries.filter((entry): entry is [string, number] => Number.isFinite(entry[1])));
  const broken = entries
    .filter(([, found]) => isNotFinite(found))
    .map(([name, found]) => `${name} is ${String(found).replace(MARK, '')}`);
  const missing = entries
    .filter(([name, found]) => asked.includes(name) && !Object.hasOwn(metrics, name) && !isNotFinite(found))
    .map(([name]) => name);
  const problems = [...broken, ...(missing.length > 0 ? [`no number called ${missing.join(', ')}`] : [])];
  if (problems.length > 0) return { metrics, problem: problems.join('; ') };
  return { metrics, problem: Object.keys(metrics).length === 0 ? 'printed no numbers' : undefined };
}

/** What some writers put before UTF-8 to say that it is that. JSON has no place for it. */
const BYTE_ORDER_MARK = /^\uFEFF/;

function parseObject(text: string): Readonly<Record<string, unknown>> | undefined {
  const candidates = [text, text.trimEnd().split('\n').at(-1)!];
  for (const candidate of candidates) {
    try {
      const value: unknown = JSON.parse(candidate.replace(BYTE_ORDER_MARK, '').replace(NOT_JSON, asString));
      if (isObject(value)) return value;
    } catch {
      // The last line may be JSON where the whole is not.
    }
  }
  return undefined;
}

const asString = (found: string, string: string | undefined): string => string ?? `"\\u0000${found}"`;

function valueAt(value: unknown, name: string): unknown {
  if (typeof value !== 'object' || value === null) return undefined;
  const fields = value as Record<string, unknown>;
  if (Object.hasOwn(fields, name)) return fields[name];
  const dot = name.indexOf('.');
  return dot < 0 ? undefined : valueAt(fields[name.slice(0, dot)], name.slice(dot + 1));
}

const isWrittenAsNumber = (value: unknown): boolean =>
  typeof value === 'number' || (typeof value === 'string' && value.startsWith(MARK));

function isNotFinite(value: unknown): boolean {
  return typeof value === 'string' && /^-?(?:nan|inf|infinity)$/i.test(value.replace(MARK, ''));
}
