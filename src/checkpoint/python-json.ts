/** JSON as Python's json module writes it: config.json and the shard index come from there. */
import type { JsonDialect, JsonScanner } from './json-scanner.js';

/** Python writes NaN, Infinity and -Infinity, which JSON does not have, and reads them back. */
export const PYTHON_JSON: JsonDialect = { pythonNumbers: true };

/** Reads the next value as plain data: `JSON.parse`'s result where both accept the text. Of duplicate keys the last counts. */
export function readValue(scanner: JsonScanner): unknown {
  const kind = scanner.peekKind();
  if (kind === 'string') return scanner.readString();
  if (kind === 'number') return Number(scanner.readNumber());
  if (kind === 'array') {
    const items: unknown[] = [];
    scanner.readArray(() => items.push(readValue(scanner)));
    return items;
  }
  if (kind !== 'object') return scanner.readLiteral();
  const members: [string, unknown][] = [];
  scanner.readObject((key) => members.push([key, readValue(scanner)]));
  // Unlike assignment, this makes "__proto__" a member like any other.
  return Object.fromEntries(members);
}

/** Whether a value that was read is an object. */
export const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** A JSON string literal in ASCII, as Python's json module writes it by default. */
export function formatString(text: string): string {
  return JSON.stringify(text).replace(/[\u007f-\uffff]/g, escapeCodeUnit);
}

function escapeCodeUnit(unit: string): string {
  return `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`;
}
