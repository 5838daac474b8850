/** What sweep.html embeds: settings, numbers and marks of every variant, best first. */
import { scoreOf } from '../../sweep/ranking.js';
import type { SweepResult, SweepRow } from '../../sweep/result.js';
import { meanRetained, rankRows, shownSettings } from '../sweep-table.js';

/** Digits of an embedded number. */
const DIGITS = 6;

export interface SweepPageData {
  /** Whether more is better. */
  readonly maximize: boolean;
  readonly settings: readonly {
    readonly name: string;
    /** Distinct values: numbers ascending when all are numbers, else in the order they come. */
    readonly values: readonly string[];
    readonly numeric: boolean;
  }[];
  /** What is measured of a variant: its score and metrics, then its geometry. */
  readonly measures: readonly { readonly label: string; readonly kind: 'score' | 'metric' | 'geometry' }[];
  readonly rows: readonly {
    readonly name: string;
    /** By setting, the value's index; null where the variant has none. */
    readonly settings: readonly (number | null)[];
    /** By measure. */
    readonly values: readonly (number | null)[];
    readonly best: boolean;
    readonly unbeaten: boolean;
    readonly seconds: number | null;
    readonly problem: string | null;
  }[];
}

interface Measure {
  readonly label: string;
  readonly kind: SweepPageData['measures'][number]['kind'];
  readonly read: (row: SweepRow) => number | null | undefined;
}

/** The data of one page. Pure; its JSON is what the page's script reads. */
export function makeSweepPageData(result: SweepResult): SweepPageData {
  const rows = rankRows(result);
  const settings = shownSettings(result).map((name) => describeSetting(name, result.rows));
  const measures = measuresOf(result);
  return {
    maximize: result.objective.maximize,
    settings,
    measures: measures.map(({ label, kind }) => ({ label, kind })),
    rows: rows.map((row) => ({
      name: row.variant,
      settings: settings.map(({ name, values }) => {
        const text = row.settings[name];
        return text === undefined ? null : values.indexOf(text);
      }),
      values: measures.map(({ read }) => rounded(read(row))),
      best: row.variant === result.best,
      unbeaten: result.pareto.includes(row.variant),
      seconds: rounded(row.evaluation_seconds),
      problem: row.problem ?? null,
    })),
  };
}

function describeSetting(name: string, rows: readonly SweepRow[]): SweepPageData['settings'][number] {
  const values = [...new Set(rows.flatMap(({ settings }) => settings[name] ?? []))];
  const numeric = values.every((text) => text.trim() !== '' && Number.isFinite(Number(text)));
  return { name, values: numeric ? values.sort((a, b) => Number(a) - Number(b)) : values, numeric };
}

function measuresOf({ metrics, objective, rows }: SweepResult): Measure[] {
  const score: Measure = { label: 'mean', kind: 'score', read: (row) => scoreOf(row, objective) };
  const experts = [...new Set(rows.flatMap(({ geometry }) => Object.keys(geometry?.retained_projection ?? {})))];
  const geometry: Measure[] = [
    { label: 'retained projection', kind: 'geometry', read: meanRetained },
    { label: 'norm ratio', kind: 'geometry', read: (row) => row.geometry?.norm_ratio },
    { label: 'rounding survival', kind: 'geometry', read: (row) => row.geometry?.rounding_survival },
    ...experts.map((expert): Measure => {
      return {
        label: `retained of ${expert}`,
        kind: 'geometry',
        read: (row) => row.geometry?.retained_projection[expert],
      };
    }),
  ];
  return [
    ...(objective.metric === null && metrics.length > 1 ? [score] : []),
    ...metrics.map((metric): Measure => ({ label: metric, kind: 'metric', read: (row) => row.metrics[metric] })),
    ...(rows.some((row) => row.geometry !== null) ? geometry : []),
  ];
}

function rounded(value: number | null | undefined): number | null {
  return value === null || value === undefined ? null : Number(value.toPrecision(DIGITS));
}
