/**
 * Every failure and warning a user can meet: its kind, the facts it carries, and (here only) its text and hint.
 * Code throws facts; the command line, the JSON events and the tests read them. Exit codes are in `EXIT_CODES`.
 */
import { formatBytes } from './errors/byte-text.js';
import { HUB_FAILURES_OF_NETWORK, HUB_WORDINGS, type HubErrorFacts } from './errors/hub.js';
import { MODEL_WORDINGS, type ModelErrorFacts } from './errors/model.js';
import { OUTPUT_WORDINGS, type OutputErrorFacts } from './errors/output.js';
import { PASSING_PUSH_FAILURES, PUSH_WORDINGS, type PushErrorFacts } from './errors/push.js';
import { SWEEP_WORDINGS, type SweepErrorFacts } from './errors/sweep.js';
import { TOKENIZER_WORDINGS, type TokenizerErrorFacts } from './errors/tokenizer.js';
import type { Wording } from './errors/wording.js';

/** Process exit codes. 1 is a defect of m2merge itself; after 6 the same command may succeed later. */
export const EXIT_CODES = {
  ok: 0,
  defect: 1,
  usage: 2,
  recipe: 3,
  input: 4,
  output: 5,
  network: 6,
  evaluation: 7,
  memory: 8,
  interrupted: 130,
} as const;

/** One thing wrong with a recipe, at its place. Lines and columns count from 1. */
export interface RecipeProblem {
  readonly line: number;
  readonly column: number;
  /** Where in the recipe, as `models[1].parameters.weight`; empty for the whole document. */
  readonly path: string;
  /** What is wrong, in one sentence without a trailing period, naming what was found. */
  readonly message: string;
  /** What would be right: the expected form, or the nearest valid name. */
  readonly hint?: string;
}

export interface ErrorFacts
  extends HubErrorFacts,
    ModelErrorFacts,
    OutputErrorFacts,
    PushErrorFacts,
    SweepErrorFacts,
    TokenizerErrorFacts {
  usage: { message: string; hint?: string };
  'recipe-missing': { path: string };
  'recipe-unreadable': { path: string; reason: string };
  'recipe-invalid': { file: string; problems: readonly RecipeProblem[] };
  'warnings-refused': { warnings: readonly string[] };
  'file-missing': { path: string; purpose: string };
  'file-unreadable': { path: string; reason: string };
  'model-missing': {
    reference: string;
    searched: readonly string[];
    place?: string;
    nearby?: string | undefined;
    isFile?: boolean;
  };
  'input-changed': { path: string };
  'nothing-to-merge': { detail: string };
  'results-invalid': { place: string };
  'row-too-long': { tensor: string; method: string; elements: number; limit: number };
  'tensor-too-large': { tensor: string; method: string; elements: number; limit: number };
  interrupted: { signal: string; resumes?: true };
  'worker-failed': { reason: string; trace: string | undefined };
  'kernel-memory': { bytes: number };
  'address-space': { reason: string };
}

export type ErrorKind = keyof ErrorFacts;

/** What stands for the file of a recipe that the command line's arguments come to. */
export const COMMAND_LINE = 'command line';

/** A place in a recipe as messages name it. Nobody wrote the recipe of a command line, so that it has no lines. */
export function placeIn(file: string, { line, column }: { readonly line: number; readonly column: number }): string {
  return file === COMMAND_LINE ? file : `${file}:${line}:${column}`;
}

const formatProblem = (file: string, problem: RecipeProblem): string => {
  const where = problem.path === '' ? '' : `${problem.path}: `;
  const hint = problem.hint === undefined ? '' : ` (${problem.hint})`;
  return `${placeIn(file, problem)}: ${where}${problem.message}${hint}`;
};

/** The page of a model on the Hub, as people copy it from a browser. */
const HUB_PAGE = /^https?:\/\/(?:www\.)?(?:huggingface\.co|hf\.co)\/([\w.-]+\/[\w.-]+)/;

function hintForMissingModel(reference: string, searched: readonly string[], nearby: string | undefined): string {
  const page = HUB_PAGE.exec(reference);
  if (page !== null) return `models on the Hub go by their name: ${page[1]}`;
  const meant = nearby === undefined ? '' : `did you mean "${nearby}"? `;
  const places =
    meant +
    `looked for a folder at ${searched.join(' and ')}; relative paths start at the recipe's folder, then the working folder`;
  // Old models of the Hub have no owner, and a single word is a folder here.
  return /^\w[\w.-]*$/.test(reference) ? `${places}; on the Hub it would be hf://${reference}` : places;
}

const WORDINGS: { readonly [K in ErrorKind]: (facts: ErrorFacts[K]) => Wording } = {
  ...HUB_WORDINGS,
  ...MODEL_WORDINGS,
  ...OUTPUT_WORDINGS,
  ...SWEEP_WORDINGS,
  ...PUSH_WORDINGS,
  ...TOKENIZER_WORDINGS,
  usage: ({ message, hint }) => ({ message, hint }),
  'recipe-invalid': ({ file, problems }) => ({ message: problems.map((p) => formatProblem(file, p)).join('\n') }),
  'warnings-refused': ({ warnings }) => ({ message: warnings.join('\n'), hint: 'without --strict these are warnings' }),
  'recipe-missing': ({ path }) => ({
    message: `recipe not found: ${path}`,
    hint: 'name a YAML file; the path starts at the working folder',
  }),
  'recipe-unreadable': ({ path, reason }) => ({ message: `cannot read ${path}: ${reason}` }),
  'file-missing': ({ path, purpose }) => ({
    message: `${purpose} not found: ${path}`,
    hint: 'paths start at the folder of the recipe, or else at the working folder',
  }),
  'file-unreadable': ({ path, reason }) => ({
    message: `cannot read ${path}: ${reason}`,
    hint: reason.startsWith('EMFILE') ? 'allow more open files (ulimit -n), or take fewer threads' : undefined,
  }),
  'model-missing': ({ reference, searched, place, nearby, isFile = false }) => ({
    message: `${place === undefined ? '' : `${place}: `}model "${reference}" ${isFile ? 'is a file' : 'not found'}`,
    hint: isFile
      ? 'a model is named by the folder that its files lie in'
      : hintForMissingModel(reference, searched, nearby),
  }),
  'input-changed': ({ path }) => ({
    message: `${path} was written to while the models were read`,
    hint: 'merge again when nothing changes it',
  }),
  'nothing-to-merge': ({ detail }) => ({ message: `nothing to merge: ${detail}` }),
  'results-invalid': ({ place }) => ({
    message: `${place} is not a result of a sweep`,
    hint: 'remove the line, or begin anew in another folder',
  }),
  'row-too-long': ({ tensor, method, elements, limit }) => ({
    message: `${method} takes whole rows, but ${elements} elements of ${tensor} would have to stay together (at most ${limit} can)`,
    hint: 'choose a method that works element by element',
  }),
  'tensor-too-large': ({ tensor, method, elements, limit }) => ({
    message: `${method} takes whole tensors, but ${tensor} has ${elements} elements (at most ${limit} can stay together)`,
    hint: `take the mean of it, as in parameters: {decompose: [{filter: ${tensor}, value: false}, {value: true}]}`,
  }),
  interrupted: ({ signal, resumes }) => ({
    message: `stopped by ${signal}; ${resumes ? 'the same command goes on where it was' : 'nothing half-written was left behind'}`,
  }),
  'worker-failed': ({ reason }) => ({ message: `a worker failed: ${reason}` }),
  'kernel-memory': ({ bytes }) => ({
    message: `cannot get ${formatBytes(bytes)} of memory for the kernels`,
    hint: 'free some memory, or merge with fewer threads',
  }),
  'address-space': ({ reason }) => ({
    message: `cannot reserve addresses for the kernels: ${reason}`,
    hint: 'allow more (ulimit -v; V8 reserves many GB a thread and uses few), or set NODE_OPTIONS=--disable-wasm-trap-handler',
  }),
};

const EXIT_CODE_OF: { readonly [K in Exclude<ErrorKind, keyof HubErrorFacts | keyof PushErrorFacts>]: number } = {
  usage: EXIT_CODES.usage,
  'recipe-missing': EXIT_CODES.recipe,
  'recipe-unreadable': EXIT_CODES.recipe,
  'recipe-invalid': EXIT_CODES.recipe,
  'warnings-refused': EXIT_CODES.recipe,
  'file-missing': EXIT_CODES.input,
  'file-unreadable': EXIT_CODES.input,
  'model-missing': EXIT_CODES.input,
  'model-empty': EXIT_CODES.input,
  'safetensors-invalid': EXIT_CODES.input,
  'index-invalid': EXIT_CODES.input,
  'weights-missing': EXIT_CODES.input,
  'input-changed': EXIT_CODES.input,
  'read-short': EXIT_CODES.input,
  'tensor-missing': EXIT_CODES.input,
  'layer-count-mismatch': EXIT_CODES.input,
  'shape-mismatch': EXIT_CODES.input,
  'model-quantized': EXIT_CODES.input,
  'dtype-unmergeable': EXIT_CODES.input,
  'config-invalid': EXIT_CODES.input,
  'adapter-invalid': EXIT_CODES.input,
  'adapter-unsupported': EXIT_CODES.input,
  'adapter-mismatch': EXIT_CODES.input,
  'nothing-to-merge': EXIT_CODES.input,
  'row-too-long': EXIT_CODES.input,
  'tensor-too-large': EXIT_CODES.input,
  'results-invalid': EXIT_CODES.input,
  'tokenizer-missing': EXIT_CODES.input,
  'tokenizer-invalid': EXIT_CODES.input,
  'output-exists': EXIT_CODES.output,
  'output-overlaps-input': EXIT_CODES.output,
  'output-holds': EXIT_CODES.output,
  'output-unwritable': EXIT_CODES.output,
  'sweep-too-large': EXIT_CODES.output,
  'sweep-running': EXIT_CODES.output,
  'results-outdated': EXIT_CODES.output,
  'evaluations-failed': EXIT_CODES.evaluation,
  'disk-full': EXIT_CODES.output,
  interrupted: EXIT_CODES.interrupted,
  'worker-failed': EXIT_CODES.defect,
  'kernel-memory': EXIT_CODES.memory,
  'address-space': EXIT_CODES.memory,
};

/** A failure with its facts. `message` is one line (for recipes, one line for each problem); `hint` says what to do. */
export class M2MergeError<K extends ErrorKind = ErrorKind> extends Error {
  override readonly name = 'M2MergeError';
  readonly kind: K;
  readonly facts: ErrorFacts[K];
  readonly hint: string | undefined;

  constructor(kind: K, facts: ErrorFacts[K], options?: ErrorOptions) {
    const wording = WORDINGS[kind](facts);
    super(wording.message, options);
    this.kind = kind;
    this.facts = facts;
    this.hint = wording.hint;
  }

  get exitCode(): number {
    if (this.kind in EXIT_CODE_OF) return EXIT_CODE_OF[this.kind as keyof typeof EXIT_CODE_OF];
    if (PASSING_PUSH_FAILURES.has(this.kind)) return EXIT_CODES.network;
    if (this.kind in PUSH_WORDINGS) return EXIT_CODES.output;
    return HUB_FAILURES_OF_NETWORK.has(this.kind) ? EXIT_CODES.network : EXIT_CODES.input;
  }
}

/** Narrows by kind rather than `instanceof`, so that two copies of the package understand each other's errors. */
export function isM2MergeError<K extends ErrorKind>(error: unknown, kind?: K): error is M2MergeError<K> {
  if (!(error instanceof Error) || error.name !== 'M2MergeError') return false;
  return kind === undefined || (error as M2MergeError).kind === kind;
}
