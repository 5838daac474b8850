/** The sources of a job, as everything needs them that counts or fetches what is read. */
import type { MergeJob, Source } from './plan.js';

/** The base's, where there is one, and those of the operands. */
export function sourcesOf({ base, operands }: MergeJob): readonly Source[] {
  const own = operands.map(({ source }) => source);
  return base === undefined ? own : [base, ...own];
}

/** What is read of files for a job: where rows come from several places, those. */
export function placesRead(job: MergeJob): readonly Omit<Source, 'rows'>[] {
  return sourcesOf(job).flatMap(placesOf);
}

/** What is read of files for a source. */
export function placesOf(source: Source): readonly Omit<Source, 'rows'>[] {
  return source.rows === undefined ? [source] : source.rows.parts;
}

/** Whether rows that tiles cut are read as a whole for each of the two, since their norms decide (DoRA). */
export function readsRowsAnew({ lowRank }: { readonly lowRank?: { readonly magnitudes?: object } }): boolean {
  return lowRank?.magnitudes !== undefined;
}
