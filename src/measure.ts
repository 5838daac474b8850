/** Weight-space geometry from a recipe: base and experts are the recipe's, weights and method do not matter. */

import { M2MergeError } from './errors.js';
import { findFindings } from './geometry/findings.js';
import type { GeometryResult } from './geometry/result.js';
import { hasSpectrum, SPECTRAL_PASSES, spectralCost } from './geometry/spectrum.js';
import { MAX_EXPERTS } from './geometry/unit-sums.js';
import { deepestLayers, describeGroup, expertNames } from './merge-report.js';
import { buildPlan } from './plan/build.js';
import type { InputOptions } from './plan/hub-inputs.js';
import { openInputs } from './plan/inputs.js';
import { type ObtainOptions, obtainInputs } from './plan/obtain.js';
import type { MergeJob, Plan, PreparedMerge } from './plan/plan.js';
import type { Recipe } from './recipe/recipe.js';
import { type RunOptions, runMeasurement } from './run/engine.js';
import { WorkerPool } from './run/pool.js';
import type { Warning } from './warnings.js';

export interface MeasureOptions
  extends RunOptions,
    InputOptions,
    Pick<ObtainOptions, 'onTransfer' | 'onLocked' | 'stream'> {
  /** Dimensions of a random projection of the task vectors; none unless given. */
  readonly projection?: number | undefined;
  /** Whether to find the spectra of matrices, which takes several passes and much arithmetic; see `spectralWork`. */
  readonly spectral?: boolean | undefined;
  /** Called once everything is checked, before the first weight is read. */
  readonly onPlan?: (prepared: PreparedMerge) => void;
  /** Called with what fetching the models gave reason to say. */
  readonly onWarnings?: (warnings: readonly Warning[]) => void;
}

/** Measures a recipe's experts against its base. Throws `recipe-invalid` without a base, and what opening throws. */
export async function measureGeometry(recipe: Recipe, options: MeasureOptions = {}): Promise<GeometryResult> {
  const group = asGroup(recipe);
  const pool = new WorkerPool();
  try {
    const prepared = buildPlan(group, await openInputs(group, options));
    const { plan } = prepared;
    checkComplete(plan);
    options.onPlan?.(prepared);
    // Spectra read whole rows, pass after pass: from the cache.
    const stream = options.stream === true && options.spectral !== true;
    const { warnings, remote } = await obtainInputs([{ prepared }], { ...options, stream, weightsOnly: true });
    options.onWarnings?.(warnings);
    const wish = { layerOf: deepestLayers(plan), projection: options.projection, spectral: options.spectral };
    const measured = await runMeasurement(prepared, expertNames(plan), wish, pool, { ...options, remote });
    const result = { ...describeGroup(plan), ...measured, merge_accounting: {} };
    return { ...result, findings: findFindings(result) };
  } finally {
    await pool.close();
  }
}

/** What spectra take: matrices, passes over them, and floating-point operations. Some matrices may turn out unchanged. */
export function spectralWork({ plan }: PreparedMerge): { matrices: number; passes: number; operations: number } {
  const matrices = plan.jobs.filter((job): job is MergeJob => job.kind === 'merge' && hasSpectrum(job.shape));
  const operations = matrices.reduce((sum, job) => sum + spectralCost(job.elements, job.operands.length), 0);
  return { matrices: matrices.length, passes: SPECTRAL_PASSES, operations };
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
  const { position } = base;
  const one = { entries: [{ values: [1] }], path: 'base_model', position };
  const sources = models.map(({ path }, model) => {
    return { model, range: undefined, levels: [new Map([['weight', one]])], path, position };
  });
  const slice = { path: 'models', position, base: { base: 0, range: undefined }, sources, levels: [] };
  return {
    ...recipe,
    method: 'task_arithmetic',
    preset: 'mergekit',
    bases: [base],
    models,
    modules: [{ name: undefined, path: '', position, slices: [slice] }],
    parameters: new Map(),
    // Nothing is written.
    outputDtype: 'F32',
    chatTemplate: undefined,
  };
}

/** Geometry compares all experts everywhere, so that one without a tensor has no place in it. */
function checkComplete({ jobs, inputs }: Plan): void {
  const experts = inputs.filter(({ role }) => role === 'model').map(({ reference }) => reference);
  for (const job of jobs) {
    if (job.kind !== 'merge' || job.operands.length === experts.length) continue;
    const lacking = experts.find((_, model) => !job.operands.some((operand) => operand.model === model))!;
    const presentIn = inputs.find(({ role }) => role === 'base')!.reference;
    throw new M2MergeError('tensor-missing', { tensor: job.tensor, model: lacking, presentIn, count: 1 });
  }
}
