/**
 * What a piece of text means where a number or a truth value is expected. The expected type decides, not YAML's guess:
 * so `1e-5`, `"0.5"` and `yes` mean what they do in mergekit, whatever the version of YAML.
 */

const NUMBER = '[-+]?(?:(?:0|[1-9](?:_?[0-9])*)(?:\\.[0-9]*)?|\\.[0-9]+)(?:[eE][-+]?[0-9]+)?';
const TRUE = 'true|True|TRUE|yes|Yes|YES|on|On|ON';
const FALSE = 'false|False|FALSE|no|No|NO|off|Off|OFF';

/** Regular expressions (whole text) of the spellings accepted, also for the JSON Schema. */
export const NATURAL_PATTERN = '^\\+?(?:0|[1-9](?:_?[0-9])*)$';
export const COUNT_PATTERN = '^\\+?[1-9](?:_?[0-9])*$';
export const TRUE_PATTERN = `^(?:${TRUE})$`;
export const TRUTH_PATTERN = `^(?:${TRUE}|${FALSE})$`;
export const NUMBER_OR_TRUTH_PATTERN = `^(?:${NUMBER}|${TRUE}|${FALSE})$`;

const isNumber = new RegExp(`^(?:${NUMBER})$`);
const isTrue = new RegExp(TRUE_PATTERN);
const isFalse = new RegExp(`^(?:${FALSE})$`);
const isNonFinite = /^[-+]?\.?(?:inf|infinity|nan)$/i;

/** A decimal number, underscores between digits allowed; undefined for anything else. Never -0; may be infinite. */
export function parseNumber(text: string): number | undefined {
  return isNumber.test(text) ? Number(text.replaceAll('_', '')) + 0 : undefined;
}

/** true, yes, on, false, no and off in lower, upper or title case; undefined for anything else. */
export function parseTruth(text: string): boolean | undefined {
  if (isTrue.test(text)) return true;
  return isFalse.test(text) ? false : undefined;
}

/** Whether the text is a spelling of infinity or not-a-number. */
export function spellsNonFinite(text: string): boolean {
  return isNonFinite.test(text);
}
