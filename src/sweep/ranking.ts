/** Which variant is best, and which are not beaten. */
import type { Objective, SweepRow } from './result.js';

/** The number by which a row is judged; undefined when it has none. */
export function scoreOf({ metrics, status }: SweepRow, { metric }: Objective): number | undefined {
  if (status !== 'evaluated') return undefined;
  if (metric !== null) return Object.hasOwn(metrics, metric) ? metrics[metric] : undefined;
  const values = Object.values(metrics);
  return values.length === 0 ? undefined : values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** Whether a row that was evaluated lacks the number that decides: that is then another than the evaluator gives. */
export function lacksObjective(row: SweepRow, objective: Objective): boolean {
  return row.status === 'evaluated' && scoreOf(row, objective) === undefined;
}

/** A row without what only the log needs. */
export function withoutMarks({ inputs: _, judge: __, ...row }: SweepRow): SweepRow {
  return row;
}

/** A row as it is shown: with a word on the number that decides where it lacks that. Logs stay true when another decides. */
export function shownRow(row: SweepRow, objective: Objective): SweepRow {
  const shown = withoutMarks(row);
  return lacksObjective(row, objective) ? { ...shown, problem: `no number called ${objective.metric}` } : shown;
}

/** The best row, the first of equals; undefined when none can be judged. */
export function bestOf(rows: readonly SweepRow[], objective: Objective): SweepRow | undefined {
  let best: { readonly row: SweepRow; readonly score: number } | undefined;
  for (const row of rows) {
    const score = scoreOf(row, objective);
    if (score === undefined) continue;
    const better = best === undefined || (objective.maximize ? score > best.score : score < best.score);
    if (better) best = { row, score };
  }
  return best?.row;
}

/** The rows that no other equals in all metrics and beats in one. Only rows that have all `metrics` take part. */
export function paretoFront(rows: readonly SweepRow[], metrics: readonly string[], maximize: boolean): SweepRow[] {
  const complete = rows.filter(
    (row) => row.status === 'evaluated' && metrics.every((name) => Object.hasOwn(row.metrics, name)),
  );
  const sign = maximize ? 1 : -1;
  const gain = (a: SweepRow, b: SweepRow, name: string): number => sign * (a.metrics[name]! - b.metrics[name]!);
  const beats = (a: SweepRow, b: SweepRow): boolean =>
    metrics.every((name) => gain(a, b, name) >= 0) && metrics.some((name) => gain(a, b, name) > 0);
  return metrics.length === 0 ? [] : complete.filter((row) => !complete.some((other) => beats(other, row)));
}
