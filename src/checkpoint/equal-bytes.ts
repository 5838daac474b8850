/** Tensors that are no numbers to calculate with, compared as what they are: bytes. */
import { isM2MergeError } from '../errors.js';
import { openFileSource } from '../io/file.js';
import type { Checkpoint, TensorLocation } from './checkpoint.js';

/** Bytes of each tensor read at once. */
const CHUNK_BYTES = 1_048_576;

/** A tensor in the file that it lies in. */
export interface PlacedTensor {
  readonly path: string;
  readonly begin: number;
  readonly end: number;
}

export function placedIn({ files }: Checkpoint, { file, begin, end }: TensorLocation): PlacedTensor {
  return { path: files[file]!.path, begin, end };
}

/**
 * Whether two tensors of equally many bytes hold the same; undefined where a file is not on this machine, as one on the
 * Hub that was streamed. Throws `read-short` and `file-unreadable`.
 */
export async function holdSameBytes(a: PlacedTensor, b: PlacedTensor): Promise<boolean | undefined> {
  const sources = await Promise.all([a, b].map(({ path }) => openFileSource(path).catch(undefinedIfMissing)));
  const [first, second] = sources;
  try {
    if (first === undefined || second === undefined) return undefined;
    const buffers = [new Uint8Array(CHUNK_BYTES), new Uint8Array(CHUNK_BYTES)] as const;
    const length = a.end - a.begin;
    for (let done = 0; done < length; done += CHUNK_BYTES) {
      const count = Math.min(CHUNK_BYTES, length - done);
      await first.read(a.begin + done, a.begin + done + count, buffers[0]);
      await second.read(b.begin + done, b.begin + done + count, buffers[1]);
      if (Buffer.compare(buffers[0].subarray(0, count), buffers[1].subarray(0, count)) !== 0) return false;
    }
    return true;
  } finally {
    await Promise.all(sources.map((source) => source?.close()));
  }
}

function undefinedIfMissing(error: unknown): undefined {
  if (!isM2MergeError(error, 'file-missing')) throw error;
}
