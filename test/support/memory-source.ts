/** Bytes in memory as a byte source, which counts what is read. */
import type { ByteSource } from '../../src/io/source.js';

export class MemorySource implements ByteSource {
  readonly name: string;
  readonly byteLength: number;
  readonly #bytes: Uint8Array;
  bytesRead = 0;

  constructor(bytes: Uint8Array, name = 'memory.safetensors') {
    this.name = name;
    this.byteLength = bytes.byteLength;
    this.#bytes = bytes;
  }

  async read(begin: number, end: number, target: Uint8Array): Promise<void> {
    if (begin < 0 || end > this.byteLength) throw new RangeError(`[${begin}, ${end}) of ${this.byteLength} bytes`);
    target.set(this.#bytes.subarray(begin, end));
    this.bytesRead += end - begin;
  }

  async close(): Promise<void> {}
}
