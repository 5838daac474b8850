/**
 * Building blocks of the recipe language. Each says once what it accepts: how to read it from the YAML, and its JSON
 * Schema. A reader that meets something else reports it and returns undefined; nothing is thrown.
 */
import { warning } from '../warnings.js';
import type { Cursor } from './cursor.js';
import { excerpt } from './findings.js';
import { nearestName } from './nearest.js';
import { COUNT_PATTERN, NATURAL_PATTERN, parseNumber, parseTruth, TRUE_PATTERN, TRUTH_PATTERN } from './scalars.js';

export type JsonSchema = Readonly<Record<string, unknown>>;

export interface Shape<T> {
  readonly schema: JsonSchema;
  read(cursor: Cursor): T | undefined;
}

/** One key of a mapping. A key that is not required may be left out or empty. */
export interface Key<T> {
  readonly summary: string;
  readonly shape: Shape<T>;
  readonly required?: true;
  /** Keys of which one may stand instead of a required one, but not beside it. */
  readonly unless?: readonly string[];
}

export type KeyTable = Readonly<Record<string, Key<unknown>>>;

export type ValuesOf<K extends KeyTable> = {
  readonly [N in keyof K]: (K[N] extends Key<infer T> ? T : never) | undefined;
};

/** A mapping as read: the values that are right, and for each key that is present where its value is. */
export interface RecordReading<K extends KeyTable> {
  readonly cursor: Cursor;
  readonly values: ValuesOf<K>;
  readonly present: ReadonlyMap<string, Cursor>;
  /** Keys that are not in the table. */
  readonly unknown: readonly string[];
}

/** Text that is not empty; numbers and truth values count as the text they are written with. */
export const text: Shape<string> = {
  schema: { type: ['string', 'number', 'boolean'], minLength: 1 },
  read(cursor) {
    if (cursor.kind === 'text' && cursor.text !== '') return cursor.text;
    return reportExpected(cursor, 'text');
  },
};

/** true or false, also as yes/no and on/off. */
export const truth: Shape<boolean> = {
  schema: { anyOf: [{ type: 'boolean' }, { type: 'string', pattern: TRUTH_PATTERN }] },
  read(cursor) {
    const value = cursor.kind === 'text' ? parseTruth(cursor.text) : undefined;
    return value ?? reportExpected(cursor, 'true or false');
  },
};

/** JSON Schema of what `truth` reads as true. */
export const trueSchema: JsonSchema = { anyOf: [{ const: true }, { type: 'string', pattern: TRUE_PATTERN }] };

/** A whole number from 0 to `maximum`. */
export const naturalUpTo = (maximum: number): Shape<number> => wholeNumber(0, maximum, NATURAL_PATTERN);

/** A whole number from 1 to `maximum`. */
export const countUpTo = (maximum: number): Shape<number> => wholeNumber(1, maximum, COUNT_PATTERN);

function wholeNumber(minimum: number, maximum: number, pattern: string): Shape<number> {
  return {
    schema: {
      anyOf: [
        { type: 'integer', minimum, maximum },
        { type: 'string', pattern },
      ],
    },
    read(cursor) {
      const value = cursor.kind === 'text' ? parseNumber(cursor.text) : undefined;
      if (value !== undefined && Number.isInteger(value) && value >= minimum && value <= maximum) return value;
      return reportExpected(cursor, `a whole number from ${minimum} to ${maximum}`);
    },
  };
}

/** One of several spellings, each with its meaning. Messages list the `recommended` ones. */
export function spelling<T>(meanings: Readonly<Record<string, T>>, recommended: readonly string[]): Shape<T> {
  const spellings = Object.keys(meanings);
  return {
    schema: { enum: spellings },
    read(cursor) {
      if (cursor.kind === 'text' && Object.hasOwn(meanings, cursor.text)) return meanings[cursor.text];
      return reportExpected(cursor, `one of ${recommended.join(', ')}`, didYouMean(cursor.text, spellings));
    },
  };
}

/** One of several names that mean themselves. */
export function choice<T extends string>(names: readonly T[]): Shape<T> {
  return spelling(Object.fromEntries(names.map((name) => [name, name])) as Record<string, T>, names);
}

/** A list of at least one element. */
export function listOf<T>(element: Shape<T>, what: string): Shape<readonly T[]> {
  return {
    schema: { type: 'array', minItems: 1, items: element.schema },
    read(cursor) {
      const elements = cursor.elements();
      if (elements.length === 0) {
        const found = cursor.kind === 'list' ? 'an empty list' : cursor.describe();
        cursor.problem(`expected a list of ${what}, found ${found}`);
        return undefined;
      }
      return elements.map((item) => element.read(item)).filter((item) => item !== undefined);
    },
  };
}

/** A mapping from names of the user's own to at least one element, in the order written. */
export function mappingOf<T>(element: Shape<T>, what: string): Shape<ReadonlyMap<string, T>> {
  return {
    schema: { type: 'object', minProperties: 1, additionalProperties: element.schema },
    read(cursor) {
      const entries = cursor.entries();
      if (cursor.kind !== 'mapping') return reportExpected(cursor, `a mapping from names to ${what}`);
      if (entries.size === 0) cursor.problem(`expected a mapping from names to ${what}, found an empty one`);
      const elements = new Map<string, T>();
      for (const [name, { value }] of entries) {
        const read = element.read(value);
        if (read !== undefined) elements.set(name, read);
      }
      return elements;
    },
  };
}

/**
 * A mapping with the keys of a table; other keys are warned of and ignored. `form` shows what one looks like, `elsewhere`
 * says where a key belongs that people write here.
 */
export function record<K extends KeyTable>(
  keys: K,
  form: string,
  elsewhere: (name: string) => string | undefined = () => undefined,
): Shape<RecordReading<K>> {
  return {
    schema: recordSchema(keys),
    read(cursor) {
      if (cursor.kind !== 'mapping') return reportExpected(cursor, `a mapping ${form}`);
      const values: Record<string, unknown> = {};
      const present = new Map<string, Cursor>();
      const unknown: string[] = [];
      const names = Object.keys(keys);
      for (const [name, { position, value }] of cursor.entries((written) => Object.hasOwn(keys, written))) {
        const key = Object.hasOwn(keys, name) ? keys[name] : undefined;
        if (key === undefined) {
          unknown.push(name);
          const suggestion = elsewhere(name) ?? nearestName(name, names);
          // A key that is no misspelling and whose value is used by alias is there to hold it.
          if (suggestion === undefined && value.isAliased) continue;
          warnUnknownKey(cursor, position, name, [], suggestion);
        } else if (value.kind !== 'nothing' || key.required) {
          present.set(name, value);
          values[name] = key.shape.read(value);
        }
      }
      reportMissing(cursor, keys, present, unknown);
      return { cursor, values: values as ValuesOf<K>, present, unknown };
    },
  };
}

/** A mapping whose keys are not known yet: hands its place on. */
export const deferredMapping: Shape<Cursor> = {
  schema: { type: 'object' },
  read: (cursor) => (cursor.kind === 'mapping' ? cursor : reportExpected(cursor, 'a mapping of names and values')),
};

/** A key of mergekit's that changes nothing, and why. */
export function withoutEffect(reason: string): Key<never> {
  return {
    summary: `without effect: ${reason}`,
    shape: {
      schema: {},
      read({ findings, position, path }) {
        const key = path.slice(path.lastIndexOf('.') + 1);
        findings.warn(position, (place) => warning('ignored-key', { place, key, reason }));
        return undefined;
      },
    },
  };
}

/** Warns of a key that nothing reads, with what was meant, or the nearest of the names that would be read. */
export function warnUnknownKey(
  { findings }: Cursor,
  position: Cursor['position'],
  key: string,
  known: Iterable<string>,
  meant?: string,
): void {
  const suggestion = meant ?? nearestName(key, known);
  const facts = { key: excerpt(key), ...(suggestion === undefined ? {} : { suggestion }) };
  findings.warn(position, (place) => warning('unknown-key', { place, ...facts }));
}

/** The hint that names the nearest valid name, if one is near. */
export function didYouMean(name: string, candidates: Iterable<string>): string | undefined {
  const nearest = nearestName(name, candidates);
  return nearest === undefined ? undefined : `did you mean "${nearest}"?`;
}

/** The hint that something written looks like a misspelling of a name that is missing. */
export function misspelling(missing: string, written: Iterable<string>, called = 'it'): string | undefined {
  const nearest = nearestName(missing, written);
  return nearest === undefined ? undefined : `is "${nearest}" a misspelling of ${called}?`;
}

/** JSON Schema of a mapping; additional keys are allowed, as they only cause warnings. */
export function recordSchema(keys: KeyTable): JsonSchema {
  const properties: Record<string, unknown> = {};
  for (const [name, { summary, shape, required }] of Object.entries(keys)) {
    const optional = required ? shape.schema : { anyOf: [shape.schema, { type: 'null' }] };
    properties[name] = { description: summary, ...optional };
  }
  const needed = Object.keys(keys).filter((name) => keys[name]?.required);
  const required = needed.filter((name) => keys[name]?.unless === undefined);
  const alternatives = needed.flatMap((name) => (keys[name]?.unless === undefined ? [] : [name, ...keys[name].unless]));
  return {
    type: 'object',
    properties,
    ...(required.length > 0 ? { required } : {}),
    ...(alternatives.length > 0 ? { oneOf: alternatives.map(givenSchema) } : {}),
  };
}

/** JSON Schema of a mapping in which a key is given. */
export const givenSchema = (name: string): JsonSchema => ({
  required: [name],
  properties: { [name]: { not: { type: 'null' } } },
});

/** JSON Schema of a mapping in which two keys are not given together. */
export const notBothSchema = (one: string, other: string): JsonSchema => ({
  not: { allOf: [givenSchema(one), givenSchema(other)] },
});

function reportMissing(
  cursor: Cursor,
  keys: KeyTable,
  present: ReadonlyMap<string, Cursor>,
  unknown: readonly string[],
): void {
  for (const [name, { required, summary, unless = [] }] of Object.entries(keys)) {
    if (!required || present.has(name) || unless.some((other) => present.has(other))) continue;
    const instead = unless.flatMap((other) => misspelling(other, unknown, `"${other}"`) ?? []);
    cursor.problem(`key "${name}" is missing`, misspelling(name, unknown) ?? instead[0] ?? summary);
  }
}

function reportExpected(cursor: Cursor, what: string, hint?: string): undefined {
  cursor.expected(what, hint);
  return undefined;
}
