import { join } from 'node:path';
import { readRecipeText, recipeOrigin } from '../../recipe/load.js';
import { commandEvaluation, type Evaluation, type Keep } from '../../recipe/sweep-keys.js';
import { formatSweepPlan } from '../../report/sweep-plan-text.js';
import { formatSweepTerminal } from '../../report/sweep-terminal.js';
import { parseChosen } from '../../sweep/load.js';
import { carryOutSweep, mergeBest, type PreparedSweep, prepareSweep, sweepFolder } from '../../trial/sweep.js';
import { listenForSignals } from '../interruption.js';
import { type MergeCommandOptions, type PlanCommandOptions, threadsOf, tileOf } from '../options.js';
import { fromHere } from '../paths.js';
import { createSweepReporter } from '../sweep-reporter.js';
import { usesColour } from '../terminal.js';
import { printWarnings } from '../warnings.js';

export interface SweepCommandOptions extends MergeCommandOptions {
  readonly set: readonly string[];
  readonly keep?: Keep;
  readonly evaluate?: string;
  readonly maximize?: string;
  readonly retry?: boolean;
  readonly best?: boolean;
  readonly plan?: boolean;
  readonly askTell?: boolean;
}

/** Merges the variants of a recipe, evaluates them, and prints a table of how they did. */
export async function sweepCommand(
  file: string,
  chosen: string | undefined,
  options: SweepCommandOptions,
): Promise<void> {
  const tileElements = tileOf(options);
  const text = await readRecipeText(file);
  const evaluation = evaluationOf(options);
  const seed = options.seed === undefined ? [] : [{ setting: 'seed', values: [String(options.seed)] }];
  const choices = {
    folder: sweepFolder(file, chosen),
    set: [...options.set.map(parseChosen), ...seed],
    ...(options.keep === undefined ? {} : { keep: options.keep }),
    ...(evaluation === undefined ? {} : { evaluation }),
  };
  const sweep = await prepareSweep(text, recipeOrigin(file), choices, {
    shardBytes: options.outShardSize,
    retry: options.retry ?? false,
  });
  printWarnings(sweep.warnings);
  if (options.plan) return printPlan(sweep, options.json ?? false);
  const interruption = listenForSignals();
  const reporter = createSweepReporter(sweep, { json: options.json ?? false, quiet: options.quiet ?? false });
  const shared = {
    threads: threadsOf(options),
    kernels: options.kernels,
    tileElements,
    shardBytes: options.outShardSize,
    signal: interruption.signal,
    overwrite: options.overwrite ?? false,
  };
  try {
    if (options.best) {
      const { output } = await mergeBest(sweep, join(choices.folder, 'best'), shared);
      process.stdout.write(options.json ? `${JSON.stringify({ event: 'done', output })}\n` : `${fromHere(output)}\n`);
      return;
    }
    const result = await carryOutSweep(sweep, { ...shared, retry: options.retry ?? false, ...reporter.hooks });
    if (options.json) process.stdout.write(`${JSON.stringify({ event: 'done', ...result })}\n`);
    else if (!options.quiet) {
      process.stdout.write(`${formatSweepTerminal(result, usesColour())}\n\nresults  ${fromHere(choices.folder)}\n`);
    }
  } finally {
    interruption.close();
  }
}

/** Shows what a sweep would do. */
export async function planSweepCommand(
  file: string,
  chosen: string | undefined,
  options: PlanCommandOptions,
): Promise<void> {
  return sweepCommand(file, chosen, { ...options, set: [], plan: true, kernels: 'simd' });
}

/** What `--evaluate` and `--maximize` say. */
function evaluationOf({ evaluate, maximize }: SweepCommandOptions): Evaluation | undefined {
  return evaluate === undefined ? undefined : commandEvaluation(evaluate, maximize);
}

function printPlan({ task, costs }: PreparedSweep, json: boolean): void {
  const { variants, keep, evaluation, folder } = task;
  const listed = variants.map(({ name, id, settings }) => ({ variant: name, id, settings }));
  if (json) process.stdout.write(`${JSON.stringify({ keep, folder, costs, variants: listed }, null, 2)}\n`);
  else {
    const names = variants.map(({ name }) => name);
    const facts = { keep, folder: fromHere(folder), names, parallel: evaluation?.parallel };
    process.stdout.write(`${formatSweepPlan(costs, facts)}\n`);
  }
}
