/** Reads stored values as f32, a chunk at a time. */
import type { Kernels, Slot } from '../../kernels/abi.js';
import { bytesPerElement, type MergeableDtype } from '../checkpoint/dtype.js';
import { CHUNK_ELEMENTS } from '../plan/adapted-memory.js';
import { widen } from './convert.js';
import type { PositionedFiles } from './files.js';
import type { UnitMemory } from './unit-memory.js';

export interface ReadTools {
  readonly kernels: Kernels;
  readonly files: PositionedFiles;
  readonly memory: UnitMemory;
}

/** Where values are stored: input file, dtype, and the byte at which they begin. */
interface StoredValues {
  readonly file: number;
  readonly dtype: MergeableDtype;
  readonly begin: number;
}

/** Bytes of memory for the stored values of a chunk, whatever their dtype. */
export const STORED_CHUNK_BYTES = 8 * CHUNK_ELEMENTS;

/** Writes `count` values from `firstElement` on to `destination` as f32; `chunk` has room for STORED_CHUNK_BYTES. */
export function readWidened(
  { kernels, files, memory }: ReadTools,
  { file, dtype, begin }: StoredValues,
  chunk: Slot,
  firstElement: number,
  count: number,
  destination: Slot,
): void {
  const width = bytesPerElement(dtype);
  for (let done = 0; done < count; done += CHUNK_ELEMENTS) {
    const elements = Math.min(CHUNK_ELEMENTS, count - done);
    files.read(file, memory.bytes(chunk, width * elements), begin + width * (firstElement + done));
    widen(kernels, dtype, chunk, 0, destination + 4 * done, elements);
  }
}
