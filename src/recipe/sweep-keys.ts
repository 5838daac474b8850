/** The `sweep:` section of a recipe: which settings to try, how to judge them, what to keep. */
import { M2MergeError } from '../errors.js';
import { warning } from '../warnings.js';
import { problemOfCommand, splitWords } from './command-words.js';
import type { Cursor } from './cursor.js';
import { excerpt } from './findings.js';
import { nearestName } from './nearest.js';
import type { Position } from './position.js';
import { parseNumber } from './scalars.js';
import {
  choice,
  countUpTo,
  givenSchema,
  type JsonSchema,
  type Key,
  listOf,
  naturalUpTo,
  notBothSchema,
  type RecordReading,
  record,
  type Shape,
  text,
  trueSchema,
  truth,
} from './shapes.js';

/** A value as YAML has it; scalars stay the text they are written with. Nothing (`null`, `~`) takes a key away. */
export type Plain = string | null | readonly Plain[] | { readonly [key: string]: Plain };

/** Values between two bounds, for sampling. */
export interface Range {
  readonly minimum: number;
  readonly maximum: number;
  /** Spread evenly by logarithm. */
  readonly logarithmic: boolean;
}

/** What a sweep tries of one setting. */
export interface Axis {
  /** As `lambda`, `merge_method` or `models.code.weight`. */
  readonly setting: string;
  /** Where the sweep names it; undefined for what the command line chooses. */
  readonly position: Position | undefined;
  readonly values: readonly Plain[] | Range;
}

/** One value for each of some settings. */
export type Choice = readonly { readonly setting: string; readonly position: Position; readonly value: Plain }[];

const KEEP = ['all', 'best', 'none'] as const;
export type Keep = (typeof KEEP)[number];

const SAMPLERS = ['random', 'sobol'] as const;
export type Sampler = (typeof SAMPLERS)[number];

export interface Sample {
  readonly strategy: Sampler;
  readonly count: number;
  readonly seed: number;
}

/** How a variant is judged. */
export interface Evaluation {
  /** Program and arguments with placeholders, or one text for the shell. */
  readonly command: readonly string[] | string;
  /** Names of numbers in the evaluator's JSON, with dots between levels; all numbers of its top level unless given. */
  readonly metrics: readonly string[] | undefined;
  /** Seconds. */
  readonly timeout: number;
  /** Variants judged at once. */
  readonly parallel: number;
  /** The metric that decides, and whether more of it is better; the mean of all metrics unless given. */
  readonly objective: { readonly metric: string; readonly maximize: boolean } | undefined;
}

export interface SweepSection {
  readonly axes: readonly Axis[];
  readonly sample: Sample | undefined;
  readonly variants: readonly Choice[];
  readonly keep: Keep | undefined;
  readonly evaluate: Evaluation | undefined;
}

/** The most variants a sample may ask for: each is a model. */
const MAX_SAMPLE = 10_000;

/** Seconds an evaluation may take unless the recipe says otherwise: an hour. */
const DEFAULT_TIMEOUT = 3600;

/** Seconds: a week. */
const MAX_TIMEOUT = 604_800;

/** Evaluations that may run at once. */
const MAX_PARALLEL = 64;

const key = <T>(summary: string, shape: Shape<T>): Key<T> => ({ summary, shape });
const required = <T>(summary: string, shape: Shape<T>): Key<T> => ({ summary, shape, required: true });

const number: Shape<number> = {
  schema: { type: 'number' },
  read(cursor) {
    const value = cursor.kind === 'text' ? parseNumber(cursor.text) : undefined;
    if (value !== undefined && Number.isFinite(value)) return value;
    cursor.expected('a finite number');
    return undefined;
  },
};

const rangeShape = record(
  {
    minimum: required('smallest value', number),
    maximum: required('largest value', number),
    log: key('spread the values evenly by their logarithm', truth),
  },
  '{minimum: …, maximum: …}',
);

const sampleShape = record(
  {
    strategy: key('how the values are drawn', choice(SAMPLERS)),
    n: required('how many variants', countUpTo(MAX_SAMPLE)),
    seed: key('seed of the draw, 0 unless given', naturalUpTo(Number.MAX_SAFE_INTEGER)),
  },
  '{strategy: …, n: …}',
);

const command: Shape<readonly string[] | string> = {
  schema: {
    anyOf: [
      { type: 'string', pattern: '\\S' },
      { type: 'array', minItems: 1, items: { type: 'string' } },
    ],
  },
  read: (cursor) => (cursor.kind === 'list' ? listOf(text, 'arguments').read(cursor) : text.read(cursor)),
};

const EVALUATE_KEYS = {
  command: required('program and arguments; {model}, {variant} and {output} stand for their values', command),
  shell: key('hand the command to the shell, as one text', truth),
  metrics: key('names of the numbers to take from the JSON', listOf(text, 'names')),
  timeout: key('seconds after which an evaluation is stopped', countUpTo(MAX_TIMEOUT)),
  parallel: key('evaluations at once', countUpTo(MAX_PARALLEL)),
  maximize: key('the metric whose largest value wins', text),
  minimize: key('the metric whose smallest value wins', text),
};

type EvaluateReading = RecordReading<typeof EVALUATE_KEYS>;

const evaluateRecord = record(EVALUATE_KEYS, '{command: …}');

const SHELL_TAKES_TEXT: JsonSchema = {
  not: { required: ['shell', 'command'], properties: { shell: trueSchema, command: { type: 'array' } } },
};

const evaluateShape: typeof evaluateRecord = {
  ...evaluateRecord,
  schema: { ...evaluateRecord.schema, allOf: [notBothSchema('maximize', 'minimize'), SHELL_TAKES_TEXT] },
};

/** A mapping from settings to what is read of each. */
function settings<T>(values: Shape<T>): Shape<readonly { setting: string; position: Position; value: T }[]> {
  return {
    schema: { type: 'object', additionalProperties: values.schema },
    read(cursor) {
      if (cursor.kind !== 'mapping') {
        cursor.expected('a mapping of settings');
        return undefined;
      }
      return [...cursor.entries()].flatMap(([setting, { position, value }]) => {
        const read = values.read(value);
        return read === undefined ? [] : [{ setting, position, value: read }];
      });
    },
  };
}

const anything: Shape<Plain> = { schema: {}, read: plain };

const axisValues: Shape<readonly Plain[] | Range> = {
  schema: { anyOf: [{ type: 'array', minItems: 1 }, rangeShape.schema] },
  read(cursor) {
    if (cursor.kind !== 'mapping') return listOf(anything, 'values').read(cursor);
    const range = rangeShape.read(cursor)?.values;
    if (range?.minimum === undefined || range.maximum === undefined) return undefined;
    const logarithmic = range.log ?? false;
    if (range.minimum >= range.maximum) cursor.problem('the minimum is not below the maximum');
    else if (logarithmic && range.minimum <= 0) cursor.problem('a logarithmic range begins above 0');
    else return { minimum: range.minimum, maximum: range.maximum, logarithmic };
    return undefined;
  },
};

const SWEEP_KEYS = {
  parameters: key('values to try of each setting: a list, or a range to sample', settings(axisValues)),
  sample: key('draw so many variants instead of taking all combinations', sampleShape),
  variants: key(
    'settings to try as they are, each with all combinations of the parameters',
    listOf(settings(anything), 'settings'),
  ),
  keep: key('which models stay after the evaluation', choice(KEEP)),
  evaluate: key('how a model is judged', evaluateShape),
};

const sweepRecord = record(SWEEP_KEYS, '{parameters: …}');

const SOME_PARAMETERS = {
  required: ['parameters'],
  properties: { parameters: { type: 'object', minProperties: 1 } },
};

/** Reads the section. Lists are tried in all combinations, unless a sample is drawn. */
export const sweepShape: Shape<SweepSection> = {
  // With an evaluation alone, what to try is said on the command line or by whoever steers the sweep.
  schema: { ...sweepRecord.schema, anyOf: [SOME_PARAMETERS, givenSchema('variants'), givenSchema('evaluate')] },
  read(cursor) {
    const reading = sweepRecord.read(cursor);
    if (reading === undefined) return undefined;
    const { parameters = [], variants = [], keep } = reading.values;
    const axes = parameters.map(({ setting, position, value }): Axis => ({ setting, position, values: value }));
    return { axes, variants, keep, sample: readSample(reading), evaluate: readEvaluation(reading) };
  },
};

function readSample({ values }: RecordReading<typeof SWEEP_KEYS>): Sample | undefined {
  const { strategy, n, seed } = values.sample?.values ?? {};
  return n === undefined ? undefined : { strategy: strategy ?? 'sobol', count: n, seed: seed ?? 0 };
}

function readEvaluation({ values, present }: RecordReading<typeof SWEEP_KEYS>): Evaluation | undefined {
  if (values.evaluate === undefined) return undefined;
  const { command: written, shell = false, metrics, timeout, parallel, maximize, minimize } = values.evaluate.values;
  if (written === undefined) return undefined;
  const place = present.get('evaluate');
  const problem = typeof written === 'string' && !shell ? problemOfCommand(written) : undefined;
  if (problem !== undefined) values.evaluate.present.get('command')?.problem(problem);
  if (shell && typeof written !== 'string') place?.problem('the shell takes the command as one text');
  if (maximize !== undefined && minimize !== undefined) place?.problem('either maximizes or minimizes, not both');
  const metric = maximize ?? minimize;
  if (metric !== undefined) warnOfMisspelling(values.evaluate, metric);
  return {
    command: shell || typeof written !== 'string' ? written : splitWords(written),
    metrics,
    timeout: timeout ?? DEFAULT_TIMEOUT,
    parallel: parallel ?? 1,
    objective: metric === undefined ? undefined : { metric, maximize: maximize !== undefined },
  };
}

/** The number that decides need not be listed; one that is spelt nearly like another that is may be meant for that. */
function warnOfMisspelling({ values, present }: EvaluateReading, metric: string): void {
  const { metrics = [] } = values;
  const suggestion = metrics.includes(metric) ? undefined : nearestName(metric, metrics);
  const cursor = present.get('maximize') ?? present.get('minimize');
  if (suggestion === undefined || cursor === undefined) return;
  const facts = { metric: excerpt(metric), suggestion };
  cursor.findings.warn(cursor.position, (place) => warning('objective-unlisted', { place, ...facts }));
}

/** An evaluation by a command line alone. Throws `usage` for one that cannot be run. */
export function commandEvaluation(line: string, maximize: string | undefined): Evaluation {
  const problem = problemOfCommand(line);
  if (problem !== undefined) throw new M2MergeError('usage', { message: `--evaluate: ${problem}` });
  const objective = maximize === undefined ? undefined : { metric: maximize, maximize: true };
  return { command: splitWords(line), metrics: undefined, timeout: DEFAULT_TIMEOUT, parallel: 1, objective };
}

/** The value at a cursor. */
function plain(cursor: Cursor): Plain {
  if (cursor.kind === 'list') return cursor.elements().map(plain);
  if (cursor.kind === 'mapping') {
    return Object.fromEntries([...cursor.entries()].map(([name, { value }]) => [name, plain(value)]));
  }
  return cursor.kind === 'nothing' ? null : cursor.text;
}
