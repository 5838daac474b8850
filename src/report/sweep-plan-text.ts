/** The price of a sweep for people. */

import { formatBytes } from '../errors/byte-text.js';
import { formatCount } from '../geometry/number-text.js';
import type { Keep } from '../recipe/sweep-keys.js';
import type { SweepCosts } from '../sweep/costs.js';
import { alignColumns, formatSeconds, plural } from './format.js';

export interface SweepPlanFacts {
  readonly keep: Keep;
  readonly folder: string;
  /** Of all variants. */
  readonly names: readonly string[];
  /** Evaluations at once; undefined without an evaluation. */
  readonly parallel: number | undefined;
}

/** Names shown before the rest is counted. */
const NAMES_SHOWN = 50;

export function formatSweepPlan(costs: SweepCosts, { keep, folder, names, parallel }: SweepPlanFacts): string {
  const done = names.length - costs.open;
  const shown = names.slice(0, NAMES_SHOWN);
  const rest = names.length - shown.length;
  const evaluation =
    parallel === undefined
      ? 'no evaluation'
      : `evaluations at most ${formatSeconds(costs.evaluationSeconds)}, ${formatCount(parallel)} at once`;
  return alignColumns([
    [
      'variants',
      `${plural(names.length, 'variant')}${done > 0 ? `, ${formatCount(costs.open)} still to be merged` : ''}`,
    ],
    ['waves', `${plural(costs.waves, 'wave')} of up to ${formatCount(costs.waveSize)}, keeps ${keep}`],
    ['reads', formatBytes(costs.bytesRead)],
    ['writes', `${formatBytes(costs.bytesWritten)} (${formatBytes(costs.variantBytes)} each at most)`],
    ['disk', `${formatBytes(costs.diskBytes)} at once, ${formatBytes(costs.freeBytes)} free`],
    ['time', `merges about ${formatSeconds(costs.mergeSeconds)} on a common SSD; ${evaluation}`],
    ['folder', folder],
    ...shown.map((name, i) => [i === 0 ? 'names' : '', name]),
    ...(rest > 0 ? [['', `and ${formatCount(rest)} more`]] : []),
  ]).join('\n');
}
