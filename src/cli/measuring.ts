/** Measures for a command: warnings, transfers and progress go to stderr, and a signal ends it cleanly. */
import type { GeometryResult } from '../geometry/result.js';
import { type MeasureOptions, measureGeometry } from '../measure.js';
import type { PreparedMerge } from '../plan/plan.js';
import type { Recipe } from '../recipe/recipe.js';
import type { Warning } from '../warnings.js';
import { listenForSignals } from './interruption.js';
import { createProgress, type ProgressDisplay } from './progress.js';
import { createTransferDisplay } from './transfer.js';
import { printWarnings } from './warnings.js';

export interface ShownMeasureOptions extends MeasureOptions {
  /** Nothing but warnings. */
  readonly quiet: boolean;
  /** Whether a warning is left out, since the command says the same in its own words. */
  readonly isTold?: (warning: Warning) => boolean;
  /** How many times the weights are read, which progress counts; asked before the first is. */
  readonly passesOf?: (prepared: PreparedMerge) => number;
  /** What becomes of the result; signals end that as cleanly. */
  readonly keep?: (result: GeometryResult, signal: AbortSignal) => Promise<void>;
}

export async function measureShown(
  recipe: Recipe,
  { quiet, isTold = () => false, passesOf = () => 1, keep, ...options }: ShownMeasureOptions,
): Promise<GeometryResult> {
  const interruption = listenForSignals();
  let display: ProgressDisplay | undefined;
  const transfer = createTransferDisplay({ quiet, json: false });
  try {
    const result = await measureGeometry(recipe, {
      ...options,
      signal: interruption.signal,
      onPlan(prepared) {
        const { plan, costs, warnings } = prepared;
        printWarnings(warnings.filter((warning) => !isTold(warning)));
        const totals = { tensors: plan.jobs.length, bytes: passesOf(prepared) * costs.bytesRead };
        void createProgress('measuring', totals, quiet).then((created) => {
          display = created;
        });
      },
      ...transfer,
      onWarnings: printWarnings,
      onProgress(progress) {
        transfer.stop();
        display?.advance(progress);
      },
    });
    await keep?.(result, interruption.signal);
    return result;
  } finally {
    transfer.stop();
    display?.stop();
    interruption.close();
  }
}
