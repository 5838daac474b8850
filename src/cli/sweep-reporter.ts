/** What the command line says about a sweep while it runs: a line for each variant, on stderr or as events. */

import { alignColumns, formatSeconds, plural } from '../report/format.js';
import { printable } from '../report/text-layout.js';
import { describeSettings } from '../sweep/expand.js';
import type { SweepRow } from '../sweep/result.js';
import { type SweepMerging, type SweepRunOptions, writesModels } from '../trial/run-sweep.js';
import type { PreparedSweep } from '../trial/sweep.js';
import { describeWarning, type Warning } from '../warnings.js';
import { printWarnings } from './warnings.js';
import { createWaveProgress } from './wave-progress.js';

/** Decimal places of metrics in progress lines. */
const PLACES = 4;

/** Below this, metrics are shown by so many digits. */
const TINY = 0.01;
const DIGITS = 3;

export interface SweepReporter {
  readonly hooks: Pick<SweepRunOptions, 'onWave' | 'onRow' | 'onWarnings'>;
  /** Told by the merges themselves. */
  readonly merging: Pick<SweepMerging, 'onPlan' | 'onProgress'>;
  close(): void;
}

export function createSweepReporter(
  { task, costs: { waves }, warnings: told }: PreparedSweep,
  { json, quiet }: { readonly json: boolean; readonly quiet: boolean },
): SweepReporter {
  const fresh = createFilter();
  const untold = { merging: {}, close: () => {} };
  if (json) {
    const emit = (event: string, facts: object): void => {
      process.stdout.write(`${JSON.stringify({ event, ...facts })}\n`);
    };
    const onWave = (variants: readonly { readonly name: string }[]): void =>
      emit('wave', { variants: variants.map(({ name }) => name) });
    const onWarnings = (warnings: readonly Warning[]): void => {
      for (const warning of fresh(warnings)) emit('warning', { ...warning, message: describeWarning(warning) });
    };
    onWarnings(told);
    return { ...untold, hooks: { onWave, onWarnings, onRow: (row) => emit('row', row) } };
  }
  const onWarnings = (warnings: readonly Warning[]): void => printWarnings(fresh(warnings));
  onWarnings(told);
  if (quiet) return { ...untold, hooks: { onWarnings } };
  const progress = createWaveProgress(writesModels(task));
  const warnBelow = (warnings: readonly Warning[]): void => {
    progress.stop();
    onWarnings(warnings);
  };
  let wave = 0;
  let judged = 0;
  const say = (text: string): void => {
    process.stderr.write(`${printable(text)}\n`);
  };
  return {
    hooks: {
      onWarnings: warnBelow,
      onWave: ({ length }) => {
        progress.begin();
        say(`wave ${++wave} of ${waves}: merging ${plural(length, 'variant')}`);
      },
      onRow: (row) => {
        progress.stop();
        if (row.status === 'merged' && task.evaluation !== undefined) return;
        say(`${++judged}/${task.variants.length}  ${describeRow(row)}`);
      },
    },
    merging: { onPlan: progress.planned, onProgress: progress.advance },
    close: progress.stop,
  };
}

/** Prints each warning once, however many variants have it. */
export function createWarningPrinter(): (warnings: readonly Warning[]) => void {
  const fresh = createFilter();
  return (warnings) => printWarnings(fresh(warnings));
}

/** Each warning once, however many variants have it. */
export const onceEach = (warnings: readonly Warning[]): Warning[] => createFilter()(warnings);

/** Lets each warning through once: variants have most of them in common, but for the place in their recipes. */
function createFilter(): (warnings: readonly Warning[]) => Warning[] {
  const seen = new Set<string>();
  return (warnings) =>
    warnings.filter(({ kind, facts }) => {
      const content = JSON.stringify({ kind, ...facts, place: undefined });
      if (seen.has(content)) return false;
      seen.add(content);
      return true;
    });
}

/** Decimals, unless they would show nothing of a number. */
const formatMetric = (value: number): string =>
  value !== 0 && Math.abs(value) < TINY ? value.toPrecision(DIGITS) : value.toFixed(PLACES);

function describeRow({ settings, metrics, status, problem, evaluation_seconds: seconds }: SweepRow): string {
  const numbers = Object.entries(metrics).map(([name, value]) => `${name} ${formatMetric(value)}`);
  const took = seconds === null ? [] : [`(${formatSeconds(seconds)})`];
  const parts = [
    describeSettings(settings),
    ...numbers,
    ...took,
    ...(problem === undefined ? [] : [status === 'failed' ? `failed: ${problem}` : problem]),
  ];
  return alignColumns([parts])[0]!;
}
