/**
 * The `fetch` that `@huggingface/hub` makes commits with. Traps it closes: the library neither repeats an upload that
 * broke off nor notices one that stands still, and tells of an upload's progress in browsers only; a commit whose answer
 * got lost must not be made twice.
 */
import { isM2MergeError, M2MergeError } from '../errors.js';
import { discard } from './body.js';
import type { Asked } from './refusal.js';
import type { HubConnection } from './request.js';
import { delayBefore, isPassing, MAX_ATTEMPTS } from './retry.js';

/** Silence of an upload before it is given up, milliseconds: also how long storage may take to close a file. */
const UPLOAD_IDLE_TIMEOUT = 120_000;

export interface UploadOptions {
  /** Milliseconds before the first repetition of a request. */
  readonly firstDelay?: number | undefined;
  /** Told of bytes that left; negative when an upload broke off and begins anew. */
  readonly onBytes: (bytes: number) => void;
  /** Called before the request that makes the commit, which it may keep from being made. */
  readonly beforeCommit: () => Promise<void>;
}

export class Uploads {
  readonly #connection: HubConnection;
  readonly #asked: Asked;
  readonly #options: UploadOptions;

  constructor(connection: HubConnection, asked: Asked, options: UploadOptions) {
    this.#connection = connection;
    this.#asked = asked;
    this.#options = options;
  }

  /** Not a method, so that it can be handed on. */
  readonly fetch: typeof fetch = async (input, init = {}) => {
    const address = String(input instanceof Request ? input.url : input);
    if (init.body instanceof Blob) return this.#repeat(() => this.#upload(address, init, init.body as Blob), init);
    if (isCommit(address)) return this.#repeat(() => this.#commit(address, init), init, isRefusalBeforeWork);
    return this.#connection.api(this.#asked)(input, init);
  };

  /** Does something again until it succeeds, or its failure will not pass by itself. */
  async #repeat(
    work: () => Promise<Response>,
    { signal }: RequestInit,
    passes: (error: unknown) => boolean = isFailureThatPasses,
  ): Promise<Response> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await work();
      } catch (error) {
        this.#connection.signal?.throwIfAborted();
        const wait = delayBefore(attempt + 1, this.#connection.headersOf(error), this.#options.firstDelay);
        if (signal?.aborted || attempt === MAX_ATTEMPTS || !passes(error) || wait === undefined) throw error;
        await this.#connection.pause(wait, (error as Error).message);
      }
    }
  }

  /** Throws `push-unanswered` where nobody knows whether the commit was made. */
  async #commit(address: string, init: RequestInit): Promise<Response> {
    await this.#options.beforeCommit();
    try {
      const response = await this.#connection.open(address, this.#asked, { ...init, attempts: 1 });
      const { status, headers } = response;
      return new Response(await response.arrayBuffer(), { status, headers });
    } catch (error) {
      this.#connection.signal?.throwIfAborted();
      if (isM2MergeError(error) && !isM2MergeError(error, 'hub-unreachable') && !isRefusalByGateway(error)) throw error;
      const reason = isM2MergeError(error, 'hub-refused') ? `answer ${error.facts.status}` : (error as Error).message;
      throw new M2MergeError('push-unanswered', { repo: this.#asked.repo, reason }, { cause: error });
    }
  }

  async #upload(address: string, init: RequestInit, body: Blob): Promise<Response> {
    const watched = new WatchedBlob(body, this.#options.onBytes);
    const signals = [watched.stalled, ...(init.signal ? [init.signal] : [])];
    try {
      const request = { ...init, body: watched, signal: AbortSignal.any(signals), attempts: 1 };
      const response = await this.#connection.open(address, this.#asked, request);
      await discard(response);
      return new Response(null, { status: response.status, headers: response.headers });
    } catch (error) {
      watched.close();
      this.#options.onBytes(-watched.bytesSent);
      throw error;
    } finally {
      watched.close();
    }
  }
}

/** The request that makes the commit, among those to the Hub's API. */
function isCommit(address: string): boolean {
  return /\/api\/models\/[^?]+\/commit\/[^/]+$/.test(new URL(address).pathname);
}

function isFailureThatPasses(error: unknown): boolean {
  return isM2MergeError(error, 'hub-unreachable') || isRefusalThatPasses(error);
}

function isRefusalThatPasses(error: unknown): boolean {
  return isM2MergeError(error, 'hub-refused') && isPassing(error.facts.status);
}

/** Too many requests, or no time: nothing has been done. */
const BEFORE_WORK: ReadonlySet<number> = new Set([429, 503]);

function isRefusalBeforeWork(error: unknown): boolean {
  return isM2MergeError(error, 'hub-refused') && BEFORE_WORK.has(error.facts.status);
}

/** Behind other failures of servers the commit may have been made: gateways say so of answers that they did not wait for. */
function isRefusalByGateway(error: unknown): boolean {
  return isM2MergeError(error, 'hub-refused') && error.facts.status >= 500 && !isRefusalBeforeWork(error);
}

/** A file's bytes that are counted as they are read, with a signal for when nothing is read any more. */
class WatchedBlob extends Blob {
  readonly #inner: Blob;
  readonly #onBytes: (bytes: number) => void;
  readonly #stall = new AbortController();
  #timer: NodeJS.Timeout | undefined;
  #isOpen = true;
  bytesSent = 0;

  constructor(inner: Blob, onBytes: (bytes: number) => void) {
    super();
    this.#inner = inner;
    this.#onBytes = onBytes;
    this.#wait();
  }

  get stalled(): AbortSignal {
    return this.#stall.signal;
  }

  override get size(): number {
    return this.#inner.size;
  }

  override stream(): ReturnType<Blob['stream']> {
    const count = new TransformStream<Uint8Array, Uint8Array>({
      transform: (chunk, controller) => {
        if (this.#isOpen) this.#count(chunk.length);
        controller.enqueue(chunk);
      },
    });
    return this.#inner.stream().pipeThrough(count) as ReturnType<Blob['stream']>;
  }

  /** Counts no more: of an upload that broke off, some bytes may still be on their way. */
  close(): void {
    this.#isOpen = false;
    clearTimeout(this.#timer);
  }

  #count(bytes: number): void {
    this.bytesSent += bytes;
    this.#onBytes(bytes);
    this.#wait();
  }

  #wait(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#stall.abort(new Error(`nothing was sent for ${UPLOAD_IDLE_TIMEOUT / 1000} seconds`));
    }, UPLOAD_IDLE_TIMEOUT);
  }
}
