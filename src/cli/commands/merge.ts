import { M2MergeError } from '../../errors.js';
import { type MergeOptions, mergeRecipe } from '../../merge.js';
import { readRecipe } from '../../recipe/load.js';
import type { Recipe } from '../../recipe/recipe.js';
import { warning } from '../../warnings.js';
import { listenForSignals } from '../interruption.js';
import { createEvents, createText, type Reporter } from '../merge-reporter.js';
import { type MergeCommandOptions, recipesWith, streamOf, tileOf } from '../options.js';
import { fromHere } from '../paths.js';
import { createTransferDisplay, type TransferDisplay } from '../transfer.js';
import { printWarnings } from '../warnings.js';
import type { PreparedPush } from './push.js';

type SharedOptions = Omit<MergeOptions, 'output' | 'onPlan' | 'onProgress'> & Pick<TransferDisplay, 'stop'>;

/** Merges a recipe, or all of a file; progress on stderr, results on stdout (or everything as JSON events). */
export async function mergeCommand(
  file: string,
  output: string | undefined,
  options: MergeCommandOptions,
): Promise<void> {
  const tileElements = tileOf(options);
  const recipes = recipesWith(await readRecipe(file), options);
  const transfer = createTransferDisplay({ quiet: options.quiet ?? false, json: options.json ?? false });
  const interruption = listenForSignals();
  const shared: SharedOptions = {
    overwrite: options.overwrite ?? false,
    sha256: options.sha256 ?? false,
    ...(options.report === undefined ? {} : { report: options.report }),
    shardBytes: options.outShardSize,
    strict: options.strict ?? false,
    threads: options.threads,
    callerHelps: true,
    kernels: options.kernels,
    tileElements,
    signal: interruption.signal,
    ...transfer,
    ...streamOf(options),
  };
  try {
    const [only, ...others] = recipes;
    if (others.length === 0) await mergeOne(only!, output, shared, options);
    else await mergeSeveral(recipes, output, shared, options);
  } finally {
    transfer.stop();
    interruption.close();
  }
}

const reporterFor = ({ json, quiet }: MergeCommandOptions): Reporter =>
  json ? createEvents() : createText(quiet ?? false);

async function mergeOne(
  recipe: Recipe,
  output: string | undefined,
  shared: SharedOptions,
  options: MergeCommandOptions,
): Promise<void> {
  const reporter = reporterFor(options);
  try {
    const push = await pushAfter(options, shared.signal);
    const result = await mergeRecipe(recipe, {
      ...shared,
      ...(output === undefined ? {} : { output }),
      onPlan: reporter.planned,
      onProgress(progress) {
        shared.stop();
        reporter.progress(progress);
      },
    });
    await reporter.finished(result);
    await pushMerged(push, result.output, options);
  } finally {
    reporter.close();
  }
}

async function mergeSeveral(
  recipes: readonly Recipe[],
  chosen: string | undefined,
  shared: SharedOptions,
  options: MergeCommandOptions,
): Promise<void> {
  const { mergeDocuments, placeDocuments } = await import('../../merge-documents.js');
  const documents = placeDocuments(recipes, chosen, options.intermediateDir);
  const last = documents.find(({ recipe }) => recipe.name === undefined);
  if (options.push !== undefined && last === undefined) {
    const hint = 'leave the name of the last document out, or push the folders one by one with "m2merge push"';
    throw new M2MergeError('usage', { message: '--push takes one model, but all documents have names', hint });
  }
  let reporter = reporterFor(options);
  try {
    const push = await pushAfter(options, shared.signal);
    await mergeDocuments(documents, {
      ...shared,
      onDocument: ({ recipe, output }, kept) => {
        announce(recipe.name, output, kept, options);
        reporter = reporterFor(options);
      },
      onPlan: (prepared, output) => reporter.planned(prepared, output),
      onProgress(progress) {
        shared.stop();
        reporter.progress(progress);
      },
      onMerged: async (result) => {
        await reporter.finished(result);
        reporter.close();
      },
    });
    if (last !== undefined) await pushMerged(push, last.output, options);
  } finally {
    reporter.close();
  }
}

/** Pushes what was merged; where that fails, the merge need not be done again. */
async function pushMerged(
  prepared: PreparedPush | undefined,
  output: string,
  { push = '' }: MergeCommandOptions,
): Promise<void> {
  try {
    await prepared?.run(output);
  } catch (error) {
    printWarnings([warning('push-pending', { output: fromHere(output), repo: push })]);
    throw error;
  }
}

/** Says which document is next, as an event or on stderr. */
function announce(name: string | undefined, output: string, kept: boolean, { json, quiet }: MergeCommandOptions): void {
  if (json) process.stdout.write(`${JSON.stringify({ event: 'document', name, output, kept })}\n`);
  else if (!quiet) {
    const what = kept ? 'is there already, made by the same plan' : 'is next';
    process.stderr.write(`${name ?? 'the document without a name'}: ${fromHere(output)} ${what}\n`);
  }
}

/** The push that follows the merge, if one was asked for; what speaks to the Hub is loaded only then. */
async function pushAfter(
  options: MergeCommandOptions,
  signal: AbortSignal | undefined,
): Promise<PreparedPush | undefined> {
  const { push, private: isPrivate, createPr, branch } = options;
  if (push === undefined && !isPrivate && !createPr && branch === undefined) return undefined;
  return (await import('./push.js')).preparePushOfMerge(push, options, signal);
}
