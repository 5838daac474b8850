/** Runs the user's evaluator on one model and reads its metrics. Whatever it does, the answer is a finding, not a throw. */
import { spawn } from 'node:child_process';
import { readFile, rm } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { M2MergeError } from '../errors.js';
import type { Evaluation } from '../recipe/sweep-keys.js';
import { RECORD_UNWRITTEN } from './evaluator-exit.js';
import { readMetrics } from './metrics.js';
import { fillShellText } from './shell-text.js';

/** Also where the command line is bundled, one folder beside. */
const SUPERVISOR = fileURLToPath(new URL('../trial/evaluator-process.js', import.meta.url));

/** What is evaluated, and where what comes of it is kept. */
export interface EvaluationPlace {
  /** Absolute folder of the model. */
  readonly model: string;
  readonly variant: string;
  /** Absolute path of a JSON file that the evaluator may write its metrics to. */
  readonly output: string;
  /** Absolute path of what an evaluator that has come to its end left, until the result is noted. */
  readonly record: string;
}

/** Program and arguments, or one text for the shell; placeholders are filled in. */
type Command = readonly string[] | string;

/** What the process that runs an evaluator is told. */
export interface EvaluatorTask extends Pick<EvaluationPlace, 'output' | 'record'> {
  readonly command: Command;
  /** Seconds. */
  readonly timeout: number;
}

/** What an evaluator left when it ended. */
export interface EvaluationRecord {
  readonly command: Command;
  readonly stdout: string;
  /** Content of its file, if it wrote one. */
  readonly output?: string;
  readonly problem: string | undefined;
  /** Wall seconds. */
  readonly seconds: number;
}

export interface Judgement {
  readonly metrics: Readonly<Record<string, number>>;
  /** Why there are no metrics, or not all. */
  readonly problem: string | undefined;
  /** Wall seconds. */
  readonly seconds: number;
}

/**
 * Evaluates a model, or reads what an evaluation that ended unnoticed has left; the record stays until `forgetRecord`.
 * Rejects with the signal's reason when that aborts, once the evaluator has ended. Throws `disk-full` and `output-unwritable`
 * where what it left could not be written down.
 */
export async function evaluateModel(
  evaluation: Evaluation,
  place: EvaluationPlace,
  signal?: AbortSignal,
): Promise<Judgement> {
  const { timeout } = evaluation;
  const command = fillCommand(evaluation, place);
  if ((await readRecord(place, command)) === undefined)
    checkWritten(await supervise({ ...place, command, timeout }, signal), place);
  const left = await readRecord(place, command);
  if (left === undefined) {
    signal?.throwIfAborted();
    return { metrics: {}, problem: 'the process that ran the evaluator was ended', seconds: 0 };
  }
  const { metrics, problem } = readMetrics(
    left.output ?? left.stdout,
    evaluation.metrics,
    evaluation.objective?.metric,
  );
  if (left.problem !== undefined) return { metrics: {}, problem: left.problem, seconds: left.seconds };
  return { metrics, problem, seconds: left.seconds };
}

function checkWritten(exitCode: number | null, { record }: EvaluationPlace): void {
  if (exitCode === RECORD_UNWRITTEN.diskFull) throw new M2MergeError('disk-full', { path: record });
  if (exitCode === RECORD_UNWRITTEN.other)
    throw new M2MergeError('output-unwritable', { path: record, reason: 'what an evaluation left could not be kept' });
}

/** Removes what an evaluation left, once its result is noted. */
export async function forgetRecord({ record }: EvaluationPlace): Promise<void> {
  await rm(record, { force: true });
}

/** What an evaluator left; undefined where none did, or one of another command. */
async function readRecord({ record }: EvaluationPlace, command: Command): Promise<EvaluationRecord | undefined> {
  const text = await readFile(record, 'utf8').catch(() => undefined);
  const left: EvaluationRecord | undefined = text === undefined ? undefined : JSON.parse(text);
  return JSON.stringify(left?.command) === JSON.stringify(command) ? left : undefined;
}

/** Runs an evaluator in the care of a process that ends it when this one ends, and waits for both; returns its exit code. */
function supervise(task: EvaluatorTask, signal?: AbortSignal): Promise<number | null> {
  const { command, timeout, output, record } = task;
  return new Promise((resolve) => {
    // Not in this process's group: a terminal's interrupt would end it before it has ended the evaluator.
    const child = spawn(process.execPath, [SUPERVISOR], { detached: true, stdio: ['pipe', 'ignore', 'inherit'] });
    const abort = (): void => {
      child.stdin.end();
    };
    const finish = (exitCode: number | null): void => {
      signal?.removeEventListener('abort', abort);
      resolve(exitCode);
    };
    signal?.addEventListener('abort', abort, { once: true });
    // It may end before it has read anything; what is missing then tells.
    child.stdin.on('error', () => {});
    child.once('error', () => finish(null));
    child.once('exit', finish);
    child.stdin.write(`${JSON.stringify({ command, timeout, output, record } satisfies EvaluatorTask)}\n`);
    if (signal?.aborted) abort();
  });
}

function fillCommand({ command }: Evaluation, place: EvaluationPlace): Command {
  return typeof command === 'string' ? fillShell(command, place) : command.map((word) => fillIn(word, place));
}

/** Whatever is filled in stays as it is: folders may hold signs that mean something to `replace`, or other placeholders. */
function fillIn(text: string, place: EvaluationPlace, write = (value: string) => value): string {
  return text.replace(/\{(model|variant|output)\}/g, (_, name: 'model' | 'variant' | 'output') => write(place[name]));
}

/** The shell of Windows has no quotes that hold for every program, so that there values are filled in as they are. */
function fillShell(text: string, place: EvaluationPlace): string {
  if (process.platform === 'win32') return fillIn(text, place);
  return fillShellText(text, (part, write) => fillIn(part, place, write));
}
