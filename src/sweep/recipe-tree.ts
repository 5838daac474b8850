/** A recipe's YAML as plain values, to be changed and written again. */
import { parse, stringify } from 'yaml';
import type { Plain } from '../recipe/sweep-keys.js';

export interface RecipeTree {
  [key: string]: Plain | Record<string, unknown>;
}

/** Scalars stay the text they are written with, so that what is written again reads the same. */
const VERBATIM = { schema: 'failsafe' } as const;

/** Reads a recipe that is known to be one YAML mapping; its keys `sweep` and `output` are left out. */
export function readTree(text: string): RecipeTree {
  const { sweep: _, output: __, ...tree } = parse(text, VERBATIM) as RecipeTree;
  // Aliases would make two places one.
  return JSON.parse(JSON.stringify(tree));
}

/** The recipe as YAML text. */
export function writeTree(tree: RecipeTree): string {
  return stringify(tree, { ...VERBATIM, lineWidth: 0 });
}
