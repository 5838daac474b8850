/** Fetches the missing pieces of several blobs over a fixed number of connections, in order of files and pieces. */
import type { PartialBlob, Piece } from './partial-blob.js';
import type { RemoteFile } from './range.js';
import type { HubFile } from './repository.js';

export interface PieceFetching {
  open(file: HubFile): Promise<PartialBlob>;
  remote(file: HubFile): RemoteFile;
  readonly connections: number;
  /** Ends it. */
  readonly signal: AbortSignal;
  onBytes(bytes: number): void;
  /** Called when every piece of a blob is there, while the next ones are being fetched; ends the blob. */
  finished(partial: PartialBlob): Promise<void>;
}

interface OpenBlob {
  readonly partial: PartialBlob;
  readonly remote: RemoteFile;
  /** Pieces that nobody has taken yet. */
  readonly queue: Piece[];
  /** Pieces that are not finished. */
  left: number;
}

/** Runs until all blobs are finished. After the first failure, keeps what is there and rejects with it. */
export async function fetchPieces(files: readonly HubFile[], fetching: PieceFetching): Promise<void> {
  return new PieceQueue(files, fetching).run();
}

class PieceQueue {
  readonly #files: HubFile[];
  readonly #fetching: PieceFetching;
  readonly #stop = new AbortController();
  readonly #signal: AbortSignal;
  readonly #open = new Set<OpenBlob>();
  #current: Promise<OpenBlob | undefined> = Promise.resolve(undefined);

  constructor(files: readonly HubFile[], fetching: PieceFetching) {
    this.#files = [...files];
    this.#fetching = fetching;
    this.#signal = AbortSignal.any([this.#stop.signal, fetching.signal]);
  }

  async run(): Promise<void> {
    const failures: unknown[] = [];
    const work = (): Promise<void> =>
      this.#work().catch((error: unknown) => {
        failures.push(error);
        this.#stop.abort();
      });
    await Promise.all(Array.from({ length: this.#fetching.connections }, work));
    for (const { partial } of this.#open) await partial.close();
    if (failures.length > 0) throw failures[0];
  }

  async #work(): Promise<void> {
    for (;;) {
      const blob = await this.#next();
      if (blob === undefined || this.#signal.aborted) return;
      const piece = blob.queue.shift();
      if (piece !== undefined) await this.#transfer(blob, piece);
      if (blob.left === 0 && this.#open.delete(blob)) await this.#fetching.finished(blob.partial);
    }
  }

  /** The blob whose pieces come next; opens one when the last has none left to take. */
  #next(): Promise<OpenBlob | undefined> {
    this.#current = this.#current.then(async (current) => {
      if (current !== undefined && current.queue.length > 0) return current;
      const file = this.#files.shift();
      if (file === undefined) return undefined;
      const partial = await this.#fetching.open(file);
      const queue = partial.missing;
      const blob = { partial, remote: this.#fetching.remote(file), queue, left: queue.length };
      this.#open.add(blob);
      return blob;
    });
    return this.#current;
  }

  async #transfer(blob: OpenBlob, piece: Piece): Promise<void> {
    const writer = blob.partial.writer();
    await blob.remote.transfer(
      piece.begin,
      piece.end,
      async (chunk, position) => {
        await writer.write(chunk, position);
        this.#fetching.onBytes(chunk.length);
      },
      this.#signal,
    );
    await writer.flush();
    await blob.partial.finish(piece);
    blob.left--;
  }
}
