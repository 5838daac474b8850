/**
 * What a run will read of files on the Hub, cut into segments that are fetched with one request each: neighbouring
 * ranges together, in the order in which the run comes to them, and no byte that it does not read.
 */

/** Bytes of a segment, unless a single range is longer: enough for requests not to show, little enough to wait for. */
const SEGMENT_BYTES = 8 * 1024 * 1024;

/** A range of a file, by the file's number in the run. Ranges are asked for as they were announced. */
export interface SpoolRange {
  readonly file: number;
  readonly begin: number;
  readonly end: number;
}

export interface Segment {
  readonly file: number;
  readonly begin: number;
  readonly end: number;
  /** Position in the order of need. */
  readonly order: number;
  /** Ranges in it that one pass reads. */
  readonly ranges: number;
}

export class SegmentTable {
  readonly segments: readonly Segment[];
  readonly #byRange: ReadonlyMap<string, Segment>;

  /** `ranges` in the order of need; repeated ones count once. */
  constructor(ranges: Iterable<SpoolRange>, segmentBytes: number = SEGMENT_BYTES) {
    const segments: (Segment & { end: number; ranges: number })[] = [];
    const last = new Map<number, Segment & { end: number; ranges: number }>();
    const byRange = new Map<string, Segment>();
    for (const { file, begin, end } of ranges) {
      const key = keyOf({ file, begin, end });
      if (byRange.has(key)) continue;
      let segment = last.get(file);
      if (segment === undefined || segment.end !== begin || end - segment.begin > segmentBytes) {
        segment = { file, begin, end, order: segments.length, ranges: 0 };
        segments.push(segment);
        last.set(file, segment);
      }
      segment.end = end;
      segment.ranges++;
      byRange.set(key, segment);
    }
    this.segments = segments;
    this.#byRange = byRange;
  }

  /** Bytes of all segments. */
  get bytes(): number {
    return this.segments.reduce((total, { begin, end }) => total + end - begin, 0);
  }

  /** The segment that holds an announced range. */
  find(range: SpoolRange): Segment {
    const segment = this.#byRange.get(keyOf(range));
    if (segment === undefined) throw new RangeError(`range ${keyOf(range)} was not announced`);
    return segment;
  }
}

export const keyOf = ({ file, begin, end }: SpoolRange): string => `${file} ${begin} ${end}`;
