/**
 * Carries a plan out: for each tensor the passes of its statistics, then the pass that combines and writes. Tensors
 * run side by side; a statistic over the whole model is a barrier.
 */
import type { Method } from '../../kernels/method.js';
import { findMethod } from '../../kernels/methods/registry.js';
import type { Statistic, UnitPosition } from '../../kernels/statistic.js';
import { bytesPerElement } from '../checkpoint/dtype.js';
import { inputBytes } from '../plan/costs.js';
import type { CopyJob, MergeJob, Plan } from '../plan/plan.js';
import { forEachConcurrently } from './concurrency.js';
import type { WorkerPool } from './pool.js';
import { type FileIndex, ScheduledTensor } from './scheduled-tensor.js';
import { COPY_UNIT_BYTES, type CopyTask, type Retention, type UnitReport, type WriteResult } from './task.js';

/** Work done since the last report. */
export interface Progress {
  readonly bytesRead: number;
  readonly bytesWritten: number;
  readonly tensorsDone: number;
}

/** What writing one tensor showed. */
export interface TensorOutcome {
  readonly tensor: string;
  /** xxHash64 of each written unit, in order. */
  readonly checksums: readonly string[];
  /** NaN and infinite values read from the base, from each operand, and written. */
  readonly nonFinite: WriteResult['nonFinite'];
}

export interface ScheduleOptions {
  /** Tensors in flight at once. */
  readonly concurrency: number;
  /** Bytes of inputs that all workers together can keep from one pass to the next. */
  readonly retainedBytes: number;
  readonly fileIndex: FileIndex;
  readonly onProgress: (progress: Progress) => void;
  /** Asks for a report on every merged unit; called once for each, in no particular order. */
  readonly onReport?: ((tensor: string, unit: number, report: UnitReport) => void) | undefined;
}

/** Runs all jobs of a plan on a pool. Outcomes are in plan order. */
export async function runPlan(plan: Plan, pool: WorkerPool, options: ScheduleOptions): Promise<TensorOutcome[]> {
  return new Schedule(plan, pool, options).run();
}

class Schedule {
  readonly #plan: Plan;
  readonly #method: Method;
  readonly #pool: WorkerPool;
  readonly #options: ScheduleOptions;
  readonly #tensors: ReadonlyMap<string, ScheduledTensor>;
  readonly #outcomes = new Map<string, TensorOutcome>();

  constructor(plan: Plan, pool: WorkerPool, options: ScheduleOptions) {
    this.#plan = plan;
    this.#method = findMethod(plan.method)!;
    this.#pool = pool;
    this.#options = options;
    let firstOrdinal = 0;
    const mergeJobs = plan.jobs.filter((job): job is MergeJob => job.kind === 'merge');
    this.#tensors = new Map(
      mergeJobs.map((job, index) => {
        const tensor = new ScheduledTensor(plan, job, options.fileIndex, index, firstOrdinal);
        firstOrdinal += tensor.units;
        return [job.tensor, tensor] as const;
      }),
    );
  }

  async run(): Promise<TensorOutcome[]> {
    const tensors = [...this.#tensors.values()];
    const statistics = tensors[0]?.statistics(this.#method) ?? [];
    let next = 0;
    for (const [index, statistic] of statistics.entries()) {
      if (statistic.scope !== 'model') continue;
      const before = statistics.slice(next, index);
      await this.#forEach(tensors, (tensor) => this.#gatherAll(before, tensor));
      const value = await this.#gather(statistic, tensors);
      for (const tensor of tensors) tensor.conclude(statistic, value);
      next = index + 1;
    }
    const remaining = statistics.slice(next);
    await this.#forEach(this.#plan.jobs, async (job) => {
      const outcome =
        job.kind === 'copy' ? await this.#copy(job) : await this.#merge(this.#tensors.get(job.tensor)!, remaining);
      this.#outcomes.set(job.tensor, outcome);
      this.#options.onProgress({ bytesRead: 0, bytesWritten: 0, tensorsDone: 1 });
    });
    return this.#plan.jobs.map(({ tensor }) => this.#outcomes.get(tensor)!);
  }

  async #merge(tensor: ScheduledTensor, statistics: readonly Statistic[]): Promise<TensorOutcome> {
    await this.#gatherAll(statistics, tensor);
    const results = await Promise.all(
      unitsOf(tensor).map(async (unit) => {
        const { result } = await this.#pool.run(
          tensor.combineTask(unit, this.#options.onReport !== undefined),
          tensor.workers[unit],
        );
        if (result.report !== undefined) this.#options.onReport?.(tensor.job.tensor, unit, result.report);
        this.#report(tensor, 1);
        return result;
      }),
    );
    return outcomeOf(tensor.job.tensor, tensor.job.operands.length, results);
  }

  async #copy(job: CopyJob): Promise<TensorOutcome> {
    const tasks: CopyTask[] = [];
    for (let done = 0; done < job.byteLength; done += COPY_UNIT_BYTES) {
      const byteLength = Math.min(COPY_UNIT_BYTES, job.byteLength - done);
      const { source, target } = job;
      const file = this.#options.fileIndex(source);
      tasks.push({
        kind: 'copy',
        file,
        shard: target.shard,
        source: source.begin + done,
        target: target.begin + done,
        byteLength,
      });
    }
    const results = await Promise.all(
      tasks.map(async (task) => {
        const { result } = await this.#pool.run(task);
        this.#options.onProgress({ bytesRead: task.byteLength, bytesWritten: task.byteLength, tensorsDone: 0 });
        return result;
      }),
    );
    return outcomeOf(job.tensor, 0, results);
  }

  async #gatherAll(statistics: readonly Statistic[], tensor: ScheduledTensor): Promise<void> {
    for (const statistic of statistics) tensor.conclude(statistic, await this.#gather(statistic, [tensor]));
  }

  /** Runs the passes of one statistic over one tensor or over all. */
  async #gather(statistic: Statistic, tensors: readonly ScheduledTensor[]): Promise<unknown> {
    const elements = tensors.reduce((total, tensor) => total + tensor.job.elements, 0);
    const collector = statistic.collector({ tensors: tensors.map(({ merge }) => merge), elements });
    let request: unknown = null;
    let visits = (_position: UnitPosition): boolean => true;
    for (;;) {
      await this.#forEach(tensors, async (tensor) => {
        const units = unitsOf(tensor).filter((unit) => visits(tensor.position(statistic.scope, unit)));
        await Promise.all(
          units.map(async (unit) => {
            const partial = await this.#observe(statistic, request, tensor, unit);
            collector.add(tensor.position(statistic.scope, unit), partial);
            this.#report(tensor, 0);
          }),
        );
      });
      const outcome = collector.conclude();
      if ('value' in outcome) return outcome.value;
      request = outcome.request;
      visits = outcome.visits ?? (() => true);
    }
  }

  async #observe(statistic: Statistic, request: unknown, tensor: ScheduledTensor, unit: number): Promise<unknown> {
    const retain = this.#retention(statistic, tensor);
    const inputs = tensor.unitInputs(unit);
    const task = { kind: 'observe', inputs, statistic: statistic.name, request, retain } as const;
    const { result, worker } = await this.#pool.run(task, tensor.workers[unit]);
    if (retain !== 'nothing') tensor.workers[unit] = worker;
    return result.partial;
  }

  /** A tensor that workers cannot hold would push out its own first units before they are needed again. */
  #retention({ scope }: Statistic, { job }: ScheduledTensor): Retention {
    if (scope === 'model') return 'nothing';
    return inputBytes(job) <= this.#options.retainedBytes ? 'inputs' : 'derived';
  }

  #forEach<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
    return forEachConcurrently(items, this.#options.concurrency, work);
  }

  /** Counts one unit; the units of a tensor share its bytes evenly. */
  #report({ job, units }: ScheduledTensor, written: 0 | 1): void {
    const bytesWritten = (written * (job.elements * bytesPerElement(job.outputDtype))) / units;
    this.#options.onProgress({ bytesRead: inputBytes(job) / units, bytesWritten, tensorsDone: 0 });
  }
}

const unitsOf = ({ units }: ScheduledTensor): number[] => Array.from({ length: units }, (_, unit) => unit);

function outcomeOf(tensor: string, operands: number, results: readonly WriteResult[]): TensorOutcome {
  const sum = (read: (nonFinite: WriteResult['nonFinite']) => number) =>
    results.reduce((total, { nonFinite }) => total + read(nonFinite), 0);
  return {
    tensor,
    checksums: results.map(({ checksum }) => checksum),
    nonFinite: {
      base: sum(({ base }) => base),
      operands: Array.from({ length: operands }, (_, i) => sum(({ operands }) => operands[i] ?? 0)),
      output: sum(({ output }) => output),
    },
  };
}
