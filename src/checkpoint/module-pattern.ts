/**
 * Patterns of module names as PEFT's `rank_pattern` and `alpha_pattern` have them: a Python regular expression that must
 * match the end of the name, from a dot or from its beginning.
 */

export interface ModulePattern {
  matches(module: string): boolean;
}

/** Longest pattern, in characters. Real ones are module names. */
const MAX_PATTERN_LENGTH = 200;

/**
 * Most quantifiers of a pattern. Since no group may be repeated, matching takes at most the length of a name to this
 * power (and one more, for the part before the dot), so that a hostile pattern cannot hang the program.
 */
const MAX_QUANTIFIERS = 3;

/** Names, dots, escaped characters, classes, alternatives in groups, anchors, quantifiers of single characters. */
const SUPPORTED =
  /^(?:[\w./-]|\\[.dwDW-]|\[\^?[\w.-]+\]|\((?:\?:)?|\||\)(?![*+?{])|\^|\$|[*+?](?!\+)|\{\d{1,3}(?:,\d{0,3})?\})*$/;
const QUANTIFIER = /[*+?{]/g;

/** The pattern, or undefined when it says something outside the part of the language that is safe and shared. */
export function parseModulePattern(text: string): ModulePattern | undefined {
  if (text.length > MAX_PATTERN_LENGTH || !SUPPORTED.test(text)) return undefined;
  const quantifiers = text.replaceAll('(?:', '(').match(QUANTIFIER)?.length ?? 0;
  if (quantifiers > MAX_QUANTIFIERS) return undefined;
  try {
    const expression = new RegExp(`^(?:.*\\.)?(?:${text})$`, 'u');
    return { matches: (module) => expression.test(module) };
  } catch {
    return undefined;
  }
}
