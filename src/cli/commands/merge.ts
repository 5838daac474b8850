import { type MergeOptions, mergeRecipe } from '../../merge.js';
import type { Recipe } from '../../recipe/recipe.js';
import { listenForSignals } from '../interruption.js';
import { createEvents, createText, type Reporter } from '../merge-reporter.js';
import { type MergeCommandOptions, recipesWith, threadsOf, tileOf } from '../options.js';
import { fromHere } from '../paths.js';

type SharedOptions = Omit<MergeOptions, 'output' | 'onPlan' | 'onProgress'>;

/** Merges a recipe, or all of a file; progress on stderr, results on stdout (or everything as JSON events). */
export async function mergeCommand(
  file: string,
  output: string | undefined,
  options: MergeCommandOptions,
): Promise<void> {
  const tileElements = tileOf(options);
  const recipes = await recipesWith(file, options);
  const interruption = listenForSignals();
  const shared: SharedOptions = {
    overwrite: options.overwrite ?? false,
    sha256: options.sha256 ?? false,
    ...(options.report === undefined ? {} : { report: options.report }),
    shardBytes: options.outShardSize,
    strict: options.strict ?? false,
    threads: threadsOf(options),
    kernels: options.kernels,
    tileElements,
    signal: interruption.signal,
  };
  try {
    const [only, ...others] = recipes;
    if (others.length === 0) await mergeOne(only!, output, shared, options);
    else await mergeSeveral(recipes, output, shared, options);
  } finally {
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
    const result = await mergeRecipe(recipe, {
      ...shared,
      ...(output === undefined ? {} : { output }),
      onPlan: reporter.planned,
      onProgress: reporter.progress,
    });
    await reporter.finished(result);
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
  let reporter = reporterFor(options);
  try {
    await mergeDocuments(documents, {
      ...shared,
      onDocument: ({ recipe, output }, kept) => {
        announce(recipe.name, output, kept, options);
        reporter = reporterFor(options);
      },
      onPlan: (prepared, output) => reporter.planned(prepared, output),
      onProgress: (progress) => reporter.progress(progress),
      onMerged: async (result) => {
        await reporter.finished(result);
        reporter.close();
      },
    });
  } finally {
    reporter.close();
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
