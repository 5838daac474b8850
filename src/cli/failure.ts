/** The end of a run that failed: the error for people or machines, and the exit code. */
import colors from 'picocolors';
import { EXIT_CODES, isM2MergeError } from '../errors.js';
import { printableLines } from './terminal.js';

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
    process.stderr.write(`${paint.red('error:')} ${printableLines(message)}\n`);
    if (known && error.hint !== undefined) {
      process.stderr.write(`${paint.dim('hint:')} ${printableLines(error.hint)}\n`);
    }
    if (!known)
      process.stderr.write(`This is a defect of m2merge; please report it with this trace:\n${stackOf(error)}\n`);
  }
  return known ? error.exitCode : EXIT_CODES.defect;
}

function stackOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? '') : '';
}
