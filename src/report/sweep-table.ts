/** The rows of a sweep as cells, for every rendering. */

import { scoreOf } from '../sweep/ranking.js';
import type { Objective, SweepResult, SweepRow } from '../sweep/result.js';

/** Decimal places of metrics and shares in tables. */
const PLACES = 4;

export interface SweepTable {
  readonly head: readonly string[];
  /** Columns that hold numbers. */
  readonly numeric: readonly number[];
  readonly rows: readonly (readonly string[])[];
}

/** What decides, in words. */
export function describeObjective({ metric, maximize }: Objective): string {
  return `${maximize ? 'largest' : 'smallest'} ${metric ?? 'mean of the metrics'}`;
}

/** Settings, metrics, score and geometry of each row, best first; rows without a score after them in sweep order. */
export function tabulateSweep(result: SweepResult): SweepTable {
  const { settings, metrics, objective } = result;
  const measured = result.rows.some(({ geometry }) => geometry !== null);
  const scored = result.rows.some((row) => scoreOf(row, objective) !== undefined);
  const head = [
    '',
    ...settings,
    ...metrics,
    ...(scored && objective.metric === null && metrics.length > 1 ? ['mean'] : []),
    ...(measured ? ['retained', 'norm ratio', 'survival'] : []),
    ...(result.rows.some(({ problem }) => problem !== undefined) ? ['problem'] : []),
  ];
  const rows = ranked(result).map((row) => {
    const mark = row.variant === result.best ? '*' : result.pareto.includes(row.variant) ? '+' : '';
    const cells = [
      mark,
      ...settings.map((setting) => row.settings[setting] ?? ''),
      ...metrics.map((metric) => decimal(row.metrics[metric])),
    ];
    if (head.includes('mean')) cells.push(decimal(scoreOf(row, objective)));
    if (measured) cells.push(...geometryCells(row));
    if (head.at(-1) === 'problem') cells.push(row.problem ?? '');
    return cells;
  });
  const texts = new Set([0, ...settings.map((_, i) => i + 1), ...(head.at(-1) === 'problem' ? [head.length - 1] : [])]);
  return { head, rows, numeric: head.flatMap((_, column) => (texts.has(column) ? [] : [column])) };
}

function geometryCells({ geometry }: SweepRow): string[] {
  if (geometry === null) return ['', '', ''];
  const kept = Object.values(geometry.retained_projection).filter((value) => value !== null);
  const mean = kept.length === 0 ? undefined : kept.reduce((sum, value) => sum + value, 0) / kept.length;
  return [decimal(mean), decimal(geometry.norm_ratio ?? undefined), decimal(geometry.rounding_survival ?? undefined)];
}

function ranked({ rows, objective }: SweepResult): SweepRow[] {
  const sign = objective.maximize ? -1 : 1;
  const place = (row: SweepRow): number => {
    const score = scoreOf(row, objective);
    return score === undefined ? Number.POSITIVE_INFINITY : sign * score;
  };
  return rows
    .map((row, index) => ({ row, index, place: place(row) }))
    .sort((a, b) => (a.place === b.place ? a.index - b.index : a.place - b.place))
    .map(({ row }) => row);
}

function decimal(value: number | undefined): string {
  return value === undefined ? '' : value.toFixed(PLACES);
}
