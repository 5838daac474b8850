/** A sweep from a recipe's text to a folder of models and results. */
import { readFile } from 'node:fs/promises';
import { basename, extname, join, resolve } from 'node:path';
import { M2MergeError } from '../errors.js';
import { freeBytes } from '../io/free-space.js';
import { asWriteError } from '../io/write-error.js';
import { writeWhole } from '../io/write-whole.js';
import { type MergeResult, mergeRecipe } from '../merge.js';
import { isSameState, stateOfInputs } from '../plan/local-models.js';
import { parseRecipe, type RecipeOrigin } from '../recipe/parse.js';
import type { Evaluation, Keep, SweepSection } from '../recipe/sweep-keys.js';
import { publicRecipe } from '../report/public-names.js';
import { formatSweepHtml } from '../report/sweep-html.js';
import { formatSweepMarkdown } from '../report/sweep-markdown.js';
import { nearestFolder } from '../run/output-folder.js';
import type { SweepCosts } from '../sweep/costs.js';
import { describeSettings, expandSweep, type SweepVariant } from '../sweep/expand.js';
import { type ChosenValues, hasSweep, readSweep } from '../sweep/load.js';
import { bestOf, withoutMarks } from '../sweep/ranking.js';
import { type Objective, SWEEP_FILES, type SweepResult, type SweepRow } from '../sweep/result.js';
import { summarizeSweep } from '../sweep/summarize.js';
import { describeWarning, type Warning, warning } from '../warnings.js';
import { currentRows, statesOf } from './input-states.js';
import { ResultsLog } from './results-log.js';
import {
  isOfAnother,
  judgementOf,
  runSweep,
  type SweepMerging,
  type SweepRunOptions,
  type SweepTask,
  whatIsLeft,
} from './run-sweep.js';
import { type PricedSweep, planSweep } from './sweep-plan.js';

/** What the command line adds to a recipe's sweep, or puts in the place of what it says. */
export interface SweepChoices {
  /** Absolute folder of the models and the results. */
  readonly folder: string;
  readonly set: readonly ChosenValues[];
  readonly keep?: Keep;
  readonly evaluation?: Evaluation;
  /** The metric whose largest value wins. */
  readonly maximize?: string;
}

/** A sweep that is checked and priced. */
export interface PreparedSweep {
  readonly task: SweepTask;
  readonly recipeName: string;
  readonly costs: SweepCosts;
  readonly warnings: readonly Warning[];
}

/** Where a recipe's sweep goes unless the user says otherwise. */
export function sweepFolder(file: string, chosen: string | undefined): string {
  return chosen === undefined ? resolve('merged', basename(file, extname(file))) : resolve(chosen);
}

export interface PrepareOptions {
  /** How variants will be merged; inputs that planning opens are those that the merges open. */
  readonly merging?: SweepMerging;
  /** Make anew what was made of models that were written to since. */
  readonly overwrite?: boolean;
  /** Count what failed as still to be judged. */
  readonly retry?: boolean;
  /** Refuse what is only warned of. */
  readonly strict?: boolean;
}

/**
 * Expands and prices what is left of a sweep. Throws `recipe-invalid`, `sweep-too-large`, `results-invalid`, and what
 * planning a merge throws.
 */
export async function prepareSweep(
  text: string,
  origin: RecipeOrigin,
  choices: SweepChoices,
  options: PrepareOptions = {},
): Promise<PreparedSweep> {
  const { section, warnings } = readSweep(text, origin, choices.set);
  const rules = rulesOf(section, choices);
  const variants = expandSweep(text, origin, section);
  const known = await ResultsLog.read(rules.folder);
  const rows = currentRows(known, await statesOf(variants), rules.folder, options.overwrite ?? false);
  const told = [...warnings, ...warningsOf(rules), ...warningsOfJudges(variants, rows, rules, options)];
  refuseWarnings(told, options);
  const { costs, warnings: planned } = await priceSweep(variants, rules, rows, options);
  const task = { ...rules, variants, waveSize: costs.waveSize };
  return { task, recipeName: nameOf(origin), costs, warnings: [...told, ...planned] };
}

/** Throws `warnings-refused` where warnings are to be refused and there are some. */
export function refuseWarnings(warnings: readonly Warning[], { strict = false }: Pick<PrepareOptions, 'strict'>): void {
  if (!strict || warnings.length === 0) return;
  throw new M2MergeError('warnings-refused', { warnings: warnings.map(describeWarning) });
}

/** What there is to say of how variants are judged. */
export function warningsOf({ evaluation }: Pick<SweepRules, 'evaluation'>): readonly Warning[] {
  if (evaluation === undefined) return [];
  const command = [evaluation.command].flat().join(' ');
  return /\{(?:model|variant)\}/.test(command) ? [] : [warning('evaluator-blind', { command })];
}

/** Says when variants that are not judged again were judged by another command. */
export function warningsOfJudges(
  variants: readonly SweepVariant[],
  rows: ReadonlyMap<string, SweepRow>,
  { evaluation }: Pick<SweepRules, 'evaluation'>,
  { retry = false }: Pick<PrepareOptions, 'retry'>,
): readonly Warning[] {
  const others = variants.flatMap(({ id }) => rows.get(id) ?? []).filter((row) => isOfAnother(row, evaluation));
  return retry || others.length === 0 ? [] : [warning('judged-otherwise', { count: others.length })];
}

export const nameOf = ({ file }: RecipeOrigin): string => basename(file ?? 'recipe');

/** What a sweep does with variants, whichever they are. */
export type SweepRules = Omit<SweepTask, 'variants' | 'waveSize'>;

/** The rules of a section with what the command line puts in their place. Throws `usage`. */
export function rulesOf(section: SweepSection, choices: SweepChoices): SweepRules {
  const evaluation = evaluationOf(section, choices);
  const keep = choices.keep ?? section.keep ?? 'all';
  if (keep === 'best' && evaluation === undefined) {
    throw new M2MergeError('usage', { message: 'keep: best needs an evaluation that tells which is best' });
  }
  return { folder: choices.folder, evaluation, keep, objective: evaluation?.objective ?? MEAN };
}

/** Prices what is left of some variants. Throws `sweep-too-large` and what planning a merge throws. */
export async function priceSweep(
  variants: readonly SweepVariant[],
  rules: SweepRules,
  rows: ReadonlyMap<string, SweepRow>,
  { merging = {}, retry = false, strict = false }: PrepareOptions,
): Promise<PricedSweep> {
  const { merged, open } = await whatIsLeft({ ...rules, variants }, rows, retry);
  const seconds = [...rows.values()].flatMap(({ evaluation_seconds }) => evaluation_seconds ?? []);
  return planSweep(open, {
    ...rules,
    ...{ merging, strict },
    toJudge: [...merged, ...open].filter(({ id }) => judgementOf(rows.get(id), rules, retry) === undefined).length,
    meanSeconds: seconds.length === 0 ? undefined : seconds.reduce((sum, value) => sum + value, 0) / seconds.length,
    freeBytes: await freeBytes(await nearestFolder(rules.folder)),
  });
}

/** Runs a sweep, or what is left of it, and writes its result beside the models. */
export async function carryOutSweep(sweep: PreparedSweep, options: SweepRunOptions): Promise<SweepResult> {
  const { folder } = sweep.task;
  const { signal } = options.merging;
  const onWait = (): void => options.onWarnings?.([warning('sweep-locked', { folder })]);
  const log = await ResultsLog.open(folder, { signal, onWait });
  try {
    await runSweep(sweep.task, log, options);
    return await writeResult(sweep, log);
  } finally {
    await log.close();
  }
}

/**
 * Merges the best variant of a sweep that has run, from what it left in its folder. Throws `nothing-to-merge` when no
 * variant was judged.
 */
export async function mergeBest(
  text: string,
  origin: RecipeOrigin,
  choices: SweepChoices,
  output: string,
  options: Pick<SweepRunOptions, 'merging' | 'overwrite'>,
): Promise<MergeResult> {
  const section = hasSweep(text, nameOf(origin)) ? readSweep(text, origin, choices.set).section : undefined;
  const { rows, objective: told } = await readResults(choices.folder);
  const objective = decisiveOf(choices, choices.evaluation ?? section?.evaluate) ?? told;
  const best = bestOf(rows, objective);
  if (best === undefined) throw new M2MergeError('nothing-to-merge', { detail: whyNoneIsBest(rows, objective) });
  const file = origin.file ?? '<recipe>';
  const read = parseRecipe(best.recipe, { ...origin, file: `${file} (${describeSettings(best.settings)})` });
  const recipe = { ...read, file };
  const isOutdated = !isSameState(best.inputs, await stateOfInputs(recipe));
  const result = await mergeRecipe(recipe, { ...options.merging, overwrite: options.overwrite, output });
  const outdated = isOutdated ? [warning('best-outdated', { variant: best.variant })] : [];
  return { ...result, warnings: [...outdated, ...result.warnings] };
}

function whyNoneIsBest(rows: readonly SweepRow[], { metric }: Objective): string {
  const names = [...new Set(rows.flatMap((row) => (row.status === 'evaluated' ? Object.keys(row.metrics) : [])))];
  if (metric === null || names.length === 0) return 'no variant of the sweep has been evaluated';
  return `no variant of the sweep has a number called "${metric}"; there are ${names.join(', ')}`;
}

const MEAN: Objective = { metric: null, maximize: true };

/** What decides by the command line, else by an evaluation; undefined where there is none. */
function decisiveOf({ maximize }: SweepChoices, evaluation: Evaluation | undefined): Objective | undefined {
  if (maximize !== undefined) return { metric: maximize, maximize: true };
  return evaluation && (evaluation.objective ?? MEAN);
}

/** The evaluation that is chosen or else the section's, with the number that is chosen. Throws `usage`. */
function evaluationOf(section: SweepSection, choices: SweepChoices): Evaluation | undefined {
  const evaluation = choices.evaluation ?? section.evaluate;
  const { maximize: metric } = choices;
  if (metric === undefined) return evaluation;
  if (evaluation !== undefined) return { ...evaluation, objective: { metric, maximize: true } };
  throw new M2MergeError('usage', { message: '--maximize needs an evaluation, and there is none' });
}

/** The rows of the finished sweep, as its log has them, and what decided; of one that was interrupted, all of its log. */
async function readResults(folder: string): Promise<{ rows: readonly SweepRow[]; objective: Objective }> {
  const known = await ResultsLog.read(folder);
  const path = join(folder, SWEEP_FILES.json);
  const text = await readFile(path, 'utf8').catch(() => undefined);
  if (text === undefined) return { rows: [...known.values()], objective: MEAN };
  try {
    const { rows, objective } = JSON.parse(text) as SweepResult;
    return { rows: rows.flatMap(({ id }) => known.get(id) ?? []), objective };
  } catch {
    throw new M2MergeError('results-invalid', { place: path });
  }
}

/** Sums up and writes what a sweep found; recipes without paths of this machine, as in model cards. Throws `output-unwritable`. */
export async function writeResult(
  { task, recipeName }: Pick<PreparedSweep, 'task' | 'recipeName'>,
  log: ResultsLog,
): Promise<SweepResult> {
  const { folder, variants, objective } = task;
  const texts = new Map(variants.map(({ id, recipe }) => [id, publicRecipe(recipe)]));
  const rowOf = (id: string): SweepRow | undefined => {
    const row = log.row(id);
    return row && { ...withoutMarks(row), recipe: texts.get(id)! };
  };
  const result = summarizeSweep(recipeName, variants, rowOf, objective);
  await writeInto(folder, SWEEP_FILES.json, `${JSON.stringify(result, null, 2)}\n`);
  await writeInto(folder, SWEEP_FILES.markdown, formatSweepMarkdown(result));
  await writeInto(folder, SWEEP_FILES.html, formatSweepHtml(result));
  return result;
}

/** What an earlier run wrote stays where there is no room for more. */
async function writeInto(folder: string, name: string, text: string): Promise<void> {
  const path = join(folder, name);
  await writeWhole(path, text).catch((error: unknown) => {
    throw asWriteError(error, path);
  });
}
