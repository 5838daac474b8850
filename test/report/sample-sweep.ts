/** A sweep over methods and scales with names that try to be markup, a failed variant and one without geometry. */
import type { SweepResult, SweepRow } from '../../src/sweep/result.js';

export const HOSTILE = '</script><script>alert(1)</script>';

const row = (method: string, lambda: string, math: number, code: number): SweepRow => ({
  variant: `${method} ${lambda}`,
  id: `${method}${lambda}`,
  settings: { merge_method: method, lambda },
  recipe: `merge_method: ${method}\n`,
  status: 'evaluated',
  metrics: { math, [HOSTILE]: code },
  geometry: { retained_projection: { math: Number(lambda), [HOSTILE]: 0.5 }, norm_ratio: 2, rounding_survival: 0.75 },
  evaluation_seconds: 1.5,
});

const rows: readonly SweepRow[] = [
  row('task_arithmetic', '0.3', 61, 52),
  row('task_arithmetic', '1.0', 72, 60),
  row(HOSTILE, '0.3', 60, 61),
  row(HOSTILE, '1.0', 65, 50),
  { ...row('ties', '0.3', 0, 0), status: 'failed', metrics: {}, problem: `ended with ${HOSTILE}` },
  { ...row('linear', '', 59, 50), settings: { merge_method: 'linear' }, geometry: null },
];

export const sampleSweep: SweepResult = {
  version: 1,
  tool: 'm2merge test',
  recipe: HOSTILE,
  objective: { metric: null, maximize: true },
  settings: ['merge_method', 'lambda'],
  metrics: ['math', HOSTILE],
  rows,
  best: 'task_arithmetic 1.0',
  best_recipe: `merge_method: task_arithmetic\nmodels: ["${HOSTILE}"]\n`,
  pareto: ['task_arithmetic 1.0', `${HOSTILE} 0.3`],
};
