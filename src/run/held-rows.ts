/**
 * Matrices on the Hub whose rows are read in another order than they are stored in: units read them here and there, so
 * they are fetched before anything is merged, and stay behind the spool's own room until the run ends.
 */
import type { RemoteFile } from '../hub/range.js';
import { bringRanges, type PlacedRange } from '../hub/range-file.js';
import { type HeldRange, heldRanges, joined } from '../plan/held-ranges.js';
import type { HeldPlaces, SourceFinder } from './stored-sources.js';

type Files = ReadonlyMap<number, RemoteFile>;

export class HeldRows {
  readonly #files: Files;
  readonly #ranges: readonly (HeldRange & PlacedRange)[];

  /** What finders read of `files`, by number, in rows of another order; it goes behind byte `offset` of a file. */
  constructor(finders: readonly SourceFinder[], files: Files, offset: number) {
    let place = offset;
    this.#files = files;
    this.#ranges = findRanges(finders, files).map((range) => {
      const placed = { ...range, place };
      place += range.end - range.begin;
      return placed;
    });
  }

  get bytes(): number {
    return this.#ranges.reduce((total, { begin, end }) => total + end - begin, 0);
  }

  /** Fetches all of them into the file at `path`, which exists. Throws as `bringRanges`. */
  bring(path: string): Promise<void> {
    return bringRanges(path, this.#ranges, this.#files);
  }

  /** Where tensors would begin in the file, which has this number, if all of each were there. */
  places(number: number): HeldPlaces {
    return new Map(
      this.#ranges.map(({ file, tensor, begin, place }) => {
        return [`${file} ${tensor}`, { file: number, begin: place - (begin - tensor) }];
      }),
    );
  }
}

/** Numbers of files stand for those of inputs, as the finders number them. */
function findRanges(finders: readonly SourceFinder[], files: Files): readonly HeldRange[] {
  const ranges = finders.flatMap((finder) =>
    heldRanges(finder).map((range) => ({ ...range, input: 0, file: finder.fileIndex(range) })),
  );
  return joined(ranges.filter(({ file }) => files.has(file)));
}
