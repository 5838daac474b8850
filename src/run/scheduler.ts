/**
 * Carries plans out: for each tensor the passes of its statistics, then the pass that combines and writes. Tensors run
 * side by side; a statistic over the whole model is a barrier. Variants of one merge run together and share what they
 * read.
 */
import type { Statistic } from '../../kernels/statistic.js';
import { bytesPerElement } from '../checkpoint/dtype.js';
import { forEachConcurrently } from '../io/concurrency.js';
import type { CopyJob, Job } from '../plan/plan.js';
import { Gathering } from './gathering.js';
import { outcomeOf, type TensorOutcome } from './outcome.js';
import type { TaskRunner } from './pool.js';
import { draftTensors, groupByName, ScheduledTensor, type TensorDraft, type Variant } from './scheduled-tensor.js';
import { type ReportRequest, SharedReports } from './shared-reports.js';
import { SharedTensor } from './shared-tensor.js';
import { type GatheringOf, observeUnit } from './statistics-schedule.js';
import { COPY_UNIT_BYTES, type CopyTask, type WriteResult } from './task.js';

/** Work done since the last report. */
export interface Progress {
  readonly bytesRead: number;
  readonly bytesWritten: number;
  readonly tensorsDone: number;
}

export interface ScheduleOptions {
  /** Tensors in flight at once. */
  readonly concurrency: number;
  readonly onProgress: (progress: Progress) => void;
}

/** A variant to merge. */
export interface MergeVariant extends Variant {
  /** Asks for a report on every merged unit. */
  readonly report?: ReportRequest | undefined;
}

/** Runs all jobs of all variants on a pool. For each variant, outcomes in plan order. */
export async function runPlans(
  variants: readonly MergeVariant[],
  pool: TaskRunner,
  options: ScheduleOptions,
): Promise<TensorOutcome[][]> {
  return new Schedule(variants, pool, options).run();
}

class Schedule {
  readonly #variants: readonly MergeVariant[];
  readonly #pool: TaskRunner;
  readonly #options: ScheduleOptions;
  /** The merges of each tensor name, in name order. */
  readonly #drafts: ReadonlyMap<string, readonly TensorDraft[]>;
  /** What each variant has to gather over all of its tensors before it combines. */
  readonly #wholeModel: readonly (readonly Statistic[])[];
  readonly #barriers: number;
  /** Whether no other variant has a part in what is read. */
  readonly #isAlone: boolean;
  /** Tensors that are needed again behind a barrier, by name. */
  readonly #kept = new Map<string, readonly SharedTensor[]>();
  readonly #outcomes: readonly Map<string, TensorOutcome>[];

  constructor(variants: readonly MergeVariant[], pool: TaskRunner, options: ScheduleOptions) {
    this.#variants = variants;
    this.#pool = pool;
    this.#options = options;
    this.#outcomes = variants.map(() => new Map());
    this.#isAlone = variants.length === 1;
    const drafts = variants.map(draftTensors);
    this.#drafts = groupByName(drafts.flat());
    this.#wholeModel = drafts.map(([first]) => (first === undefined ? [] : new ScheduledTensor(first).wholeModel));
    this.#barriers = Math.max(...this.#wholeModel.map(({ length }) => length));
  }

  async run(): Promise<TensorOutcome[][]> {
    for (let barrier = 0; barrier < this.#barriers; barrier++) {
      const before = ({ stretches }: ScheduledTensor): readonly Statistic[] =>
        barrier < stretches.length - 1 ? stretches[barrier]! : [];
      await this.#forEachTensor((tensor) => this.#gatherOfTensor(tensor, before));
      await this.#gatherOfModel([...this.#kept.values()].flat(), barrier);
    }
    await this.#forEachTensor((tensor) =>
      this.#gatherOfTensor(tensor, ({ stretches }) => stretches.at(-1)!).then(() => this.#merge(tensor)),
    );
    await this.#forEach(this.#copies(), ([variant, job]) => this.#copy(variant, job));
    return this.#variants.map(({ plan, index }) => plan.jobs.map(({ tensor }) => this.#outcomes[index]!.get(tensor)!));
  }

  /** One after the other, the statistics that each variant gathers of the tensor alone, for all variants in step. */
  async #gatherOfTensor(
    tensor: SharedTensor,
    statisticsOf: (member: ScheduledTensor) => readonly Statistic[],
  ): Promise<void> {
    const lists = tensor.members.map(statisticsOf);
    const longest = Math.max(...lists.map(({ length }) => length));
    for (let next = 0; next < longest; next++) {
      const gatherings = new Map<ScheduledTensor, Gathering>();
      tensor.members.forEach((member, i) => {
        const statistic = lists[i]![next];
        if (statistic !== undefined) gatherings.set(member, new Gathering(statistic, [member], this.#isAlone));
      });
      await this.#gather([tensor], (member) => gatherings.get(member), true);
    }
  }

  /** The statistic over the whole model that each variant at a barrier waits for. */
  async #gatherOfModel(tensors: readonly SharedTensor[], barrier: number): Promise<void> {
    const members = tensors.flatMap((tensor) => tensor.members).sort((a, b) => a.index - b.index);
    const gatherings = this.#variants.map(({ index }) => {
      const statistic = this.#wholeModel[index]![barrier];
      return (
        statistic &&
        new Gathering(
          statistic,
          members.filter(({ variant }) => variant.index === index),
          this.#isAlone,
        )
      );
    });
    await this.#gather(tensors, ({ variant }) => gatherings[variant.index], false);
  }

  /** Passes over the tensors until every gathering has its value. */
  async #gather(tensors: readonly SharedTensor[], gatheringOf: GatheringOf, retain: boolean): Promise<void> {
    const gatherings = new Set(
      tensors.flatMap(({ members }) => members.flatMap((member) => gatheringOf(member) ?? [])),
    );
    for (;;) {
      const open = [...gatherings].filter(({ done }) => !done);
      if (open.length === 0) return;
      await this.#forEach(tensors, async (tensor) => {
        await Promise.all(
          unitsOf(tensor).map(async (unit) => {
            if (await observeUnit(this.#pool, tensor, unit, gatheringOf, retain)) this.#report(tensor, false);
          }),
        );
      });
      for (const gathering of open) gathering.endPass();
    }
  }

  async #merge(tensor: SharedTensor): Promise<void> {
    const { members } = tensor;
    const reports = new SharedReports(tensor, ({ variant }) => this.#variants[variant.index]!.report);
    const results = await Promise.all(
      unitsOf(tensor).map(async (unit) => {
        const actions = members.map((member, i) => member.combineAction(tensor.part(member, unit), reports.wishes[i]));
        const task = { kind: 'visit', inputs: tensor.inputs(unit), actions, retain: false } as const;
        const { result } = await this.#pool.run(task, tensor.workers[unit]);
        const written = result as readonly WriteResult[];
        const measured = written.map(({ report }) => report);
        reports.deliver(unit, measured);
        this.#report(tensor, true);
        return written;
      }),
    );
    members.forEach(({ job, variant }, i) => {
      const own = results.map((unit) => unit[i]!);
      this.#finish(variant, outcomeOf(job.tensor, job.operands.length, own));
    });
  }

  #copies(): readonly (readonly [Variant, CopyJob])[] {
    return this.#variants.flatMap((variant) => {
      const jobs = variant.plan.jobs.filter((job: Job): job is CopyJob => job.kind === 'copy');
      return jobs.map((job) => [variant, job] as const);
    });
  }

  async #copy(variant: Variant, job: CopyJob): Promise<void> {
    if (variant.firstOutput === undefined) return this.#finish(variant, outcomeOf(job.tensor, 0, []));
    const { source, target } = job;
    const files = { source: variant.fileIndex(source), target: variant.firstOutput + target.shard };
    const tasks: CopyTask[] = [];
    for (let done = 0; done < job.byteLength; done += COPY_UNIT_BYTES) {
      const byteLength = Math.min(COPY_UNIT_BYTES, job.byteLength - done);
      const ranges = { sourceBegin: source.begin + done, targetBegin: target.begin + done, byteLength };
      tasks.push({ kind: 'copy', ...files, ...ranges });
    }
    const results = await Promise.all(
      tasks.map(async (task) => {
        const { result } = await this.#pool.run(task);
        this.#options.onProgress({ bytesRead: task.byteLength, bytesWritten: task.byteLength, tensorsDone: 0 });
        return result[0] as WriteResult;
      }),
    );
    this.#finish(variant, outcomeOf(job.tensor, 0, results));
  }

  #finish({ index }: Variant, outcome: TensorOutcome): void {
    this.#outcomes[index]!.set(outcome.tensor, outcome);
    this.#options.onProgress({ bytesRead: 0, bytesWritten: 0, tensorsDone: 1 });
  }

  /** Names side by side, and what is read together of each name one after the other. */
  #forEachTensor(work: (tensor: SharedTensor) => Promise<void>): Promise<void> {
    return this.#forEach([...this.#drafts.keys()], async (name) => {
      for (const tensor of this.#tensorsOf(name)) await work(tensor);
    });
  }

  /** What is read together of a tensor. */
  #tensorsOf(name: string): readonly SharedTensor[] {
    const tensors = this.#kept.get(name) ?? SharedTensor.group(this.#drafts.get(name)!);
    if (this.#barriers > 0) this.#kept.set(name, tensors);
    return tensors;
  }

  #forEach<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
    return forEachConcurrently(items, this.#options.concurrency, work);
  }

  /** Counts one unit; the units of a tensor share its bytes evenly. */
  #report({ members, units, inputBytes }: SharedTensor, written: boolean): void {
    const bytes = members
      .filter(({ variant }) => variant.firstOutput !== undefined)
      .reduce((total, { job }) => total + job.elements * bytesPerElement(job.outputDtype), 0);
    this.#options.onProgress({
      bytesRead: inputBytes / units,
      bytesWritten: written ? bytes / units : 0,
      tensorsDone: 0,
    });
  }
}

const unitsOf = ({ units }: SharedTensor): number[] => Array.from({ length: units }, (_, unit) => unit);
