/** Which tensors an entry of a parameter is for: a part of the name (mergekit's rule), `regex:` or `glob:`. */

import { bitsOfWays, plainSyntax } from './pattern-ways.js';

/** Says whether an entry is for the tensor of that name. */
export type TensorFilter = (tensorName: string) => boolean;

/** Characters of a pattern: tensor names have about sixty. */
const LONGEST_PATTERN = 200;

/**
 * Parts of a pattern that may repeat without limit. Each multiplies what a mismatch costs by the length of the name, so
 * that a hostile pattern of more could take for ever.
 */
const MOST_REPETITIONS = 4;

/**
 * Bits of the number of ways in which a pattern may fail to match a name, at most: twice as many as four parts that repeat
 * without limit have from all places of a name. Of sixty equal characters that takes up to half a second, of real names no time.
 */
const MOST_BITS = 24;

const REGEX = 'regex:';
const GLOB = 'glob:';

/** Whether the filter is for all tensors. */
export const matchesAll = (filter: string | undefined): boolean =>
  filter === undefined || filter === '*' || filter === '';

/** Makes a filter; what is wrong with it as text when it cannot be one. */
export function compileFilter(filter: string): TensorFilter | { readonly problem: string } {
  if (matchesAll(filter)) return () => true;
  if (filter.startsWith(REGEX)) return compileRegex(filter.slice(REGEX.length));
  if (filter.startsWith(GLOB)) return compileGlob(filter.slice(GLOB.length));
  return (name) => name.includes(filter);
}

/** JavaScript's regular expressions (with `u`), found anywhere in the name. */
function compileRegex(pattern: string): TensorFilter | { readonly problem: string } {
  if (pattern === '') return { problem: 'the regular expression is empty' };
  if (pattern.length > LONGEST_PATTERN) return { problem: `the pattern is longer than ${LONGEST_PATTERN} characters` };
  const problem = reasonAgainst(pattern);
  return problem === undefined ? compile(pattern, 'not a regular expression') : { problem };
}

/** The whole name; `*` stands for any characters, `?` for one, `[…]` for one of several, `{a,b}` for either. */
function compileGlob(pattern: string): TensorFilter | { readonly problem: string } {
  if (pattern === '') return { problem: 'the pattern is empty' };
  if (pattern.length > LONGEST_PATTERN) return { problem: `the pattern is longer than ${LONGEST_PATTERN} characters` };
  if ((pattern.match(/\*+/g) ?? []).length > MOST_REPETITIONS) {
    return { problem: `the pattern has more than ${MOST_REPETITIONS} stars` };
  }
  const source = globSource(pattern);
  if (source === undefined) return { problem: 'a "[" or "{" of the pattern is not closed' };
  const whole = `^${source}$`;
  const problem = reasonAgainst(whole);
  return problem === undefined ? compile(whole, 'not a pattern') : { problem };
}

function compile(source: string, what: string): TensorFilter | { readonly problem: string } {
  try {
    const expression = new RegExp(source, 'u');
    return (name) => expression.test(name);
  } catch (error) {
    return { problem: `${what}: ${(error as Error).message.replace(/^.*: /, '')}` };
  }
}

/** Why an expression could take for ever, if it could. */
function reasonAgainst(source: string): string | undefined {
  const syntax = plainSyntax(source);
  if (/\)(?:[*+]|\{\d+,\d*\}|\{\d{2,}\})/.test(syntax)) {
    return 'groups that repeat (as in "(…)*") are not supported: they can take for ever';
  }
  if ((syntax.match(/[*+]|\{\d+,\}/g) ?? []).length > MOST_REPETITIONS) {
    return `the pattern has more than ${MOST_REPETITIONS} parts that repeat`;
  }
  if (bitsOfWays(syntax) <= MOST_BITS) return undefined;
  return 'the pattern can match in too many ways (parts that repeat, may be absent or are one of several): it can take for ever';
}

/** The pattern as a regular expression; undefined when a bracket is open. */
function globSource(pattern: string): string | undefined {
  let source = '';
  let rest = pattern;
  while (rest !== '') {
    const token = /^(?:\*+|\?|\[[!^]?[^\]]+\]|\{[^{}]*\}|[^*?[{])/u.exec(rest)?.[0];
    if (token === undefined) return undefined;
    source += tokenSource(token);
    rest = rest.slice(token.length);
  }
  return source;
}

function tokenSource(token: string): string {
  if (token.startsWith('*')) return '.*';
  if (token === '?') return '.';
  if (token.startsWith('[')) {
    const negated = /^\[[!^]/.test(token);
    return `[${negated ? '^' : ''}${token.slice(negated ? 2 : 1, -1).replace(/[\\[\]^]/g, '\\$&')}]`;
  }
  if (token.startsWith('{')) return `(?:${token.slice(1, -1).split(',').map(literal).join('|')})`;
  return literal(token);
}

const literal = (text: string): string => text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');
