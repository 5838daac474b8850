/** The main job from a recipe to a model folder: open, plan, run, and put everything beside the weights that belongs there. */

import { ModelFolder } from './checkpoint/model-folder.js';
import { checkSideFiles } from './checkpoint/side-files.js';
import { M2MergeError } from './errors.js';
import type { GeometryResult, MergeAccount } from './geometry/result.js';
import { MAX_EXPERTS } from './geometry/unit-sums.js';
import { writeBesideWeights } from './merge-files.js';
import type { MergeReport } from './merge-report.js';
import { checkApart, checkOutput, isMadeBy, outputFolderOf } from './output-place.js';
import { warnOfMissingBeside } from './plan/beside-warnings.js';
import { buildPlan, type PlanOptions, type RecipeCheckpoints } from './plan/build.js';
import { type KnownModels, SharedInputs } from './plan/inputs.js';
import { stateOfInputs } from './plan/local-models.js';
import { measuredJobs } from './plan/measured-jobs.js';
import { type ObtainOptions, obtainInputs } from './plan/obtain.js';
import type { Costs, Plan, PreparedMerge } from './plan/plan.js';
import { streamCost, streamWarnings } from './plan/stream-costs.js';
import { checkRecipe } from './recipe/checked.js';
import type { Recipe } from './recipe/recipe.js';
import { subtractedBases } from './recipe/subtracted-bases.js';
import { type RunOptions, runMerges, warmUpFor } from './run/engine.js';
import { nonFiniteWarnings } from './run/non-finite.js';
import type { TensorOutcome } from './run/outcome.js';
import { OutputFolder } from './run/output-folder.js';
import { WorkerPool } from './run/pool.js';
import { describeWarning, type Warning, type WarningFacts, warning } from './warnings.js';

export interface PrepareOptions extends PlanOptions {
  /** Refuse what is only warned of otherwise: keys that nothing reads, tensors left out and the like. */
  readonly strict?: boolean;
  /** Fetch from the Hub only the ranges that are read, when they are read, and store none of them. */
  readonly stream?: boolean;
  /** Most bytes that `stream` takes of the disk beside the output. */
  readonly spoolBytes?: number;
  /** Write geometry and merge accounting beside the model; by default as the recipe says, else not. */
  readonly report?: boolean;
  /** Models that are not looked for, by the reference that names them. */
  readonly known?: KnownModels;
  /** Inputs of recipes that are prepared one after the other, for the same run. */
  readonly inputs?: SharedInputs;
  /** Called with the models as their headers describe them. */
  readonly onInputs?: (inputs: RecipeCheckpoints) => void;
}

export interface MergeOptions extends PrepareOptions, RunOptions, Pick<ObtainOptions, 'onTransfer' | 'onLocked'> {
  /** Output folder; by default the recipe's `output`, else `merged/<recipe name>` in the working folder. */
  readonly output?: string;
  /** Replace an existing model; `same-plan`: only one that the same plan made, as a run that was cut off may leave. */
  readonly overwrite?: boolean | 'same-plan';
  /** Add the sha256 of every weight file to the manifest; reads the output once more. */
  readonly sha256?: boolean;
  /** Account for the merge, for the result alone; of the tensors in which all models have a part. */
  readonly account?: boolean;
  /** Called once everything is checked, before the first weight is read. */
  readonly onPlan?: (prepared: PreparedMerge, output: string) => void;
}

export interface MergeResult {
  /** Absolute folder of the merged model. */
  readonly output: string;
  readonly plan: Plan;
  readonly costs: Costs;
  /** Wall time from opening the inputs to the finished folder, seconds. */
  readonly seconds: number;
  readonly warnings: readonly Warning[];
  /** Geometry and merge accounting, when a report was asked for. */
  readonly report: GeometryResult | undefined;
  /** What the merge did to its experts, when a report or this was asked for. */
  readonly account: MergeAccount | undefined;
}

/** Opens a recipe's models and plans the merge; reads headers only. Throws `M2MergeError`, or the signal's reason. */
export async function prepareMerge(recipe: Recipe, options: PrepareOptions = {}): Promise<PreparedMerge> {
  checkRecipe(recipe);
  options.signal?.throwIfAborted();
  const { inputs = new SharedInputs() } = options;
  const readAll = wantsReport(recipe, options) && canMeasure(recipe);
  const opened = await inputs.open(recipe, options, options.known);
  options.onInputs?.(opened);
  const built = buildPlan(recipe, opened, { readAll, ...options });
  const beside = await checkBeside(built);
  const streaming = options.stream ? streamWarnings(streamCost(built, options.spoolBytes)) : [];
  const reporting = wantsReport(recipe, options) ? await reportWarnings(recipe, built) : [];
  const prepared = { ...built, warnings: [...built.warnings, ...beside, ...streaming, ...reporting] };
  const warnings = prepared.warnings.map(describeWarning);
  if (options.strict && warnings.length > 0) throw new M2MergeError('warnings-refused', { warnings });
  return prepared;
}

/**
 * Throws `file-unreadable` for what would go along with the weights and cannot be read, and returns what is to be said of
 * what is missing there; models on the Hub come later.
 */
async function checkBeside(built: PreparedMerge): Promise<Warning[]> {
  const { donorFiles, beside } = built;
  for (const files of new Set([donorFiles, beside?.tokenizer])) {
    if (files instanceof ModelFolder) await checkSideFiles(files.folder);
  }
  return donorFiles instanceof ModelFolder ? warnOfMissingBeside(built) : [];
}

/** One of several merges that run together. */
export interface MergeRequest {
  readonly recipe: Recipe;
  /** Output folder; see `MergeOptions.output`. */
  readonly output?: string;
  /** Write nothing, for the sake of the report alone. */
  readonly dry?: boolean;
}

/** Merges. Throws `M2MergeError`, or the signal's reason; whatever happens, no partial output stays. */
export async function mergeRecipe(recipe: Recipe, options: MergeOptions = {}): Promise<MergeResult> {
  const { output, ...shared } = options;
  const [result] = await mergeTogether([{ recipe, ...(output === undefined ? {} : { output }) }], shared);
  return result!;
}

/**
 * Merges several recipes in one run that reads what they share once. Each writes what it would write alone, to a folder of its
 * own. Throws `M2MergeError`, or the signal's reason; when one fails before all are complete, none leaves an output. In the
 * end they get their names one after the other: where one cannot, those before it stay.
 */
export async function mergeTogether(
  requests: readonly MergeRequest[],
  options: Omit<MergeOptions, 'output'> = {},
): Promise<MergeResult[]> {
  for (const { recipe } of requests) checkRecipe(recipe);
  await checkApart(requests.flatMap(({ recipe, output, dry }) => (dry ? [] : [outputFolderOf(recipe, output)])));
  const started = performance.now();
  const merges: OpenMerge[] = [];
  const pool = new WorkerPool();
  try {
    const onInputs = (inputs: RecipeCheckpoints): void => {
      options.onInputs?.(inputs);
      warmUpFor(inputs.models, pool, options);
    };
    const shared = { run: {}, ...options, inputs: new SharedInputs(), onInputs };
    for (const request of requests) merges.push(await openMerge(request, shared));
    const runs = merges.map(({ prepared, folder, report }) => ({
      prepared,
      output: folder,
      report: report?.request,
    }));
    const obtained = await obtainInputs(runs, options);
    const outcomes = await runMerges(runs, pool, { ...options, remote: obtained.remote });
    const workersEnd = pool.close();
    const results: MergeResult[] = [];
    for (const [i, merge] of merges.entries()) {
      const result = await finishMerge(merge, outcomes[i]!, options, started);
      results.push({ ...result, warnings: [...result.warnings, ...obtained.warnings] });
    }
    options.signal?.throwIfAborted();
    await workersEnd;
    pool.throwFailure();
    return await commitAll(merges, results);
  } catch (error) {
    await pool.close();
    for (const { folder } of merges) await folder?.discard();
    throw error;
  }
}

/** Gives the outputs their names. */
async function commitAll(merges: readonly OpenMerge[], results: readonly MergeResult[]): Promise<MergeResult[]> {
  const committed: MergeResult[] = [];
  for (const [i, { folder }] of merges.entries()) {
    const stays = await folder?.commit();
    const more = stays === undefined ? [] : [warning('replaced-stays', { path: stays })];
    committed.push({ ...results[i]!, warnings: [...results[i]!.warnings, ...more] });
  }
  return committed;
}

/** A merge that is planned and has its place. */
interface OpenMerge {
  readonly recipe: Recipe;
  readonly output: string;
  readonly prepared: PreparedMerge;
  /** Undefined when nothing is written. */
  readonly folder: OutputFolder | undefined;
  /** Collects the report; undefined when there is none. */
  readonly report: MergeReport | undefined;
  /** See `stateOfInputs`. */
  readonly inputState: string | undefined;
}

async function openMerge({ recipe, output: chosen, dry }: MergeRequest, options: MergeOptions): Promise<OpenMerge> {
  const prepared = await prepareMerge(recipe, options);
  const canReport = isMeasured(recipe, prepared);
  const reports = writesReport(recipe, prepared, options);
  const output = outputFolderOf(recipe, chosen);
  await checkOutput(output, prepared, recipe);
  options.onPlan?.(prepared, output);
  const files = prepared.plan.shards.map((shard, i) => ({ ...shard, header: prepared.shardHeaders[i]! }));
  const { overwrite = false } = options;
  if (typeof overwrite !== 'boolean' && overwrite !== 'same-plan')
    throw new M2MergeError('usage', { message: `overwrite is ${overwrite}, expected true, false or same-plan` });
  const inputState = await stateOfInputs(recipe, options.known);
  const mayReplace = overwrite === 'same-plan' ? await isMadeBy(output, prepared.planHash, inputState) : overwrite;
  const folder = dry ? undefined : await OutputFolder.create(output, files, mayReplace);
  // Loaded only when asked for, so that a plain merge starts sooner.
  const accounts = options.account === true && canReport;
  const report =
    reports || accounts ? new (await import('./merge-report.js')).MergeReport(prepared, reports) : undefined;
  return { recipe, output, prepared, folder, report, inputState };
}

const wantsReport = (recipe: Recipe, { report }: Pick<PrepareOptions, 'report'>): boolean =>
  report ?? recipe.report ?? false;

const canMeasure = (recipe: Recipe): boolean =>
  hasTaskVectors(recipe) && recipe.models.length > 0 && recipe.models.length <= MAX_EXPERTS;

/** Whether there is something to report on. */
const isMeasured = (recipe: Recipe, { plan }: Pick<PreparedMerge, 'plan'>): boolean =>
  canMeasure(recipe) && measuredJobs(plan).length > 0;

/** Whether a merge writes a report beside its model. */
export const writesReport = (
  recipe: Recipe,
  prepared: Pick<PreparedMerge, 'plan'>,
  options: Pick<PrepareOptions, 'report'>,
): boolean => wantsReport(recipe, options) && isMeasured(recipe, prepared);

/** Why there is no report, or what it leaves out. */
async function reportWarnings(recipe: Recipe, prepared: Pick<PreparedMerge, 'plan'>): Promise<Warning[]> {
  if (isMeasured(recipe, prepared)) return (await import('./merge-report.js')).leftOutWarnings(prepared.plan);
  const experts = recipe.models.length;
  return [
    warning('report-unavailable', { method: recipe.method, reason: reasonAgainst(recipe), experts, most: MAX_EXPERTS }),
  ];
}

function reasonAgainst(recipe: Recipe): WarningFacts['report-unavailable']['reason'] {
  if (!hasTaskVectors(recipe)) return 'base';
  if (recipe.models.length === 0) return 'alone';
  return recipe.models.length > MAX_EXPERTS ? 'experts' : 'tensors';
}

/** Puts everything beside the weights that belongs there. */
async function finishMerge(
  { recipe, output, prepared, folder, report: collected, inputState }: OpenMerge,
  outcomes: readonly TensorOutcome[],
  options: MergeOptions,
  started: number,
): Promise<MergeResult> {
  const { plan, costs } = prepared;
  let cardWarnings: readonly Warning[] = [];
  const report = collected?.finish(outcomes.reduce((total, { nonFinite }) => total + nonFinite.output, 0));
  if (folder !== undefined) {
    if (report?.geometry !== undefined) {
      const { writeReport } = await import('./report/geometry-files.js');
      await writeReport(report.geometry, (name, text) => folder.write(name, text));
    }
    cardWarnings = await writeBesideWeights(folder, recipe, prepared, inputState, outcomes, options);
  }
  return {
    output,
    plan,
    costs,
    seconds: (performance.now() - started) / 1000,
    warnings: [...prepared.warnings, ...nonFiniteWarnings(plan, outcomes), ...cardWarnings],
    report: report?.geometry,
    account: report?.account,
  };
}

/** Whether the recipe merges differences to one base, which is what geometry is about. */
function hasTaskVectors(recipe: Recipe): boolean {
  const subtracted = subtractedBases(recipe).size;
  const isOne = subtracted === 1 || (subtracted === 0 && recipe.bases.length === 1);
  return isOne && recipe.modules.every(({ slices }) => slices.every(({ base }) => base !== undefined));
}
