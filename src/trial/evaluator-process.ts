/**
 * A process between m2merge and an evaluator. Its standard input brings the task, and ends when m2merge does, however that
 * ends: then the evaluator is ended too, so that none goes on beside the one of a sweep that continues. What an evaluator
 * that has come to its end left is written to a file before anybody is told, so that it need not run again.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { readFile, rm } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { setTimeout as after } from 'node:timers/promises';
import { writeWhole } from '../io/write-whole.js';
import type { EvaluationRecord, EvaluatorTask } from './evaluate.js';
import { RECORD_UNWRITTEN } from './evaluator-exit.js';

/** Bytes kept of what an evaluator prints: JSON of metrics is far smaller, and logs before it are not wanted. */
const KEPT_OUTPUT = 1_048_576;

/** Characters of an evaluator's last words that a result quotes. */
const QUOTED_ERROR = 300;

/** Milliseconds between asking an evaluator to stop and ending it, and in which its output may end after itself. */
const GRACE = 2000;

/** Milliseconds between two looks at whether it has stopped. */
const GRACE_STEP = 50;

const input = createInterface({ input: process.stdin });
input.once('line', async (line) => {
  const task = JSON.parse(line) as EvaluatorTask;
  const abandoned = new Promise<void>((resolve) => input.once('close', resolve));
  // One that was ended before may have left its numbers.
  await rm(task.output, { force: true });
  const record = await runEvaluator(task, abandoned);
  if (record !== undefined) process.exitCode = await keepRecord(task, record);
  process.exit();
});

/** Runs to its end; undefined when it was abandoned. */
function runEvaluator({ command, timeout }: EvaluatorTask, abandoned: Promise<void>): Promise<End | undefined> {
  const started = performance.now();
  const [program, ...args] = typeof command === 'string' ? [command] : command;
  return new Promise((resolve) => {
    // A group of its own, so that stopping it also stops what it started.
    const child = spawn(program!, args, {
      shell: typeof command === 'string',
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const stdout = keepTail(child.stdout);
    const stderr = keepTail(child.stderr);
    let stopped: string | undefined;
    let isAbandoned = false;
    let groupEnded = Promise.resolve();
    const timer = setTimeout(() => {
      stopped = `stopped after ${timeout} s`;
      groupEnded = endGroup(child);
    }, timeout * 1000);
    void abandoned.then(() => {
      isAbandoned = true;
      groupEnded = endGroup(child);
    });
    const finish = async (problem: string | undefined): Promise<void> => {
      clearTimeout(timer);
      const seconds = (performance.now() - started) / 1000;
      // What it has started may take its time, and its memory, beside the next evaluation.
      await groupEnded;
      resolve(isAbandoned ? undefined : { stdout: stdout(), problem: stopped ?? problem, seconds });
    };
    child.once('error', (error) => void finish(`could not be started: ${error.message}`));
    child.once('exit', () => {
      clearTimeout(timer);
      setTimeout(() => endOutput(child), GRACE).unref();
    });
    child.once('close', (code, killed) => {
      if (code === 0) {
        void finish(undefined);
        return;
      }
      const words = stderr().trim().slice(-QUOTED_ERROR);
      const end = code === null ? `signal ${killed}` : `exit code ${code}`;
      void finish(`ended with ${end}${words === '' ? '' : `: ${words}`}`);
    });
  });
}

type End = Omit<EvaluationRecord, 'output' | 'command'>;

/** Writes what the evaluator left, its file included, in one step; returns what to end with. */
async function keepRecord({ command, output, record }: EvaluatorTask, end: End): Promise<number> {
  const written = await readFile(output, 'utf8').catch(() => undefined);
  const content: EvaluationRecord = { command, ...end, ...(written === undefined ? {} : { output: written }) };
  try {
    await writeWhole(record, JSON.stringify(content));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return code === 'ENOSPC' || code === 'EDQUOT' ? RECORD_UNWRITTEN.diskFull : RECORD_UNWRITTEN.other;
  }
  await rm(output, { force: true });
  return 0;
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

/**
 * Ends what an evaluator has started and left with its output open: waiting for that could take for ever. What has left
 * its group as well goes on, but is not listened to any more.
 */
function endOutput(child: ChildProcess): void {
  void endGroup(child);
  setTimeout(() => {
    child.stdout?.destroy();
    child.stderr?.destroy();
  }, GRACE);
}

/** Asks all processes of an evaluator's group to stop, and ends those that are still there after a while. */
async function endGroup({ pid }: ChildProcess): Promise<void> {
  if (pid === undefined || !signalGroup(pid, 'SIGTERM')) return;
  for (let waited = 0; waited < GRACE; waited += GRACE_STEP) {
    await after(GRACE_STEP);
    if (!signalGroup(pid, 0)) return;
  }
  signalGroup(pid, 'SIGKILL');
}

/** Whether there is such a group; 0 is no signal. */
function signalGroup(pid: number, signal: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(-pid, signal);
  } catch {
    return false;
  }
}
