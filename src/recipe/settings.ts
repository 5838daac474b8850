/** One value of a declared parameter: how its text is read, and the JSON Schema of what is accepted. */
import type { ChoiceParameter, NumberParameter, Parameter, Setting } from '../../kernels/parameters.js';
import type { Cursor } from './cursor.js';
import { NUMBER_OR_TRUTH_PATTERN, parseNumber, parseTruth, spellsNonFinite } from './scalars.js';
import { didYouMean, type JsonSchema } from './shapes.js';

/** The JSON Schema of one value (not of gradients or conditions). */
export function settingSchema(parameter: Parameter): JsonSchema {
  if (parameter.kind === 'choice') {
    const { choices, synonyms } = parameter;
    const names = { enum: [...choices, ...Object.keys(synonyms ?? {})] };
    return takesTruth(parameter) ? { anyOf: [names, ...numberForms({})] } : names;
  }
  if (parameter.kind === 'boolean') return { anyOf: numberForms({}) };
  const { minimum, maximum, words } = parameter;
  const bounds = { ...(minimum === undefined ? {} : { minimum }), ...(maximum === undefined ? {} : { maximum }) };
  return { anyOf: [...numberForms(bounds), ...(words === undefined ? [] : [{ enum: words }])] };
}

/**
 * Reads one value. Truth values count as 1 and 0 where a number is expected, and any number but 0 as true where a truth
 * value is, as in mergekit. Undefined when it is wrong, which is reported.
 */
export function readSetting(cursor: Cursor, parameter: Parameter): Setting | undefined {
  switch (parameter.kind) {
    case 'number':
      if (parameter.words?.includes(cursor.text)) return cursor.text;
      return readBounded(cursor, parameter);
    case 'boolean': {
      const value = readNumber(cursor, 'true or false');
      return value === undefined ? undefined : value !== 0;
    }
    case 'choice':
      return readChoice(cursor, parameter);
  }
}

/** Reads one value of a gradient; those of a boolean stay numbers, as they are mixed before they count as true. */
export function readGradientValue(cursor: Cursor, parameter: Parameter): number | undefined {
  return parameter.kind === 'number' ? readBounded(cursor, parameter) : readNumber(cursor, 'true, false or a number');
}

function readBounded(cursor: Cursor, { minimum, maximum }: NumberParameter): number | undefined {
  const value = readNumber(cursor, 'a number');
  if (value === undefined) return undefined;
  if (minimum !== undefined && value < minimum) cursor.problem(`${cursor.text} is below the minimum ${minimum}`);
  else if (maximum !== undefined && value > maximum) cursor.problem(`${cursor.text} is above the maximum ${maximum}`);
  else return value;
  return undefined;
}

function readNumber(cursor: Cursor, what: string): number | undefined {
  const truth = cursor.kind === 'text' ? parseTruth(cursor.text) : undefined;
  const value = truth === undefined && cursor.kind === 'text' ? parseNumber(cursor.text) : Number(truth ?? Number.NaN);
  if (value !== undefined && Number.isFinite(Math.fround(value))) return value;
  if (value !== undefined && !Number.isNaN(value)) cursor.problem(`${cursor.text} is too large for float32`);
  else if (spellsNonFinite(cursor.text)) cursor.problem(`expected a finite number, found ${cursor.text}`);
  else cursor.expected(what);
  return undefined;
}

function readChoice(cursor: Cursor, parameter: ChoiceParameter): string | undefined {
  const { choices, synonyms = {} } = parameter;
  const written = cursor.text;
  if (cursor.kind === 'text' && choices.includes(written)) return written;
  if (cursor.kind === 'text' && Object.hasOwn(synonyms, written)) return synonyms[written];
  if (takesTruth(parameter) && cursor.kind === 'text') {
    const number = parseNumber(written);
    const truth = parseTruth(written) ?? (number === undefined ? undefined : number !== 0);
    if (truth !== undefined) return synonyms[String(truth)];
  }
  cursor.expected(`one of ${choices.join(', ')}`, didYouMean(written, choices));
  return undefined;
}

/** Whether both truth values stand for choices, so that their other spellings do as well. */
function takesTruth({ synonyms = {} }: ChoiceParameter): boolean {
  return Object.hasOwn(synonyms, 'true') && Object.hasOwn(synonyms, 'false');
}

function numberForms(bounds: JsonSchema): readonly JsonSchema[] {
  return [{ type: 'number', ...bounds }, { type: 'boolean' }, { type: 'string', pattern: NUMBER_OR_TRUTH_PATTERN }];
}
