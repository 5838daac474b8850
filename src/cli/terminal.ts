import colors from 'picocolors';

/** Whether stdout should be coloured: a terminal, and nobody said NO_COLOR. */
export function usesColour(): boolean {
  return colors.isColorSupported && process.stdout.isTTY === true;
}

/** Columns of the terminal that stdout is; undefined where it is none or has no width. */
export function terminalWidth(): number | undefined {
  return process.stdout.isTTY === true && process.stdout.columns > 0 ? process.stdout.columns : undefined;
}
