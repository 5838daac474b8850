import colors from 'picocolors';
import { printable } from '../report/text-layout.js';

/** Whether a stream, stdout unless another is named, should be coloured: a terminal, and nobody said NO_COLOR. */
export function usesColour(stream: { readonly isTTY: boolean } = process.stdout): boolean {
  return colors.isColorSupported && stream.isTTY === true;
}

/** Columns of the terminal that stdout is; undefined where it is none or has no width. */
export function terminalWidth(): number | undefined {
  return process.stdout.isTTY === true && process.stdout.columns > 0 ? process.stdout.columns : undefined;
}

/** Lines for people: names in them come from files and servers, and must not steer the terminal. */
export function printableLines(text: string): string {
  return text.split('\n').map(printable).join('\n');
}
