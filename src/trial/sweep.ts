/** A sweep from a recipe's text to a folder of models and results. */
import { writeFile } from 'node:fs/promises';
import { basename, extname, join, resolve } from 'node:path';
import { M2MergeError } from '../errors.js';
import { type MergeResult, mergeRecipe, prepareMerge } from '../merge.js';
import { DEFAULT_SHARD_BYTES } from '../plan/shard-size.js';
import type { RecipeOrigin } from '../recipe/parse.js';
import type { Evaluation, Keep } from '../recipe/sweep-keys.js';
import { formatSweepHtml } from '../report/sweep-html.js';
import { formatSweepMarkdown } from '../report/sweep-markdown.js';
import { freeBytes, nearestFolder, SIDE_FILE_BYTES } from '../run/output-folder.js';
import { expandSweep, type SweepVariant } from '../sweep/expand.js';
import { type ChosenValues, readSweep } from '../sweep/load.js';
import type { Objective, SweepResult } from '../sweep/result.js';
import { summarizeSweep } from '../sweep/summarize.js';
import type { Warning } from '../warnings.js';
import { ResultsLog } from './results-log.js';
import { planWaves, runSweep, type SweepMergeOptions, type SweepRunOptions, type SweepTask } from './run-sweep.js';

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
  readonly waves: number;
  /** Bytes of one variant's folder. */
  readonly variantBytes: number;
  readonly freeBytes: number;
  readonly warnings: readonly Warning[];
}

/** Where a recipe's sweep goes unless the user says otherwise. */
export function sweepFolder(file: string, chosen: string | undefined): string {
  return chosen === undefined ? resolve('merged', basename(file, extname(file))) : resolve(chosen);
}

/** Expands and prices a sweep. Throws `recipe-invalid`, `disk-full`, and what planning a merge throws. */
export async function prepareSweep(
  text: string,
  origin: RecipeOrigin,
  choices: SweepChoices,
  shardBytes: number = DEFAULT_SHARD_BYTES,
): Promise<PreparedSweep> {
  const { section, warnings } = readSweep(text, origin, choices.set);
  const variants = expandSweep(text, origin, section);
  const evaluation = choices.evaluation ?? section.evaluate;
  const keep = choices.keep ?? section.keep ?? 'all';
  const { folder } = choices;
  const variantBytes = await largestVariant(variants, shardBytes);
  const free = await freeBytes(await nearestFolder(folder));
  const written = keep !== 'none' || evaluation !== undefined;
  const { waveSize, waves } = planWaves(written ? variantBytes : 0, variants.length, free, { keep, folder });
  const objective: Objective = evaluation?.objective ?? { metric: null, maximize: true };
  const task = { variants, folder, evaluation, objective, keep, waveSize };
  return { task, recipeName: basename(origin.file ?? 'recipe'), waves, variantBytes, freeBytes: free, warnings };
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

/** Bytes of the largest folder a variant makes; variants of one output dtype are of one size. */
async function largestVariant(variants: readonly SweepVariant[], shardBytes: number): Promise<number> {
  const byDtype = new Map(variants.map(({ recipe }) => [recipe.outputDtype, recipe]));
  const sizes: number[] = [];
  for (const recipe of byDtype.values()) {
    const { plan } = await prepareMerge(recipe, { shardBytes });
    sizes.push(plan.shards.reduce((total, { byteLength }) => total + byteLength, SIDE_FILE_BYTES));
  }
  return Math.max(...sizes);
}
