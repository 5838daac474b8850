import colors from 'picocolors';

/** Whether stdout should be coloured: a terminal, and nobody said NO_COLOR. */
export function usesColour(): boolean {
  return colors.isColorSupported && process.stdout.isTTY === true;
}
