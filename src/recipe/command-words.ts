/** A command that is written as one text, as program and arguments. */

/** One word: quotes keep spaces, nothing else is special. */
const WORD = /(?:[^\s"']+|"[^"]*"|'[^']*')+/g;

/** Words of a command. Whether it can be run says `problemOfCommand`. */
export function splitWords(line: string): string[] {
  return (line.match(WORD) ?? []).map((word) => word.replace(/"([^"]*)"|'([^']*)'/g, '$1$2'));
}

/** Why a command cannot be run as it is written; undefined when it can. */
export function problemOfCommand(line: string): string | undefined {
  // A quote that has no second is part of no word.
  const open = /["']/.exec(line.replace(WORD, ''))?.[0];
  if (open !== undefined) return `the command has a ${open} that is not closed`;
  return (splitWords(line)[0] ?? '') === '' ? 'the command names no program' : undefined;
}
