/** Writes the small chunks of a transfer in larger parts: fewer calls, and few bytes waiting. */
import type { FileHandle } from 'node:fs/promises';

/** Bytes collected before they are written. */
const BATCH_BYTES = 1024 * 1024;

export class BatchedWriter {
  readonly #handle: FileHandle;
  #chunks: Uint8Array[] = [];
  #begin = 0;
  #length = 0;

  constructor(handle: FileHandle) {
    this.#handle = handle;
  }

  /** Takes bytes for `position`, which follow those before. The chunk must not change any more. */
  async write(chunk: Uint8Array, position: number): Promise<void> {
    if (this.#length === 0) this.#begin = position;
    this.#chunks.push(chunk);
    this.#length += chunk.length;
    if (this.#length >= BATCH_BYTES) await this.flush();
  }

  async flush(): Promise<void> {
    const [chunks, begin] = [this.#chunks, this.#begin];
    this.#chunks = [];
    this.#length = 0;
    if (chunks.length > 0) await writeAll(this.#handle, chunks, begin);
  }
}

async function writeAll(handle: FileHandle, chunks: readonly Uint8Array[], position: number): Promise<void> {
  const length = chunks.reduce((total, chunk) => total + chunk.length, 0);
  const { bytesWritten } = await handle.writev(chunks, position);
  if (bytesWritten === length) return;
  await writeAll(handle, [Buffer.concat(chunks).subarray(bytesWritten)], position + bytesWritten);
}
