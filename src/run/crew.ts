/** Who does the work of a run: worker threads, the thread that asks, or both. */
import { availableParallelism } from 'node:os';
import type { PreparedMerge } from '../plan/plan.js';
import { hasLongTasks, isSmallRun } from '../plan/small-run.js';
import { UNIT_ELEMENTS } from '../plan/unit-layout.js';

export interface Crew {
  readonly workers: number;
  /** Whether the calling thread does tasks too. */
  readonly caller: boolean;
}

/** What decides who works, besides the plans. */
export interface CrewWish {
  /** Threads that work; by default one for each core, and no worker for a small run. */
  readonly threads?: number | undefined;
  readonly kernels?: 'simd' | 'reference';
  /**
   * Whether the calling thread may be one of them, which saves starting one. For a program that has nothing else to do: its
   * event loop then turns between tasks of some milliseconds.
   */
  readonly callerHelps?: boolean;
}

/** What keeps the calling thread from working. */
export interface CrewDuties {
  /** Matrices are decomposed besides what the methods do, in tasks that take seconds. */
  readonly decomposes: boolean;
  /** There is more to do than to hand out tasks: measurements to add up, downloads to look after. */
  readonly isBusy: boolean;
}

/** Threads with which the calling one still has the time for tasks of its own. */
const MOST_WITH_CALLER = 4;

/** No worker for a small run unless threads are asked for, else no more threads than there are units of work. */
export function crewFor(merges: readonly PreparedMerge[], duties: CrewDuties, wish: CrewWish): Crew {
  const { threads, kernels, callerHelps = false } = wish;
  // The reference kernels take some twenty times as long.
  const isFast = kernels !== 'reference' && !duties.decomposes;
  if (isFast && isSmallRun(merges, threads)) return { workers: 0, caller: true };
  const useful = Math.max(1, Math.min(threads ?? availableParallelism(), unitsOf(merges)));
  const mayHelp = callerHelps && isFast && !duties.isBusy && !merges.some(({ plan }) => hasLongTasks(plan));
  const caller = mayHelp && useful <= MOST_WITH_CALLER;
  return { workers: caller ? useful - 1 : useful, caller };
}

export const threadsOf = ({ workers, caller }: Crew): number => workers + (caller ? 1 : 0);

/** Whether the calling thread may turn out to be the only one that works, whatever the size of the run. */
export function worksAlone({ threads, callerHelps = false }: CrewWish): boolean {
  return callerHelps && (threads ?? availableParallelism()) === 1;
}

function unitsOf(merges: readonly PreparedMerge[]): number {
  const jobs = merges.flatMap(({ plan }) => plan.jobs);
  const elements = jobs.reduce((sum, job) => sum + (job.kind === 'merge' ? job.elements : job.byteLength), 0);
  return Math.ceil(elements / UNIT_ELEMENTS);
}
