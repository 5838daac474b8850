/** Weight-space geometry from a recipe: base and experts are the recipe's, weights and method do not matter. */

import { M2MergeError, placeIn } from './errors.js';
import { findFindings } from './geometry/findings.js';
import { checkDimensions } from './geometry/projection.js';
import type { GeometryResult } from './geometry/result.js';
import { hasSpectrum, SPECTRAL_PASSES, spectralCost } from './geometry/spectrum.js';
import { MAX_EXPERTS } from './geometry/unit-sums.js';
import { describeGroup, expertNames, leftOutWarnings, measuredLayers } from './merge-report.js';
import { buildPlan, type RecipeCheckpoints } from './plan/build.js';
import { withCommonTensors } from './plan/common-tensors.js';
import type { InputOptions } from './plan/hub-inputs.js';
import { openInputs } from './plan/inputs.js';
import { measuredJobs, unmeasuredTensors } from './plan/measured-jobs.js';
import { type ObtainOptions, obtainInputs } from './plan/obtain.js';
import type { Plan, PreparedMerge } from './plan/plan.js';
import { checkRecipe } from './recipe/checked.js';
import type { Recipe } from './recipe/recipe.js';
import { type RunOptions, runMeasurement, warmUpFor } from './run/engine.js';
import { WorkerPool } from './run/pool.js';
import { type Warning, warning } from './warnings.js';

export interface MeasureOptions
  extends RunOptions,
    InputOptions,
    Pick<ObtainOptions, 'onTransfer' | 'onLocked' | 'stream'> {
  /** Dimensions of a random projection of the task vectors; none unless given. */
  readonly projection?: number | undefined;
  /** Whether to find the spectra of matrices, which takes several passes and much arithmetic; see `spectralWork`. */
  readonly spectral?: boolean | undefined;
  /** Whether tensors that some model lacks are left out, where a merge would refuse the models. */
  readonly onlyCommon?: boolean;
  /** Called with the models as their headers describe them, before anything is left out. */
  readonly onInputs?: (inputs: RecipeCheckpoints) => void;
  /** Called once everything is checked, before the first weight is read. */
  readonly onPlan?: (prepared: PreparedMerge) => void;
  /** Called with what fetching the models gave reason to say. */
  readonly onWarnings?: (warnings: readonly Warning[]) => void;
}

/** Measures a recipe's experts against its base. Throws `recipe-invalid` without a base, and what opening throws. */
export async function measureGeometry(recipe: Recipe, options: MeasureOptions = {}): Promise<GeometryResult> {
  checkRecipe(recipe);
  checkDimensions(options.projection);
  const group = asGroup(recipe);
  const pool = new WorkerPool();
  try {
    const opened = await openInputs(group, options);
    options.onInputs?.(opened);
    warmUpFor(opened.models, pool, options);
    const inputs = options.onlyCommon === true ? withCommonTensors(opened) : opened;
    const built = buildPlan(group, inputs, { commonRows: true });
    // What only some have is left out here, not merged from those or kept.
    const warnings = built.warnings.filter(({ kind }) => kind !== 'partial-tensor' && kind !== 'base-kept');
    const prepared = { ...built, warnings: [...warnings, ...sliceWarnings(recipe), ...leftOutWarnings(built.plan)] };
    const { plan } = prepared;
    checkMeasurable(plan);
    options.onPlan?.(prepared);
    // Spectra read whole rows, pass after pass: from the cache.
    const stream = options.stream === true && options.spectral !== true;
    const obtained = await obtainInputs([{ prepared }], { ...options, stream, weightsOnly: true });
    options.onWarnings?.(obtained.warnings);
    const wish = { layerOf: measuredLayers(plan), projection: options.projection, spectral: options.spectral };
    const measured = await runMeasurement(prepared, expertNames(plan), wish, pool, {
      ...options,
      remote: obtained.remote,
    });
    const result = { ...describeGroup(plan), ...measured, merge_accounting: {} };
    return { ...result, findings: findFindings(result) };
  } finally {
    await pool.close();
  }
}

/** Said where slices take layers, once: that they do not count here. */
function sliceWarnings({ file, modules }: Recipe): Warning[] {
  const sources = modules.flatMap(({ slices }) => slices.flatMap((slice) => slice.sources));
  const first = sources.find(({ range }) => range !== undefined);
  return first === undefined ? [] : [warning('slices-unmeasured', { place: placeIn(file, first.position) })];
}

/** What spectra take: matrices, passes over them, and floating-point operations. Some matrices may turn out unchanged. */
export function spectralWork({ plan }: PreparedMerge): { matrices: number; passes: number; operations: number } {
  const matrices = measuredJobs(plan).filter(({ shape }) => hasSpectrum(shape));
  const operations = matrices.reduce(
    (sum, { shape, operands }) => sum + spectralCost(shape as [number, number], operands.length),
    0,
  );
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
    rounding: 'nearest',
    bases: [base],
    models,
    modules: [{ name: undefined, path: '', position, slices: [slice] }],
    parameters: new Map(),
    // Nothing is written.
    outputDtype: 'F32',
    chatTemplate: undefined,
  };
}

/** Geometry compares all experts, so there has to be a tensor in which all have a part. */
function checkMeasurable(plan: Plan): void {
  if (measuredJobs(plan).length > 0) return;
  const unmeasured = unmeasuredTensors(plan);
  const [first] = unmeasured;
  if (first === undefined) throw new M2MergeError('nothing-to-merge', { detail: 'no tensor holds numbers to measure' });
  const [tensor, [model]] = first;
  const references = (role: 'base' | 'model') =>
    plan.inputs.filter((input) => input.role === role).map(({ reference }) => reference);
  const facts = { model: references('model')[model!]!, presentIn: references('base')[0]! };
  throw new M2MergeError('tensor-missing', { tensor, count: unmeasured.size, ...facts });
}
