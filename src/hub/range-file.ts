/** Ranges of files on the Hub, written to places of a file on this machine. */
import { open } from 'node:fs/promises';
import { forEachConcurrently } from '../io/concurrency.js';
import { asWriteError } from '../io/write-error.js';
import { BatchedWriter } from './batched-writer.js';
import type { RemoteFile } from './range.js';
import { CONNECTIONS } from './spool.js';

/** Bytes asked for by one request. */
const PIECE_BYTES = 64 * 1024 * 1024;

/** Bytes [begin, end) of a file, and where they go. */
export interface PlacedRange {
  readonly file: number;
  readonly begin: number;
  readonly end: number;
  readonly place: number;
}

/** Fetches ranges of `files`, by number, into a file that exists. Throws `disk-full`, `output-unwritable` and what transfers throw. */
export async function bringRanges(
  path: string,
  ranges: readonly PlacedRange[],
  files: ReadonlyMap<number, RemoteFile>,
): Promise<void> {
  const handle = await open(path, 'r+');
  try {
    await forEachConcurrently(ranges.flatMap(piecesOf), CONNECTIONS, async ({ file, begin, end, place }) => {
      const writer = new BatchedWriter(handle);
      const sink = (chunk: Uint8Array, position: number) => writer.write(chunk, place + position - begin);
      await files.get(file)!.transfer(begin, end, sink);
      await writer.flush();
    });
  } catch (error) {
    throw asWriteError(error, path);
  } finally {
    await handle.close();
  }
}

function piecesOf({ file, begin, end, place }: PlacedRange): PlacedRange[] {
  return Array.from({ length: Math.ceil((end - begin) / PIECE_BYTES) }, (_, piece) => {
    const done = piece * PIECE_BYTES;
    return { file, begin: begin + done, end: Math.min(end, begin + done + PIECE_BYTES), place: place + done };
  });
}
