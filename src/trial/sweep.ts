/** A sweep from a recipe's text to a folder of models and results. */
import { writeFile } from 'node:fs/promises';
import { basename, extname, join, resolve } from 'node:path';
import { M2MergeError } from '../errors.js';
import { type MergeResult, mergeRecipe } from '../merge.js';
import { DEFAULT_SHARD_BYTES } from '../plan/shard-size.js';
import type { RecipeOrigin } from '../recipe/parse.js';
import type { Evaluation, Keep } from '../recipe/sweep-keys.js';
import { formatSweepHtml } from '../report/sweep-html.js';
import { formatSweepMarkdown } from '../report/sweep-markdown.js';
import { freeBytes, nearestFolder } from '../run/output-folder.js';
import { expandSweep } from '../sweep/expand.js';
import { type ChosenValues, readSweep } from '../sweep/load.js';
import type { Objective, SweepResult } from '../sweep/result.js';
import { summarizeSweep } from '../sweep/summarize.js';
import type { Warning } from '../warnings.js';
import { ResultsLog } from './results-log.js';
import { runSweep, type SweepMergeOptions, type SweepRunOptions, type SweepTask, whatIsLeft } from './run-sweep.js';
import { planSweep, type SweepCosts } from './sweep-plan.js';

/** What the command line adds to a recipe's sweep, or puts in the place of what it says. */
export interface SweepChoices {
  /** Absolute folder of the models and the results. */
  readonly folder: string;
  readonly set: readonly ChosenValues[];
  readonly keep?: Keep;
  readonly evaluation?: Evaluation;
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
  readonly shardBytes?: number;
  /** Count what failed as still to be judged. */
  readonly retry?: boolean;
}

/**
 * Expands and prices what is left of a sweep. Throws `recipe-invalid`, `sweep-too-large`, `results-invalid`, and what
 * planning a merge throws.
 */
export async function prepareSweep(
  text: string,
  origin: RecipeOrigin,
  choices: SweepChoices,
  { shardBytes = DEFAULT_SHARD_BYTES, retry = false }: PrepareOptions = {},
): Promise<PreparedSweep> {
  const { section, warnings } = readSweep(text, origin, choices.set);
  const variants = expandSweep(text, origin, section);
  const evaluation = choices.evaluation ?? section.evaluate;
  const keep = choices.keep ?? section.keep ?? 'all';
  if (keep === 'best' && evaluation === undefined) {
    throw new M2MergeError('usage', { message: 'keep: best needs an evaluation that tells which is best' });
  }
  const { folder } = choices;
  const rows = await ResultsLog.read(folder);
  const { merged, open } = await whatIsLeft({ variants, evaluation, folder }, (id) => rows.get(id), retry);
  const seconds = [...rows.values()].flatMap(({ evaluation_seconds }) => evaluation_seconds ?? []);
  const costs = await planSweep(open, {
    ...{ keep, evaluation, folder, shardBytes },
    toJudge: merged.length + open.length,
    meanSeconds: seconds.length === 0 ? undefined : seconds.reduce((sum, value) => sum + value, 0) / seconds.length,
    freeBytes: await freeBytes(await nearestFolder(folder)),
  });
  const objective: Objective = evaluation?.objective ?? { metric: null, maximize: true };
  const task = { variants, folder, evaluation, objective, keep, waveSize: costs.waveSize };
  return { task, recipeName: basename(origin.file ?? 'recipe'), costs, warnings };
}

/** Runs a sweep, or what is left of it, and writes `sweep.json` and `sweep.md` beside the models. */
export async function carryOutSweep(sweep: PreparedSweep, options: SweepRunOptions): Promise<SweepResult> {
  const { task } = sweep;
  const log = await ResultsLog.open(task.folder);
  try {
    await runSweep(task, log, options);
  } finally {
    await log.close();
  }
  const result = summarizeSweep(sweep.recipeName, task.variants, (id) => log.row(id), task.objective);
  await writeSweep(task.folder, result);
  return result;
}

/** Merges the best variant of a sweep that has run. Throws `nothing-to-merge` when no variant was judged. */
export async function mergeBest(
  { task, recipeName }: PreparedSweep,
  output: string,
  options: SweepMergeOptions & { readonly overwrite: boolean },
): Promise<MergeResult> {
  const rows = await ResultsLog.read(task.folder);
  const { best } = summarizeSweep(recipeName, task.variants, (id) => rows.get(id), task.objective);
  const winner = task.variants.find(({ name }) => name === best);
  if (winner === undefined) {
    throw new M2MergeError('nothing-to-merge', { detail: 'no variant of the sweep has been evaluated' });
  }
  return mergeRecipe(winner.recipe, { ...options, output });
}

/** Writes the renderings of a result. */
async function writeSweep(folder: string, result: SweepResult): Promise<void> {
  await writeFile(join(folder, 'sweep.json'), `${JSON.stringify(result, null, 2)}\n`);
  await writeFile(join(folder, 'sweep.md'), formatSweepMarkdown(result));
  await writeFile(join(folder, 'sweep.html'), formatSweepHtml(result));
}
