/** What is read of matrices that are not read once from the first element to the last: of rows in another order, or twice. */
import { bytesPerElement } from '../checkpoint/dtype.js';
import type { PreparedMerge, Source } from './plan.js';
import { rowsOfPart } from './row-maps.js';
import { readsRowsAnew, sourcesOf } from './sources.js';

/** Bytes [begin, end) of a file, in the tensor that begins at byte `tensor`. */
export interface HeldRange {
  readonly input: number;
  readonly file: number;
  readonly tensor: number;
  readonly begin: number;
  readonly end: number;
}

/** For each such matrix, the range in which all rows lie that some source takes. */
export function heldRanges({ plan, rowRuns }: Pick<PreparedMerge, 'plan' | 'rowRuns'>): readonly HeldRange[] {
  const ranges: HeldRange[] = [];
  for (const job of plan.jobs) {
    if (job.kind === 'copy') continue;
    const [, columns = 1] = job.shape;
    for (const source of sourcesOf(job)) {
      const { rows } = source;
      if (readsRowsAnew(source)) ranges.push(wholeRange(source, job.elements));
      rows?.parts.forEach(({ input, file, begin: tensor, dtype }, part) => {
        const read = rowsOfPart(rowRuns[rows.map]!, part);
        if (read === undefined) return;
        const rowBytes = columns * bytesPerElement(dtype);
        const [begin, end] = [tensor + read.first * rowBytes, tensor + read.end * rowBytes];
        ranges.push({ input, file, tensor, begin, end });
      });
    }
  }
  return joined(ranges);
}

function wholeRange({ input, file, begin, dtype }: Source, elements: number): HeldRange {
  return { input, file, tensor: begin, begin, end: begin + elements * bytesPerElement(dtype) };
}

/** Ranges of one tensor as one. */
export function joined(ranges: readonly HeldRange[]): readonly HeldRange[] {
  const byTensor = new Map<string, HeldRange>();
  for (const range of ranges) {
    const key = `${range.input} ${range.file} ${range.tensor}`;
    const known = byTensor.get(key) ?? range;
    const [begin, end] = [Math.min(known.begin, range.begin), Math.max(known.end, range.end)];
    byTensor.set(key, { ...known, begin, end });
  }
  return [...byTensor.values()];
}
