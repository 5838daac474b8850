/** One variant's merge of a planned tensor on its way through the workers, with the statistics concluded so far. */
import { findMethod } from '../../kernels/methods/registry.js';
import type { Statistic, StatisticScope, UnitPosition } from '../../kernels/statistic.js';
import type { TensorMerge } from '../../kernels/unit.js';
import type { MergeJob } from '../plan/plan.js';
import { mergeOf } from '../plan/tensor-merge.js';
import { countUnits, type UnitLayout } from '../plan/unit-layout.js';
import { randomKey } from './random-key.js';
import { type SourceFinder, storedVector } from './stored-sources.js';
import type { StoredVector } from './stored-vector.js';
import type { CombineAction, ReportWish, UnitPart } from './task.js';

/** A plan that takes part in a run. */
export interface Variant extends SourceFinder {
  /** Index of the variant among those that run together. */
  readonly index: number;
  /** The worker's index of the variant's first output file; undefined when nothing is written. */
  readonly firstOutput: number | undefined;
  /** How its tensors are cut. */
  readonly layOut: (job: MergeJob) => UnitLayout;
}

/** What a `ScheduledTensor` is made of. Tensors are many, and as long as nobody works on one it is no more than this. */
export interface TensorDraft {
  readonly variant: Variant;
  readonly job: MergeJob;
  /** Counts the merged tensors of the variant in plan order. */
  readonly index: number;
  /** Units of the tensors before this one. */
  readonly firstOrdinal: number;
  readonly units: number;
}

export class ScheduledTensor {
  readonly variant: Variant;
  readonly job: MergeJob;
  /** See `TensorDraft`. */
  readonly index: number;
  readonly merge: TensorMerge;
  readonly layout: UnitLayout;
  readonly units: number;
  readonly base: StoredVector | undefined;
  /** Those of `merge`, then those that only reports look at. */
  readonly operands: readonly StoredVector[];
  /** The models of the latter. */
  readonly onlyMeasured: readonly number[];
  /** Whether the operands but the first are wanted as differences to it. */
  readonly anchored: boolean;
  /**
   * What its method has to know of the tensor, which its own settings decide: the statistics gathered before the first one
   * over the whole model, between that and the second, and so on; the last are those after all of them.
   */
  readonly stretches: readonly (readonly Statistic[])[];
  /** The statistics over the whole model between the stretches: those of all tensors alike. */
  readonly wholeModel: readonly Statistic[];
  readonly #firstOrdinal: number;
  readonly #roundingKey: readonly [number, number];
  readonly #concluded = new Map<Statistic, unknown>();

  constructor({ variant, job, index, firstOrdinal, units }: TensorDraft) {
    const { plan } = variant;
    this.variant = variant;
    this.job = job;
    this.layout = variant.layOut(job);
    this.units = units;
    this.index = index;
    this.#firstOrdinal = firstOrdinal;
    const references = plan.inputs.filter(({ role }) => role === 'model').map(({ reference }) => reference);
    this.merge = mergeOf(plan, job, (model) => randomKey(plan.seed, 'mask', references[model]!, job.tensor));
    this.#roundingKey =
      plan.rounding === 'stochastic' ? randomKey(plan.seed, 'rounding', textOfModels(plan), job.tensor) : UNUSED_KEY;
    this.base = job.base && storedVector(variant, job, job.base);
    const method = findMethod(plan.method)!;
    this.anchored = this.base === undefined && method.anchored === true;
    const statistics = method.statistics(this.merge.settings);
    this.stretches = partAtWholeModel(statistics);
    this.wholeModel = statistics.filter(isOfWholeModel);
    this.operands = job.operands.map(({ source }) => storedVector(variant, job, source));
    this.onlyMeasured = job.operands.flatMap(({ model, isOnlyMeasured }) => (isOnlyMeasured ? [model] : []));
  }

  /** Where a unit stands in the scope of a statistic. */
  position(scope: StatisticScope, unit: number): UnitPosition {
    if (scope === 'tensor') return { tensor: 0, ordinal: unit };
    return { tensor: this.index, ordinal: this.#firstOrdinal + unit };
  }

  conclude(statistic: Statistic, value: unknown): void {
    this.#concluded.set(statistic, value);
  }

  /** What the variant knows of one unit; `operands` are the indices of its operands among what is read. */
  part(unit: number, operands: readonly number[]): UnitPart {
    const known = [...this.#concluded].map(([statistic, value]) => {
      const position = this.position(statistic.scope, unit);
      return [statistic.name, statistic.valueForUnit(value, position, this.merge)] as const;
    });
    const { merge, onlyMeasured } = this;
    return { variant: this.variant.index, merge, operands, onlyMeasured, statistics: Object.fromEntries(known) };
  }

  combineAction(part: UnitPart, report: ReportWish | undefined): CombineAction {
    const { target, outputDtype } = this.job;
    const { plan, firstOutput } = this.variant;
    const output = {
      file: firstOutput === undefined ? undefined : firstOutput + target.shard,
      begin: target.begin,
      dtype: outputDtype,
      rounding: plan.rounding,
      randomKey: this.#roundingKey,
    };
    return { kind: 'combine', part, output, report };
  }
}

/** Of rounding to the nearest, which draws nothing. */
const UNUSED_KEY = [0, 0] as const;

/** Merges of other models round by other numbers: one of merges that were rounded alike would be off to one side. */
const textOfModels = ({ inputs }: Variant['plan']): string =>
  JSON.stringify(inputs.map(({ role, reference }) => [role, reference]));

const isOfWholeModel = ({ scope }: Statistic): boolean => scope === 'model';

function partAtWholeModel(statistics: readonly Statistic[]): readonly (readonly Statistic[])[] {
  const stretches: Statistic[][] = [[]];
  for (const statistic of statistics) {
    if (isOfWholeModel(statistic)) stretches.push([]);
    else stretches.at(-1)!.push(statistic);
  }
  return stretches;
}

/** The merge jobs of a variant, in name order. */
export function draftTensors(variant: Variant): TensorDraft[] {
  const { plan } = variant;
  const jobs = plan.jobs.filter((job): job is MergeJob => job.kind === 'merge');
  let firstOrdinal = 0;
  return jobs.map((job, index) => {
    const units = countUnits(variant.layOut(job), job.elements);
    const draft = { variant, job, index, firstOrdinal, units };
    firstOrdinal += units;
    return draft;
  });
}

/** By tensor name, in the order in which names come first. */
export function groupByName(drafts: readonly TensorDraft[]): ReadonlyMap<string, readonly TensorDraft[]> {
  const groups = new Map<string, TensorDraft[]>();
  for (const draft of drafts) {
    const group = groups.get(draft.job.tensor);
    if (group === undefined) groups.set(draft.job.tensor, [draft]);
    else group.push(draft);
  }
  return groups;
}
