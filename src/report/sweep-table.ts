/** The rows of a sweep as cells, for every rendering. */

import { scoreOf } from '../sweep/ranking.js';
import type { Objective, SweepResult, SweepRow } from '../sweep/result.js';
import { plural } from './format.js';

/** Decimal places of small numbers, and of those of at least `LARGE`: percentages need fewer than shares. */
const PLACES = 4;
const LARGE = 10;
const LARGE_PLACES = 2;

/** Where the largest number of a column is below this, numbers are shown by so many digits. */
const TINY = 0.01;
const DIGITS = 3;

export interface SweepTable {
  readonly head: readonly string[];
  /** Columns that hold numbers. */
  readonly numeric: readonly number[];
  /** Columns that a rendering without room for all can leave out, the first of them first. */
  readonly dispensable: readonly number[];
  readonly rows: readonly (readonly string[])[];
}

/** What decides, in words. */
export function describeObjective({ metric, maximize }: Objective): string {
  return `${maximize ? 'largest' : 'smallest'} ${metric ?? 'mean of the metrics'}`;
}

/**
 * The settings worth a column: not those that have one value throughout and go with the method, so that its name says it.
 */
export function shownSettings({ settings, rows }: SweepResult): readonly string[] {
  const shown = settings.filter((name) => {
    const values = new Set(rows.flatMap((row) => row.settings[name] ?? []));
    const byMethod = new Map(rows.map((row) => [row.settings.merge_method, row.settings[name]]));
    const goesWithMethod = rows.every((row) => byMethod.get(row.settings.merge_method) === row.settings[name]);
    return name === 'merge_method' || values.size > 1 || !goesWithMethod;
  });
  return shown.length === 0 ? settings : shown;
}

/** Settings, metrics, score and geometry of each row, best first; rows without a score after them in sweep order. */
export function tabulateSweep(result: SweepResult): SweepTable {
  const { metrics, objective } = result;
  const rows = rankRows(result);
  const has = (test: (row: SweepRow) => boolean): boolean => rows.some(test);
  const settings = shownSettings(result);
  const hasMean =
    objective.metric === null && metrics.length > 1 && has((row) => scoreOf(row, objective) !== undefined);
  const columns: Column[] = [
    {
      head: '',
      cells: rows.map(({ variant }) => (variant === result.best ? '*' : result.pareto.includes(variant) ? '+' : '')),
    },
    ...settings.map((setting) => ({ head: setting, cells: rows.map((row) => row.settings[setting] ?? '') })),
    ...metrics.map((metric) => {
      const column = numbers(metric, rows, (row) => row.metrics[metric]);
      return metric === objective.metric || metrics.length === 1 ? column : { ...column, matter: 'metric' as const };
    }),
    ...(hasMean ? [numbers('mean', rows, (row) => scoreOf(row, objective))] : []),
    ...(has(({ geometry }) => geometry !== null)
      ? [
          numbers('retained', rows, meanRetained),
          numbers('norm ratio', rows, (row) => row.geometry?.norm_ratio),
          numbers('survival', rows, (row) => row.geometry?.rounding_survival),
        ].map((column) => ({ ...column, matter: 'geometry' as const }))
      : []),
    ...(tellsApart(rows.map(unmeasuredText)) ? [{ head: 'not measured', cells: rows.map(unmeasuredText) }] : []),
    ...(has(({ problem }) => problem !== undefined)
      ? [{ head: 'problem', cells: rows.map(({ problem }) => problem ?? '') }]
      : []),
  ];
  return {
    head: columns.map(({ head }) => head),
    numeric: columns.flatMap(({ isNumeric }, column) => (isNumeric ? [column] : [])),
    dispensable: dispensableOf(columns),
    rows: rows.map((_, row) => columns.map(({ cells }) => cells[row]!)),
  };
}

/** What tells nothing apart, then geometry, then metrics that do not decide; of each the last first. */
function dispensableOf(columns: readonly Column[]): number[] {
  const groups = [
    ({ matter, cells }: Column): boolean => matter !== undefined && cells.length > 1 && new Set(cells).size === 1,
    ({ matter }: Column): boolean => matter === 'geometry',
    ({ matter }: Column): boolean => matter === 'metric',
  ];
  const ordered = groups.flatMap((isOf) => columns.flatMap((column, index) => (isOf(column) ? [index] : [])).reverse());
  return [...new Set(ordered)];
}

interface Column {
  readonly head: string;
  readonly cells: readonly string[];
  readonly isNumeric?: boolean;
  /** What can be missed; undefined for what says which variant it is and how it did. */
  readonly matter?: 'metric' | 'geometry';
}

/** A column of numbers, all with as many decimals, or digits where decimals would show nothing of them. */
function numbers(head: string, rows: readonly SweepRow[], read: (row: SweepRow) => number | null | undefined): Column {
  const values = rows.map((row) => read(row) ?? undefined);
  const largest = Math.max(0, ...values.map((value) => Math.abs(value ?? 0)));
  const places = largest >= LARGE ? LARGE_PLACES : PLACES;
  const isTiny = largest > 0 && largest < TINY;
  const format = (value: number): string => (isTiny ? value.toPrecision(DIGITS) : value.toFixed(places));
  return { head, cells: values.map((value) => (value === undefined ? '' : format(value))), isNumeric: true };
}

const tellsApart = (cells: readonly string[]): boolean => new Set(cells).size > 1;

/** What geometry leaves out of a variant, and which models have no part there: without this, empty cells ask why. */
function unmeasuredText({ geometry, unmeasured }: SweepRow): string {
  if (unmeasured === undefined) return '';
  const { tensors, models } = unmeasured;
  return `${geometry === null ? 'all' : plural(tensors, 'tensor')}: no ${models.join(', ')}`;
}

/** The retained projection of the experts, their mean; undefined where nothing was measured. */
export function meanRetained({ geometry }: SweepRow): number | undefined {
  const kept = Object.values(geometry?.retained_projection ?? {}).filter((value) => value !== null);
  return kept.length === 0 ? undefined : kept.reduce((sum, value) => sum + value, 0) / kept.length;
}

/** Best first; rows without a score after them, in sweep order. */
export function rankRows({ rows, objective }: SweepResult): SweepRow[] {
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
