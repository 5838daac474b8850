/** Tables of parameters: which names a method takes where, and the shapes a value may have. */
import type { Method } from '../../kernels/method.js';
import { FRONT } from '../../kernels/methods/in-front.js';
import { METHODS } from '../../kernels/methods/registry.js';
import type { Parameter, Setting } from '../../kernels/parameters.js';
import { warning } from '../warnings.js';
import type { Cursor } from './cursor.js';
import { compileFilter } from './filter.js';
import type { Position } from './position.js';
import type { ParameterEntry, ParameterTable, ParameterValue } from './recipe.js';
import { readGradientValue, readSetting, settingSchema } from './settings.js';
import { type JsonSchema, type Key, type RecordReading, record, type Shape, text, warnUnknownKey } from './shapes.js';

/** Where a table of parameters stands: under one model, or above (slice, module, recipe) for all models and the merge. */
export type ParameterLevel = 'model' | 'top';

export interface ParameterReading {
  /** The values that are right. */
  readonly table: ParameterTable;
  /** Whether a parameter was given a value, right or wrong. */
  gives(name: string): boolean;
  /** Names in the table that nothing reads. */
  readonly unread: readonly string[];
}

/** The key whose mapping says what drops elements in front of the method. */
const SPARSIFY = 'sparsify';

/** A table that is not there. */
export const NO_PARAMETERS: ParameterReading = { table: new Map(), gives: () => false, unread: [] };

/** Nobody knows what a table that cannot be read was meant to give; its own problem is enough. */
const UNREADABLE: ParameterReading = { ...NO_PARAMETERS, gives: () => true };

/** Parameters that mergekit knows and that never change a result. */
const WITHOUT_EFFECT: Readonly<Record<string, string>> = {
  int8_mask: 'it only saves memory in mergekit; here memory is bounded in any case',
};

/** What people write among the parameters and belongs elsewhere, or what it is called here. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  ...Object.fromEntries(
    ['dtype', 'out_dtype', 'base_model', 'tokenizer_source', 'chat_template'].map((key) => [
      key,
      `${key}: … beside parameters`,
    ]),
  ),
  filter: 'parameter: [{filter: …, value: …}]',
};

/** mergekit's first name of "filter". */
const conditionKey = (name: string): string | undefined => (name === 'pattern' ? 'filter' : undefined);

/**
 * Reads the `parameters` of a mapping that may have none. Wrong values are problems, names that have no effect here are
 * warnings.
 */
export function readParameters(
  { present, values }: RecordReading<{ parameters: Key<Cursor> }>,
  level: ParameterLevel,
  method: Method,
  sparsify?: Cursor,
): ParameterReading {
  if (values.parameters === undefined && present.has('parameters')) return UNREADABLE;
  const named = values.parameters === undefined ? [] : namedValues(values.parameters);
  return readTable([...named, ...(sparsify === undefined ? [] : frontValues(sparsify))], level, method);
}

/** A value with the name of its parameter and the mapping it stands in. */
interface NamedValue {
  readonly owner: Cursor;
  readonly name: string;
  readonly position: Position;
  readonly value: Cursor;
}

function namedValues(owner: Cursor): NamedValue[] {
  return [...owner.entries()].flatMap(([name, { position, value }]) =>
    name === SPARSIFY && value.kind === 'mapping' ? frontValues(value) : [{ owner, name, position, value }],
  );
}

/** What stands under `sparsify`. */
function frontValues(owner: Cursor): NamedValue[] {
  return [...owner.entries()].map(([name, { position, value }]) => ({ owner, name: FRONT + name, position, value }));
}

function readTable(values: readonly NamedValue[], level: ParameterLevel, method: Method): ParameterReading {
  const table = new Map<string, ParameterValue>();
  const given = new Set<string>();
  const unread: string[] = [];
  for (const { owner, name, position, value } of values) {
    const parameter = method.parameters.find((declared) => declared.name === name);
    if (parameter === undefined || (level === 'model' && parameter.scope === 'merge')) {
      unread.push(name);
      warnWithoutEffect(owner, position, name, method);
      continue;
    }
    if (given.has(name)) value.problem('is given twice, under sparsify and under parameters');
    given.add(name);
    const entries = parameterShape(parameter).read(value);
    if (entries !== undefined) table.set(name, { entries, path: value.path, position: value.position });
  }
  return { table, gives: (name) => given.has(name), unread };
}

/** What a parameter's value may be: one value, a gradient, `{value, filter}`, or a list of those. */
export function parameterShape(parameter: Parameter): Shape<readonly ParameterEntry[]> {
  const entry = record(entryKeys(parameter), '{value: …, filter: …}', conditionKey);
  const plain = valuesSchema(parameter);
  return {
    schema: { anyOf: [plain, entry.schema, { type: 'array', minItems: 1, items: entry.schema }] },
    read(cursor) {
      const elements = cursor.elements();
      const isConditional = cursor.kind === 'mapping' || elements.some((element) => element.kind === 'mapping');
      if (!isConditional) {
        const values = readValues(cursor, parameter);
        return values === undefined ? undefined : [{ values }];
      }
      const conditions = cursor.kind === 'mapping' ? [cursor] : elements;
      const entries = conditions.map((condition) => readEntry(condition, entry));
      return entries.includes(undefined) ? undefined : entries.filter((found) => found !== undefined);
    },
  };
}

const filter: Shape<string> = {
  schema: { type: ['string', 'number', 'boolean'] },
  read(cursor) {
    if (cursor.kind !== 'text') return text.read(cursor);
    const compiled = compileFilter(cursor.text);
    if (typeof compiled === 'function') return cursor.text;
    cursor.problem(compiled.problem);
    return undefined;
  },
};

type EntryKeys = { readonly value: Key<readonly Setting[]>; readonly filter: Key<string> };

function entryKeys(parameter: Parameter): EntryKeys {
  const values: Shape<readonly Setting[]> = {
    schema: valuesSchema(parameter),
    read: (cursor) => readValues(cursor, parameter),
  };
  return {
    value: { summary: 'one value, or a list spread over the layers', shape: values, required: true },
    filter: { summary: 'part of the tensor name, regex:… or glob:…; absent or *: all tensors', shape: filter },
  };
}

function readEntry(cursor: Cursor, entry: ReturnType<typeof record<EntryKeys>>): ParameterEntry | undefined {
  if (cursor.kind !== 'mapping') {
    cursor.expected('{value: …, filter: …}', 'a list holds either values or {value, filter}, not both');
    return undefined;
  }
  const reading = entry.read(cursor);
  const { value, filter: condition } = reading?.values ?? {};
  if (value === undefined || (condition === undefined && reading?.present.has('filter'))) return undefined;
  return condition === undefined ? { values: value } : { values: value, filter: condition };
}

/** One value, or a list of numbers. Undefined when anything in it is wrong. */
function readValues(cursor: Cursor, parameter: Parameter): readonly Setting[] | undefined {
  if (cursor.kind !== 'list') {
    const value = readSetting(cursor, parameter);
    return value === undefined ? undefined : [value];
  }
  if (parameter.kind === 'choice') {
    cursor.expected(`one of ${parameter.choices.join(', ')}`, 'only numbers can be spread over the layers');
    return undefined;
  }
  const elements = cursor.elements();
  if (elements.length === 0) cursor.problem('expected at least one value, found an empty list');
  const values = elements
    .map((element) => readGradientValue(element, parameter))
    .filter((value) => value !== undefined);
  return values.length === elements.length && values.length > 0 ? values : undefined;
}

function valuesSchema(parameter: Parameter): JsonSchema {
  const single = settingSchema(parameter);
  if (parameter.kind === 'choice') return single;
  return { anyOf: [single, { type: 'array', minItems: 1, items: single }] };
}

function warnWithoutEffect(cursor: Cursor, position: Position, name: string, method: Method): void {
  const reason = reasonWithoutEffect(name, method);
  if (reason === undefined) {
    const names = method.parameters.map((parameter) => parameter.name);
    warnUnknownKey(cursor, position, name, names, Object.hasOwn(ELSEWHERE, name) ? ELSEWHERE[name] : undefined);
    return;
  }
  cursor.findings.warn(position, (place) => warning('ignored-key', { place, key: name, reason }));
}

function reasonWithoutEffect(name: string, method: Method): string | undefined {
  if (Object.hasOwn(WITHOUT_EFFECT, name)) return WITHOUT_EFFECT[name];
  if (method.parameters.some((parameter) => parameter.name === name)) {
    return 'it has one value for the whole merge, which belongs under the top-level parameters';
  }
  const isKnown = METHODS.some(({ parameters }) => parameters.some((parameter) => parameter.name === name));
  return isKnown ? `merge_method ${method.name} does not use it` : undefined;
}
