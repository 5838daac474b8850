/** Reads the sweep of a recipe, and what the command line adds to it. */
import { isMap } from 'yaml';
import { M2MergeError } from '../errors.js';
import { Cursor, Reading } from '../recipe/cursor.js';
import { readDocument, readDocuments } from '../recipe/document.js';
import { Findings } from '../recipe/findings.js';
import type { RecipeOrigin } from '../recipe/parse.js';
import { type SweepSection, sweepShape } from '../recipe/sweep-keys.js';
import type { Warning } from '../warnings.js';
import { MAX_SOBOL_DIMENSIONS } from './sample.js';

const NOTHING: SweepSection = { axes: [], sample: undefined, variants: [], keep: undefined, evaluate: undefined };

/** Whether a recipe has a sweep. Throws `recipe-invalid` for text that is no YAML. */
export function hasSweep(text: string, file: string): boolean {
  const [first, ...others] = readDocuments(text, new Findings(file));
  return others.length === 0 && isMap(first!.root) && first!.root.has('sweep');
}

/** What `--set` asks for: `lambda=0.3,0.6`. */
export interface ChosenValues {
  readonly setting: string;
  readonly values: readonly string[];
}

/** Takes one `setting=value,value` apart. Throws `usage`. */
export function parseChosen(text: string): ChosenValues {
  const match = /^([^=]+)=(.+)$/s.exec(text);
  const values = match?.[2]?.split(',').map((value) => value.trim());
  if (match === null || values === undefined || values.includes('')) {
    throw new M2MergeError('usage', { message: `--set takes setting=value,value, found "${text}"` });
  }
  return { setting: match[1]!.trim(), values };
}

/**
 * The section of a recipe's text with chosen values in the place of its own for the same settings. Where it is not
 * `isSteered` by questions, it has to say what to try. Throws `recipe-invalid`.
 */
export function readSweep(
  text: string,
  { file = '<recipe>' }: RecipeOrigin,
  chosen: readonly ChosenValues[],
  isSteered = false,
): { readonly section: SweepSection; readonly warnings: readonly Warning[] } {
  const findings = new Findings(file);
  const document = readDocument(text, findings);
  const root = new Cursor(new Reading(document, findings), document.root, '');
  const place = root.entries().get('sweep')?.value;
  const own = place === undefined ? NOTHING : sweepShape.read(place);
  if (place === undefined && chosen.length === 0) {
    root.problem('has no sweep', 'add a section "sweep", or name values with --set lambda=0.3,0.6');
  }
  findings.throwProblems();
  const triesNothing = own!.axes.length + own!.variants.length + chosen.length === 0;
  if (place !== undefined && triesNothing && !isSteered) {
    place.problem('tries nothing', 'name parameters or variants, or values with --set lambda=0.3,0.6');
    findings.throwProblems();
  }
  const replaced = namesOf(chosen);
  const isKept = ({ setting }: { readonly setting: string }): boolean => !replaced.has(plainName(setting));
  const added = chosen.map(({ setting, values }) => ({ setting, values, position: undefined }));
  const axes = [...own!.axes.filter(isKept), ...added];
  if (!isSteered && own!.sample?.strategy === 'sobol' && axes.length > MAX_SOBOL_DIMENSIONS) {
    const problem = `samples ${axes.length} settings, and Sobol's sequence here spreads over at most ${MAX_SOBOL_DIMENSIONS}`;
    place!.problem(problem, 'write sample: {strategy: random, …}, or fix some of them');
    findings.throwProblems();
  }
  const variants = own!.variants.map((settings) => settings.filter(isKept));
  return { section: { ...own!, axes, variants }, warnings: findings.warnings };
}

/** The settings of the command line. Throws `usage` when one is there twice: the second would undo the first. */
function namesOf(chosen: readonly ChosenValues[]): ReadonlySet<string> {
  const names = chosen.map(({ setting }) => plainName(setting));
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice === undefined) return new Set(names);
  const hint = `give all its values at once, as --set ${twice}=1,2`;
  throw new M2MergeError('usage', { message: `${twice} is set twice on the command line`, hint });
}

/** Both ways to write a parameter of the recipe are one. */
const plainName = (setting: string): string => setting.replace(/^parameters\./, '');
