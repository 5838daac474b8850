/** Runs the user's evaluator on one model and reads its metrics. Whatever it does, the answer is a finding, not a throw. */
import { type ChildProcess, spawn } from 'node:child_process';
import { readFile, rm } from 'node:fs/promises';
import type { Evaluation } from '../recipe/sweep-keys.js';
import { readMetrics } from './metrics.js';

/** Bytes kept of what an evaluator prints: JSON of metrics is far smaller, and logs before it are not wanted. */
const KEPT_OUTPUT = 1_048_576;

/** Characters of an evaluator's last words that a result quotes. */
const QUOTED_ERROR = 300;

/** Milliseconds between asking an evaluator to stop and ending it. */
const GRACE = 2000;

/** What the placeholders of a command stand for. */
export interface Placeholders {
  /** Absolute folder of the model. */
  readonly model: string;
  readonly variant: string;
  /** Absolute path of a JSON file that the evaluator may write its metrics to. */
  readonly output: string;
}

export interface Judgement {
  readonly metrics: Readonly<Record<string, number>>;
  /** Why there are no metrics, or not all. */
  readonly problem: string | undefined;
  /** Wall seconds. */
  readonly seconds: number;
}

/** Evaluates a model. Rejects with the signal's reason when that aborts, and ends the evaluator. */
export async function evaluateModel(
  evaluation: Evaluation,
  placeholders: Placeholders,
  signal?: AbortSignal,
): Promise<Judgement> {
  const started = performance.now();
  const end = await runEvaluator(evaluation, placeholders, signal);
  signal?.throwIfAborted();
  const file = await readFile(placeholders.output, 'utf8').catch(() => undefined);
  await rm(placeholders.output, { force: true });
  const { metrics, problem } = readMetrics(file ?? end.stdout, evaluation.metrics);
  const seconds = (performance.now() - started) / 1000;
  if (end.problem !== undefined) return { metrics: {}, problem: end.problem, seconds };
  return { metrics, problem, seconds };
}

interface End {
  readonly stdout: string;
  readonly problem: string | undefined;
}

function runEvaluator(evaluation: Evaluation, placeholders: Placeholders, signal?: AbortSignal): Promise<End> {
  const { command, timeout } = evaluation;
  const [program, ...args] = typeof command === 'string' ? [command] : command;
  return new Promise((resolve) => {
    // A group of its own, so that stopping it also stops what it started.
    const child = spawn(
      fillIn(program!, placeholders),
      args.map((argument) => fillIn(argument, placeholders)),
      {
        shell: typeof command === 'string',
        detached: true,
        stdio: ['ignore', 'pipe', 'pipe'],
      },
    );
    const stdout = keepTail(child.stdout);
    const stderr = keepTail(child.stderr);
    let stopped: string | undefined;
    const stop = (reason: string): void => {
      stopped ??= reason;
      endGroup(child);
    };
    const timer = setTimeout(() => stop(`stopped after ${timeout} s`), timeout * 1000);
    const abort = (): void => stop('interrupted');
    signal?.addEventListener('abort', abort, { once: true });
    const finish = (problem: string | undefined): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', abort);
      resolve({ stdout: stdout(), problem: stopped ?? problem });
    };
    child.once('error', (error) => finish(`could not be started: ${error.message}`));
    child.once('close', (code, killed) => {
      if (code === 0) return finish(undefined);
      const words = stderr().trim().slice(-QUOTED_ERROR);
      finish(
        `ended with ${code === null ? `signal ${killed}` : `exit code ${code}`}${words === '' ? '' : `: ${words}`}`,
      );
    });
  });
}

function fillIn(text: string, { model, variant, output }: Placeholders): string {
  return text.replaceAll('{model}', model).replaceAll('{variant}', variant).replaceAll('{output}', output);
}

/** Collects the last of what a stream brings. */
function keepTail(stream: NodeJS.ReadableStream): () => string {
  let chunks: Buffer[] = [];
  let length = 0;
  stream.on('data', (chunk: Buffer) => {
    chunks.push(chunk);
    length += chunk.length;
    if (length <= 2 * KEPT_OUTPUT) return;
    chunks = [Buffer.concat(chunks).subarray(-KEPT_OUTPUT)];
    length = KEPT_OUTPUT;
  });
  return () => Buffer.concat(chunks).subarray(-KEPT_OUTPUT).toString('utf8');
}

function endGroup(child: ChildProcess): void {
  const signalGroup = (signal: NodeJS.Signals): void => {
    try {
      if (child.pid !== undefined) process.kill(-child.pid, signal);
    } catch {
      // It has ended by itself.
    }
  };
  signalGroup('SIGTERM');
  setTimeout(() => signalGroup('SIGKILL'), GRACE).unref();
}
