import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { M2MergeError } from '../../errors.js';
import { type RecipeText, readRecipe } from '../../recipe/load.js';
import type { RecipeOrigin } from '../../recipe/parse.js';
import { commandEvaluation, type Evaluation, type Keep } from '../../recipe/sweep-keys.js';
import { formatSweepPlan } from '../../report/sweep-plan-text.js';
import { formatSweepTerminal } from '../../report/sweep-terminal.js';
import { removeLeftovers } from '../../run/leftovers.js';
import { parseChosen } from '../../sweep/load.js';
import { isUnjudged, SWEEP_FILES } from '../../sweep/result.js';
import { AskTellSweep } from '../../trial/ask-tell.js';
import { ResultsLog } from '../../trial/results-log.js';
import type { SweepMerging, SweepRunOptions } from '../../trial/run-sweep.js';
import {
  carryOutSweep,
  mergeBest,
  type PreparedSweep,
  type PrepareOptions,
  prepareSweep,
  type SweepChoices,
  sweepFolder,
} from '../../trial/sweep.js';
import { warning } from '../../warnings.js';
import { listenForSignals } from '../interruption.js';
import { type MergeCommandOptions, type PlanCommandOptions, streamOf, tileOf } from '../options.js';
import { fromHere } from '../paths.js';
import { createSweepReporter, createWarningPrinter, onceEach } from '../sweep-reporter.js';
import { terminalWidth, usesColour } from '../terminal.js';
import { createTransferDisplay } from '../transfer.js';
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
  known?: RecipeText,
): Promise<void> {
  const tileElements = tileOf(options);
  const recipe = known ?? (await readRecipe(file));
  const choices = choicesOf(sweepFolder(file, chosen), options);
  const retry = options.retry ?? false;
  const interruption = listenForSignals(true);
  const { json = false, quiet = false, askTell: answers = false } = options;
  const transfer = createTransferDisplay({ quiet, json: json && !answers });
  const { stop, ...told } = transfer;
  const shared = {
    merging: {
      threads: options.threads,
      callerHelps: true,
      kernels: options.kernels,
      tileElements,
      shardBytes: options.outShardSize,
      signal: interruption.signal,
      run: interruption,
      ...streamOf(options),
      ...told,
      onProgress: stop,
    },
    overwrite: options.overwrite ?? false,
    retry,
    strict: options.strict ?? false,
  };
  try {
    // What killed runs have left would count as used when waves are planned.
    if (!options.plan) await removeLeftovers(choices.folder, 'all');
    if (options.plan) printPlan(await prepare(), json);
    else if (options.best) {
      const best = await mergeBest(recipe.text, recipe.origin, choices, join(choices.folder, 'best'), shared);
      const { output, warnings } = best;
      if (json) process.stdout.write(`${JSON.stringify({ event: 'done', output, warnings })}\n`);
      else {
        printWarnings(warnings);
        if (!quiet) process.stdout.write(`${fromHere(output)}\n`);
      }
    } else if (answers) await askTell(recipe, choices, shared);
    else await run(await prepare(), shared, { json, quiet });
  } finally {
    stop();
    interruption.close();
  }

  function prepare(): Promise<PreparedSweep> {
    return prepareSweep(recipe.text, recipe.origin, choices, shared);
  }
}

async function run(
  sweep: PreparedSweep,
  shared: SweepRunOptions,
  { json, quiet }: { readonly json: boolean; readonly quiet: boolean },
): Promise<void> {
  const { folder } = sweep.task;
  const reporter = createSweepReporter(sweep, { json, quiet });
  const { onPlan, onProgress } = reporter.merging;
  const merging: SweepMerging = {
    ...shared.merging,
    ...(onPlan === undefined ? {} : { onPlan }),
    onProgress(progress) {
      shared.merging.onProgress?.(progress);
      onProgress?.(progress);
    },
  };
  const result = await carryOutSweep(sweep, { ...shared, ...reporter.hooks, merging }).finally(reporter.close);
  if (json) process.stdout.write(`${JSON.stringify({ event: 'done', ...result })}\n`);
  else if (!quiet) {
    const page = fromHere(join(folder, SWEEP_FILES.html));
    process.stdout.write(
      `${formatSweepTerminal(result, usesColour(), terminalWidth())}\n\nresults  ${fromHere(folder)}\npage     ${page}\n`,
    );
  }
  if (isUnjudged(result.rows)) {
    throw new M2MergeError('evaluations-failed', { folder: fromHere(folder), count: result.rows.length });
  }
}

/** Answers questions on stdin, one line of JSON each, until it ends. */
async function askTell(
  recipe: { readonly text: string; readonly origin: RecipeOrigin },
  choices: SweepChoices,
  shared: SweepRunOptions & Pick<PrepareOptions, 'strict'>,
): Promise<void> {
  const { signal } = shared.merging;
  const emit = (answer: object): void => {
    process.stdout.write(`${JSON.stringify(answer)}\n`);
  };
  const { folder } = choices;
  const onWarnings = createWarningPrinter();
  const onWait = (): void => onWarnings([warning('sweep-locked', { folder })]);
  const log = await ResultsLog.open(folder, { signal, onWait });
  const lines = createInterface({ input: process.stdin, signal });
  try {
    const sweep = new AskTellSweep(recipe, choices, log, { ...shared, onWarnings });
    emit(sweep.ready);
    for await (const line of lines) {
      if (line.trim() !== '') for (const answer of await sweep.answer(line)) emit(answer);
    }
    signal?.throwIfAborted();
    emit({ event: 'done', ...(await sweep.finish()) });
  } finally {
    // A client that waits for an answer keeps its end open, and would keep the process from ending.
    lines.close();
    process.stdin.destroy();
    await log.close();
  }
}

function choicesOf(folder: string, options: SweepCommandOptions): SweepChoices {
  const evaluation = evaluationOf(options);
  const seed = options.seed === undefined ? [] : [{ setting: 'seed', values: [String(options.seed)] }];
  return {
    folder,
    set: [...options.set.map(parseChosen), ...seed],
    ...(options.keep === undefined ? {} : { keep: options.keep }),
    ...(evaluation === undefined ? {} : { evaluation }),
    ...(options.maximize === undefined ? {} : { maximize: options.maximize }),
  };
}

/** Shows what a sweep would do. */
export async function planSweepCommand(
  file: string,
  chosen: string | undefined,
  options: PlanCommandOptions,
  recipe: RecipeText,
): Promise<void> {
  return sweepCommand(file, chosen, { ...options, set: [], plan: true, kernels: 'simd' }, recipe);
}

/** What `--evaluate` and `--maximize` say. */
function evaluationOf({ evaluate, maximize }: SweepCommandOptions): Evaluation | undefined {
  return evaluate === undefined ? undefined : commandEvaluation(evaluate, maximize);
}

function printPlan({ task, costs, warnings: all }: PreparedSweep, json: boolean): void {
  const warnings = onceEach(all);
  const { variants, keep, evaluation, folder } = task;
  const listed = variants.map(({ name, id, settings }) => ({ variant: name, id, settings }));
  if (json) process.stdout.write(`${JSON.stringify({ keep, folder, costs, warnings, variants: listed }, null, 2)}\n`);
  else {
    printWarnings(warnings);
    const names = variants.map(({ name }) => name);
    const facts = { keep, folder: fromHere(folder), names, parallel: evaluation?.parallel };
    process.stdout.write(`${formatSweepPlan(costs, facts)}\n`);
  }
}
