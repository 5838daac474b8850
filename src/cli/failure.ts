/** The end of a run that failed: the error for people or machines, and the exit code. */
import colors from 'picocolors';
import { type ErrorKind, EXIT_CODES, isM2MergeError } from '../errors.js';
import { printable } from '../report/text-layout.js';
import { printableLines } from './terminal.js';

/** Kinds whose message may have several lines. In all others a line break is part of a name. */
const OF_LINES: readonly ErrorKind[] = ['recipe-invalid', 'warnings-refused', 'usage'];

/** Prints a failure (to stderr, or as an event to stdout) and returns the process's exit code. */
export function reportFailure(error: unknown, json: boolean): number {
  const known = isM2MergeError(error);
  const message = error instanceof Error ? error.message : String(error);
  if (json) {
    const event = known
      ? { kind: error.kind, message, hint: error.hint, facts: error.facts }
      : { kind: 'defect', message };
    process.stdout.write(`${JSON.stringify({ event: 'error', ...event })}\n`);
  } else {
    const paint = colors.createColors(colors.isColorSupported && process.stderr.isTTY === true);
    const shown = known && !OF_LINES.includes(error.kind) ? printable : printableLines;
    process.stderr.write(`${paint.red('error:')} ${shown(message)}\n`);
    if (known && error.hint !== undefined) {
      process.stderr.write(`${paint.dim('hint:')} ${shown(error.hint)}\n`);
    }
    if (!known || error.exitCode === EXIT_CODES.defect)
      process.stderr.write(`This is a defect of m2merge; please report it with this trace:\n${traceOf(error)}\n`);
  }
  return known ? error.exitCode : EXIT_CODES.defect;
}

/** Where a defect showed; of one in a worker, there. */
function traceOf(error: unknown): string {
  if (isM2MergeError(error, 'worker-failed')) return error.facts.trace ?? '';
  return error instanceof Error ? (error.stack ?? '') : '';
}
