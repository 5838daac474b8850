/** Carries a sweep out: waves of merges that share their reads, each followed by the evaluation of its models. */
import { createHash } from 'node:crypto';
import { setMaxListeners } from 'node:events';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { forEachConcurrently } from '../io/concurrency.js';
import { isFolder } from '../io/kind.js';
import { asWriteError } from '../io/write-error.js';
import { type MergeOptions, type MergeResult, mergeTogether } from '../merge.js';
import { nearestName } from '../recipe/nearest.js';
import type { Evaluation, Keep } from '../recipe/sweep-keys.js';
import type { SweepVariant } from '../sweep/expand.js';
import { bestOf, lacksObjective, shownRow } from '../sweep/ranking.js';
import type { Objective, SweepRow } from '../sweep/result.js';
import { type Warning, warning } from '../warnings.js';
import { type EvaluationPlace, evaluateModel, forgetRecord } from './evaluate.js';
import { currentRows, type InputStates, statesOf } from './input-states.js';
import { ownersOf, type ResultsLog } from './results-log.js';
import { geometryOf } from './variant-geometry.js';

/** What a sweep does with its variants. */
export interface SweepTask {
  readonly variants: readonly SweepVariant[];
  /** Absolute folder of the models and the results. */
  readonly folder: string;
  readonly evaluation: Evaluation | undefined;
  readonly objective: Objective;
  readonly keep: Keep;
  /** Variants merged together. */
  readonly waveSize: number;
  /** More variants may come, so that which of them is the best is not known yet. */
  readonly mayGrow?: boolean;
}

/** How variants are merged, and what is told meanwhile: what each run of some of them is given. */
export type SweepMerging = Pick<
  MergeOptions,
  | 'threads'
  | 'callerHelps'
  | 'kernels'
  | 'tileElements'
  | 'shardBytes'
  | 'signal'
  | 'hub'
  | 'run'
  | 'stream'
  | 'spoolBytes'
  | 'onTransfer'
  | 'onLocked'
  | 'onPlan'
  | 'onProgress'
>;

export interface SweepRunOptions {
  readonly merging: SweepMerging;
  /** Replace models that are there, whoever made them. */
  readonly overwrite: boolean;
  /** Evaluate again what failed, or lacks the number that decides. */
  readonly retry: boolean;
  readonly onWave?: (variants: readonly SweepVariant[]) => void;
  /** Called after each wave with the warnings of its merges, and when an evaluation lacks the number that decides. */
  readonly onWarnings?: (warnings: readonly Warning[]) => void;
  readonly onRow?: (row: SweepRow) => void;
}

/** Runs what the log does not know yet. Throws `M2MergeError`; what is in the log then stays. */
export async function runSweep(task: SweepTask, log: ResultsLog, options: SweepRunOptions): Promise<void> {
  return new SweepRun(task, log, options).run();
}

/**
 * Variants that are not done: those whose models are there and wait for their evaluation, and those to be merged. Among
 * these are variants that are judged, whose models are to stay: where the folder has come to hold that of another recipe, and
 * where the best is to stay and another was when the models went.
 */
export async function whatIsLeft(
  { variants, evaluation, objective, folder, keep, mayGrow = false }: Omit<SweepTask, 'waveSize'>,
  rows: ReadonlyMap<string, SweepRow>,
  retry: boolean,
): Promise<{ readonly merged: readonly SweepVariant[]; readonly open: readonly SweepVariant[] }> {
  const owners = ownersOf(rows);
  const judging = { objective, evaluation };
  const judged = variants.flatMap(({ id }) => judgementOf(rows.get(id), judging, retry) ?? []);
  const best = keep === 'best' && !mayGrow ? bestOf(judged, objective) : undefined;
  const merged: SweepVariant[] = [];
  const open: SweepVariant[] = [];
  for (const variant of variants) {
    const row = rows.get(variant.id);
    const hasFolder = row !== undefined && (await isFolder(modelFolder(folder, variant)));
    const hasModel = hasFolder && owners.get(variant.name) === variant.id;
    // One that nobody judges is done while its model is there, or when it is to have none.
    const needsNoModel = hasFolder || !writesModels({ keep, evaluation });
    const done =
      judgementOf(row, judging, retry) !== undefined ||
      (row?.status === 'merged' && evaluation === undefined && needsNoModel);
    const isMissed = !hasModel && (keep === 'all' ? hasFolder : variant.id === best?.id);
    if (done && !isMissed) continue;
    (hasModel ? merged : open).push(variant);
  }
  return { merged, open };
}

/**
 * The row of a variant that was judged and is not to be judged again; `retry` is for those that have no score, or one of
 * another evaluator.
 */
export function judgementOf(
  row: SweepRow | undefined,
  { objective, evaluation }: Pick<SweepTask, 'objective' | 'evaluation'>,
  retry: boolean,
): SweepRow | undefined {
  if (row === undefined || row.status === 'merged') return undefined;
  const isToDo = row.status === 'failed' || lacksObjective(row, objective) || isOfAnother(row, evaluation);
  return retry && isToDo ? undefined : row;
}

/** Whether a row was judged by another command than would judge it now: the numbers of the two say nothing together. */
export const isOfAnother = ({ judge }: SweepRow, evaluation: Evaluation | undefined): boolean =>
  judge !== undefined && evaluation !== undefined && judge !== judgeOf(evaluation);

/** Hex digits of a command's digest. */
const JUDGE_DIGITS = 8;

const judgeOf = ({ command }: Evaluation): string =>
  createHash('sha256').update(JSON.stringify(command)).digest('hex').slice(0, JUDGE_DIGITS);

const isJudged = (row: SweepRow | undefined): boolean => row?.status === 'evaluated' || row?.status === 'failed';

/** Whether models are written: they are unless nobody will look at them. */
export const writesModels = ({ keep, evaluation }: Pick<SweepTask, 'keep' | 'evaluation'>): boolean =>
  keep !== 'none' || evaluation !== undefined;

/** Where a variant's model is while it is there. */
export const modelFolder = (folder: string, { name }: Pick<SweepVariant, 'name'>): string => join(folder, name);

class SweepRun {
  readonly #task: SweepTask;
  readonly #log: ResultsLog;
  readonly #options: SweepRunOptions;
  readonly #removed = new Set<string>();
  #states: InputStates = new Map();
  #hasTold = false;

  constructor(task: SweepTask, log: ResultsLog, options: SweepRunOptions) {
    this.#task = task;
    this.#log = log;
    this.#options = options;
  }

  async run(): Promise<void> {
    const { waveSize } = this.#task;
    // Read before the first row is appended: from then on every model in the folder may be ours. Before, those may be that
    // an earlier run finished but could not note any more.
    const overwrite = this.#options.overwrite || this.#log.continues || 'same-plan';
    await this.#forgetOutdated();
    await this.#forgetRecords();
    const { merged, open } = await whatIsLeft(this.#task, this.#log.rows, this.#options.retry);
    // Those whose models are there first; they would otherwise occupy the disk longest.
    await this.#evaluate(merged);
    for (let next = 0; next < open.length; next += waveSize) {
      const wave = open.slice(next, next + waveSize);
      this.#options.onWave?.(wave);
      await this.#merge(wave, overwrite);
      await this.#evaluate(wave.filter(({ id }) => this.#log.row(id)?.status === 'merged'));
    }
    // What an earlier run kept may not be wanted any more.
    if (this.#task.evaluation !== undefined) await this.#tidy();
    this.#tellOfObjective(this.#task.variants.flatMap(({ id }) => this.#log.row(id) ?? []));
  }

  /** Throws `results-outdated` unless they are to be made anew. */
  async #forgetOutdated(): Promise<void> {
    const { variants, folder } = this.#task;
    this.#states = await statesOf(variants);
    const current = currentRows(this.#log.rows, this.#states, folder, this.#options.overwrite);
    const forgotten = variants.filter(({ id }) => this.#log.row(id) !== undefined && !current.has(id));
    this.#log.forget(forgotten.map(({ id }) => id));
    // Nor does what an evaluation of such a model left count any more.
    for (const variant of forgotten) await forgetRecord(placeOf(folder, variant));
  }

  async #merge(wave: readonly SweepVariant[], overwrite: true | 'same-plan'): Promise<void> {
    const { folder } = this.#task;
    const requests = wave.map((variant) => ({
      recipe: variant.recipe,
      output: modelFolder(folder, variant),
      dry: !writesModels(this.#task),
    }));
    const results = await mergeTogether(requests, { ...this.#options.merging, overwrite, account: true });
    this.#options.onWarnings?.(results.flatMap(({ warnings }) => warnings));
    for (const [i, variant] of wave.entries()) {
      const judgement = judgementOf(this.#log.row(variant.id), this.#task, this.#options.retry);
      this.#removed.delete(variant.id);
      await this.#record(judgement ?? mergedRow(variant, this.#states.get(variant.id), results[i]!));
    }
  }

  async #evaluate(variants: readonly SweepVariant[]): Promise<void> {
    const { evaluation } = this.#task;
    if (evaluation === undefined) return;
    const { signal } = this.#options.merging;
    // Each evaluation that runs listens, and as many as were asked for are no leak.
    if (signal !== undefined) setMaxListeners(0, signal);
    await forEachConcurrently(variants, evaluation.parallel, async (variant) => {
      signal?.throwIfAborted();
      const place = placeOf(this.#task.folder, variant);
      const { metrics, problem, seconds } = await evaluateModel(evaluation, place, signal);
      const status = problem === undefined ? 'evaluated' : 'failed';
      const { problem: _, ...before } = this.#log.row(variant.id)!;
      const told = problem === undefined ? {} : { problem };
      const judge = judgeOf(evaluation);
      const row: SweepRow = { ...before, status, metrics, ...told, evaluation_seconds: seconds, judge };
      await this.#record(row);
      this.#tellOfObjective([row]);
      await forgetRecord(place);
      await this.#tidy();
    });
  }

  /** Removes what evaluations have left that an earlier run noted but could not tidy up after. */
  async #forgetRecords(): Promise<void> {
    const judged = this.#task.variants.filter(({ id }) => isJudged(this.#log.row(id)));
    for (const variant of judged) await forgetRecord(placeOf(this.#task.folder, variant));
  }

  async #record(row: SweepRow): Promise<void> {
    await this.#log.append(row);
    this.#options.onRow?.(shownRow(row, this.#task.objective));
  }

  /** Warns once of an evaluation without the number that decides: soon, since the others will hardly have it. */
  #tellOfObjective(rows: readonly SweepRow[]): void {
    const { objective } = this.#task;
    const lacking = rows.find((row) => lacksObjective(row, objective));
    if (lacking === undefined || objective.metric === null || this.#hasTold) return;
    this.#hasTold = true;
    const { variant, metrics } = lacking;
    const found = Object.keys(metrics);
    const nearest = nearestName(objective.metric, found);
    const suggestion = nearest === undefined ? {} : { suggestion: nearest };
    const facts = { variant, metric: objective.metric, maximize: objective.maximize, found, ...suggestion };
    this.#options.onWarnings?.([warning('objective-missing', facts)]);
  }

  /** Removes the models of judged variants that are not to stay. */
  async #tidy(): Promise<void> {
    const { keep, variants, objective, folder } = this.#task;
    if (keep === 'all') return;
    const judged = variants.filter(({ id }) => isJudged(this.#log.row(id)));
    const rows = judged.map(({ id }) => this.#log.row(id)!);
    const best = keep === 'best' ? bestOf(rows, objective) : undefined;
    const owners = ownersOf(this.#log.rows);
    for (const variant of judged) {
      const stays = variant.id === best?.id && owners.get(variant.name) === variant.id;
      if (stays || this.#removed.has(variant.id)) continue;
      const model = modelFolder(folder, variant);
      await rm(model, { recursive: true, force: true }).catch((error: unknown) => {
        throw asWriteError(error, model);
      });
      this.#removed.add(variant.id);
    }
  }
}

function placeOf(folder: string, variant: SweepVariant): EvaluationPlace {
  const { name, id } = variant;
  const file = (kind: string): string => join(folder, `.${name}.${kind}.json`);
  return {
    model: modelFolder(folder, variant),
    variant: name,
    output: file(`${id}.metrics`),
    record: file(`${id}.evaluation`),
  };
}

function mergedRow(
  { name, id, settings, recipeText }: SweepVariant,
  inputs: string | undefined,
  result: MergeResult,
): SweepRow {
  return {
    variant: name,
    id,
    settings,
    recipe: recipeText,
    status: 'merged',
    metrics: {},
    ...geometryOf(result),
    evaluation_seconds: null,
    ...(inputs === undefined ? {} : { inputs }),
  };
}
