/** A planned tensor on its way through the workers: its units, its inputs, and the statistics concluded so far. */
import type { Method } from '../../kernels/method.js';
import type { Statistic, StatisticScope, UnitPosition } from '../../kernels/statistic.js';
import type { TensorMerge } from '../../kernels/unit.js';
import type { MergeJob, Plan, Source } from '../plan/plan.js';
import { layoutOf, mergeOf } from '../plan/tensor-merge.js';
import { countUnits, type UnitLayout } from '../plan/unit-layout.js';
import { randomKey } from './random-key.js';
import type { CombineTask, StoredVector, UnitInputs } from './task.js';

/** Finds the worker's file index of a plan's source. */
export type FileIndex = (source: Pick<Source, 'input' | 'file'>) => number;

export class ScheduledTensor {
  readonly job: MergeJob;
  readonly merge: TensorMerge;
  readonly units: number;
  readonly #plan: Plan;
  readonly #layout: UnitLayout;
  readonly #fileIndex: FileIndex;
  /** Where the tensor stands in the scope of each kind of statistic. */
  readonly #places: Readonly<Record<StatisticScope, { readonly tensor: number; readonly firstOrdinal: number }>>;
  readonly #concluded = new Map<Statistic, unknown>();
  /** The worker that last read each unit and may have kept it. */
  readonly workers: (number | undefined)[] = [];

  /** `index` counts merged tensors in plan order, `firstOrdinal` the units before this tensor. */
  constructor(plan: Plan, job: MergeJob, fileIndex: FileIndex, index: number, firstOrdinal: number) {
    this.job = job;
    this.#plan = plan;
    this.#fileIndex = fileIndex;
    this.#layout = layoutOf(plan, job);
    this.units = countUnits(this.#layout, job.elements);
    this.#places = { tensor: { tensor: 0, firstOrdinal: 0 }, model: { tensor: index, firstOrdinal } };
    const references = plan.inputs.filter(({ role }) => role === 'model').map(({ reference }) => reference);
    this.merge = mergeOf(plan, job, (model) => randomKey(plan.seed, 'mask', references[model]!, job.tensor));
  }

  statistics(method: Method): readonly Statistic[] {
    return method.statistics(this.merge.settings);
  }

  position(scope: StatisticScope, unit: number): UnitPosition {
    const { tensor, firstOrdinal } = this.#places[scope];
    return { tensor, ordinal: firstOrdinal + unit };
  }

  conclude(statistic: Statistic, value: unknown): void {
    this.#concluded.set(statistic, value);
  }

  /** What one unit reads and knows. */
  unitInputs(unit: number): UnitInputs {
    const { base, operands, elements, tensor } = this.job;
    const { unitElements } = this.#layout;
    const firstIndex = unit * unitElements;
    const known = [...this.#concluded].map(([statistic, value]) => {
      const position = this.position(statistic.scope, unit);
      return [statistic.name, statistic.valueForUnit(value, position, this.merge)] as const;
    });
    return {
      tensor,
      firstIndex,
      count: Math.min(unitElements, elements - firstIndex),
      base: base && this.#stored(base),
      operands: operands.map(({ source }) => this.#stored(source)),
      merge: this.merge,
      statistics: Object.fromEntries(known),
    };
  }

  combineTask(unit: number, report: boolean): CombineTask {
    const { target, outputDtype, tensor } = this.job;
    const { rounding, seed } = this.#plan;
    const output = { ...target, dtype: outputDtype, rounding, randomKey: randomKey(seed, 'rounding', '', tensor) };
    return { kind: 'combine', inputs: this.unitInputs(unit), output, report };
  }

  #stored(source: Source): StoredVector {
    return { file: this.#fileIndex(source), begin: source.begin, dtype: source.dtype };
  }
}
