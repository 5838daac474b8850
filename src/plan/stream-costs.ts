/** What streaming costs when a method looks at the models more than once. */
import { findMethod } from '../../kernels/methods/registry.js';
import { bytesPerElement } from '../checkpoint/dtype.js';
import { type Warning, warning } from '../warnings.js';
import { heldRanges, joined } from './held-ranges.js';
import type { Job, PreparedMerge } from './plan.js';
import { readsRowsAnew } from './sources.js';

/** Bytes of the spool unless the user says otherwise. */
export const DEFAULT_SPOOL_BYTES = 4_000_000_000;

/** Bytes that streaming fetches. */
export interface StreamCost {
  readonly method: string;
  /** Bytes of what is read of the Hub. */
  readonly once: number;
  /** Bytes fetched, which are more when passes do not find them in the spool any more. */
  readonly fetched: number;
  /** Bytes of matrices that are not read once in their own order, which take room beside the spool. */
  readonly held: number;
}

/** What it costs to fetch a merge's inputs through a spool of so many bytes. */
export function streamCost(
  { plan, hubFiles, paths, rowRuns }: Pick<PreparedMerge, 'plan' | 'hubFiles' | 'paths' | 'rowRuns'>,
  spoolBytes: number = DEFAULT_SPOOL_BYTES,
): StreamCost {
  const method = findMethod(plan.method)!;
  const jobs = plan.jobs.map((job) => ({ job, bytes: hubBytes(job, hubFiles) }));
  const once = jobs.reduce((total, { bytes }) => total + bytes, 0);
  let fetched = 0;
  for (const { job, bytes } of jobs) {
    const statistics = job.kind === 'copy' ? [] : method.statistics(plan.settings[job.settings]!);
    // What fits into the spool stays there from pass to pass.
    const repeated = statistics.filter(({ scope }) => (scope === 'model' ? once : bytes) > spoolBytes);
    fetched += bytes * repeated.reduce((passes, { typicalPasses }) => passes + typicalPasses, 1);
  }
  // Several adapters of one model are inputs of their own, and read the same file.
  const files = paths.flat();
  const held = joined(
    heldRanges({ plan, rowRuns })
      .filter(({ input, file }) => hubFiles[input]![file] !== undefined)
      .map((range) => ({ ...range, input: 0, file: files.indexOf(paths[range.input]![range.file]!) })),
  ).reduce((total, { begin, end }) => total + end - begin, 0);
  return { method: plan.method, once: once + held, fetched: fetched + held, held };
}

/** Warns when bytes are fetched more than once, or kept beside the spool. */
export function streamWarnings({ method, once, fetched, held }: StreamCost): Warning[] {
  return [
    ...(fetched > once ? [warning('stream-passes', { method, once, fetched })] : []),
    ...(held > 0 ? [warning('stream-held', { bytes: held })] : []),
  ];
}

/** Bytes of a job's inputs that are on the Hub. */
function hubBytes(job: Job, hubFiles: PreparedMerge['hubFiles']): number {
  const isOnHub = (input: number, file: number): boolean => hubFiles[input]![file] !== undefined;
  if (job.kind === 'copy') return isOnHub(job.source.input, job.source.file) ? job.byteLength : 0;
  const sources = [...(job.base === undefined ? [] : [job.base]), ...job.operands.map(({ source }) => source)];
  return sources
    .filter((source) => isOnHub(source.input, source.file) && source.rows === undefined && !readsRowsAnew(source))
    .reduce((total, { dtype }) => total + job.elements * bytesPerElement(dtype), 0);
}
