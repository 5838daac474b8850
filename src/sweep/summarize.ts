/** Rows of a sweep as its result. */
import { VERSION } from '../version.js';
import type { SweepVariant } from './expand.js';
import { bestOf, paretoFront, shownRow } from './ranking.js';
import { type Objective, SWEEP_VERSION, type SweepResult, type SweepRow } from './result.js';

/** Sums a sweep up; variants without a row have not been merged yet and are left out. */
export function summarizeSweep(
  recipe: string,
  variants: readonly SweepVariant[],
  rowOf: (id: string) => SweepRow | undefined,
  objective: Objective,
): SweepResult {
  const rows = variants.flatMap(({ id }) => rowOf(id) ?? []).map((row) => shownRow(row, objective));
  const metrics = [...new Set(rows.flatMap((row) => Object.keys(row.metrics)))];
  const best = bestOf(rows, objective);
  return {
    version: SWEEP_VERSION,
    tool: `m2merge ${VERSION}`,
    recipe,
    objective,
    settings: [...new Set(variants.flatMap(({ settings }) => Object.keys(settings)))],
    metrics,
    rows,
    best: best?.variant ?? null,
    best_recipe: best?.recipe ?? null,
    pareto: paretoFront(rows, metrics, objective.maximize).map(({ variant }) => variant),
  };
}
