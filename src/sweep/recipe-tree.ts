/** A recipe's YAML as plain values, to be changed and written again. */
import { parseDocument, Scalar, stringify, visit } from 'yaml';
import { Cursor, Reading, spellsNothing } from '../recipe/cursor.js';
import { readDocument } from '../recipe/document.js';
import { Findings } from '../recipe/findings.js';
import { isHolder } from '../recipe/keys.js';
import type { Plain } from '../recipe/sweep-keys.js';

export interface RecipeTree {
  [key: string]: Plain | Record<string, unknown>;
}

/** Scalars stay the text they are written with, so that what is written again reads the same; nothing is null. */
const VERBATIM = { schema: 'failsafe' } as const;

/**
 * Reads a recipe that is known to be one YAML mapping; its keys `sweep` and `output` are left out, and keys that hold what
 * aliases stand for: nothing would be left that reads them.
 */
export function readTree(text: string): RecipeTree {
  const document = parseDocument(text, VERBATIM);
  visit(document, {
    Scalar(key, node) {
      if (key !== 'key' && node.type === Scalar.PLAIN && spellsNothing(String(node.value))) node.value = null;
    },
  });
  const { sweep: _, output: __, ...tree } = document.toJS() as RecipeTree;
  for (const name of holdersOf(text)) delete tree[name];
  // Aliases would make two places one.
  return JSON.parse(JSON.stringify(tree));
}

function holdersOf(text: string): string[] {
  const findings = new Findings('');
  const document = readDocument(text, findings);
  const entries = new Cursor(new Reading(document, findings), document.root, '').entries(() => false);
  return [...entries].filter(([name, { value }]) => isHolder(name, value)).map(([name]) => name);
}

/** The recipe as YAML text. */
export function writeTree(tree: RecipeTree): string {
  return stringify(tree, (_key, value) => asWritten(value), { ...VERBATIM, lineWidth: 0 });
}

/** What is called as nothing is spelt needs quotes. */
function asWritten(value: unknown): unknown {
  if (value !== null && !(typeof value === 'string' && spellsNothing(value))) return value;
  const scalar = new Scalar(value ?? 'null');
  scalar.type = value === null ? Scalar.PLAIN : Scalar.QUOTE_DOUBLE;
  return scalar;
}
