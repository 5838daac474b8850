/** Weight-space geometry from a recipe: base and experts are the recipe's, weights and method do not matter. */

import { M2MergeError } from './errors.js';
import { findFindings } from './geometry/findings.js';
import type { GeometryResult } from './geometry/result.js';
import { MAX_EXPERTS } from './geometry/unit-sums.js';
import { deepestLayers, describeGroup, expertNames } from './merge-report.js';
import { buildPlan } from './plan/build.js';
import { openInputs } from './plan/inputs.js';
import type { PreparedMerge } from './plan/plan.js';
import type { Recipe } from './recipe/recipe.js';
import { type RunOptions, runMeasurement } from './run/engine.js';
import { WorkerPool } from './run/pool.js';

export interface MeasureOptions extends RunOptions {
  /** Called once everything is checked, before the first weight is read. */
  readonly onPlan?: (prepared: PreparedMerge) => void;
}

/** Measures a recipe's experts against its base. Throws `recipe-invalid` without a base, and what opening throws. */
export async function measureGeometry(recipe: Recipe, options: MeasureOptions = {}): Promise<GeometryResult> {
  const group = asGroup(recipe);
  const pool = new WorkerPool();
  try {
    const prepared = buildPlan(group, await openInputs(group));
    options.onPlan?.(prepared);
    const { plan } = prepared;
    const measured = await runMeasurement(prepared, expertNames(plan), deepestLayers(plan), pool, options);
    const result = { ...describeGroup(plan), ...measured, merge_accounting: {} };
    return { ...result, findings: findFindings(result) };
  } finally {
    await pool.close();
  }
}

/** The recipe's base and experts as plain task vectors: whatever the method, each with weight 1. */
function asGroup(recipe: Recipe): Recipe {
  const refuse = (message: string): never => {
    const problem = { line: 1, column: 1, path: 'base_model', message };
    throw new M2MergeError('recipe-invalid', { file: recipe.file, problems: [problem] });
  };
  const { base } = recipe;
  if (base === undefined) return refuse('geometry needs a base_model to take task vectors against');
  const models = recipe.models.filter(({ reference }) => reference.text !== base.text);
  if (models.length === 0) return refuse('geometry needs at least one model besides the base');
  if (models.length > MAX_EXPERTS)
    return refuse(`geometry takes at most ${MAX_EXPERTS} experts, found ${models.length}`);
  const one = { entries: [{ values: [1] }], position: base.position };
  return {
    ...recipe,
    method: 'task_arithmetic',
    preset: 'mergekit',
    models: models.map((model) => ({ ...model, parameters: new Map([['weight', one]]) })),
    parameters: new Map(),
  };
}
