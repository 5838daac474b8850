import { mergeRecipe } from '../../merge.js';
import { listenForSignals } from '../interruption.js';
import { createEvents, createText } from '../merge-reporter.js';
import { type MergeCommandOptions, recipeWith, threadsOf, tileOf } from '../options.js';

/** Merges a recipe; progress on stderr, the result on stdout (or everything as JSON events). */
export async function mergeCommand(
  file: string,
  output: string | undefined,
  options: MergeCommandOptions,
): Promise<void> {
  const tileElements = tileOf(options);
  const recipe = await recipeWith(file, options);
  const reporter = options.json ? createEvents() : createText(options.quiet ?? false);
  const interruption = listenForSignals();
  try {
    const result = await mergeRecipe(recipe, {
      ...(output === undefined ? {} : { output }),
      overwrite: options.overwrite ?? false,
      sha256: options.sha256 ?? false,
      ...(options.report === undefined ? {} : { report: options.report }),
      shardBytes: options.outShardSize,
      strict: options.strict ?? false,
      threads: threadsOf(options),
      kernels: options.kernels,
      tileElements,
      signal: interruption.signal,
      onPlan: reporter.planned,
      onProgress: reporter.progress,
    });
    await reporter.finished(result);
  } finally {
    reporter.close();
    interruption.close();
  }
}
