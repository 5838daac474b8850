import colors from 'picocolors';
import { printable } from '../report/text-layout.js';
import { describeWarning, type Warning } from '../warnings.js';

/** Prints warnings for people, on stderr. */
export function printWarnings(warnings: readonly Warning[]): void {
  const paint = colors.createColors(colors.isColorSupported && process.stderr.isTTY === true);
  for (const warning of warnings) {
    process.stderr.write(`${paint.yellow('warning:')} ${printable(describeWarning(warning))}\n`);
  }
}
