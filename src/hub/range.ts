/**
 * Byte ranges of a file on the Hub, checked. The library's blobs trust the server: one that ignores `Range` makes a
 * slice return the whole file, and each slice asks the Hub anew where the file is, which its request quota soon ends.
 */
import { isM2MergeError, M2MergeError } from '../errors.js';
import type { ByteSource } from '../io/source.js';
import { chunksOf, discard } from './body.js';
import { fileAddress } from './endpoint.js';
import { describe } from './refusal.js';
import type { HubFile } from './repository.js';
import { type HubConnection, reasonOf } from './request.js';
import { MAX_ATTEMPTS } from './retry.js';

/** Attempts for an answer that is wrong in form: a passing fault of something in between, but rarely. */
const MAX_WRONG_ANSWERS = 3;

/** Bytes fetched first when a header is read: headers of all but the largest shards are shorter. */
const HEADER_BYTES = 64 * 1024;

/** Status of a signed address that has expired. */
const EXPIRED: ReadonlySet<number> = new Set([400, 401, 403, 404, 410]);

/** Takes bytes in order; what it returns is waited for. */
export type ByteSink = (chunk: Uint8Array, position: number) => Promise<void> | void;

/** A file at a commit. */
export class RemoteFile {
  readonly file: HubFile;
  readonly repo: string;
  readonly #connection: HubConnection;
  readonly #address: string;
  /** Where the Hub redirects to, once it is known: later ranges go there at once. */
  #direct: string | undefined;
  /** Settles when the request that finds out has its answer; the others wait for it. */
  #locating: Promise<unknown> | undefined;
  #directEtag: string | undefined;

  constructor(connection: HubConnection, repo: string, commit: string, file: HubFile) {
    this.file = file;
    this.repo = repo;
    this.#connection = connection;
    this.#address = fileAddress(connection.environment.endpoint, repo, commit, file.path);
  }

  /**
   * Fetches bytes [begin, end) and hands them on in order, each once. Continues where a connection broke. Throws
   * `hub-answer-invalid` for answers that are not these bytes, what requests and the sink throw, and the signal's reason.
   */
  async transfer(begin: number, end: number, sink: ByteSink, signal?: AbortSignal): Promise<void> {
    let position = begin;
    let sinkFailure: unknown;
    for (let attempt = 1, wrong = 0; position < end; ) {
      const before = position;
      try {
        for await (const chunk of this.#chunks(position, end, signal)) {
          try {
            await sink(chunk, position);
          } catch (error) {
            sinkFailure = error;
            throw error;
          }
          position += chunk.length;
        }
        if (position === before) throw new Error('the answer was empty');
      } catch (error) {
        this.#connection.signal?.throwIfAborted();
        signal?.throwIfAborted();
        if (sinkFailure !== undefined) throw sinkFailure;
        if (isM2MergeError(error) && (error.kind !== 'hub-answer-invalid' || ++wrong >= MAX_WRONG_ANSWERS)) throw error;
        attempt = position > before ? 1 : attempt + 1;
        if (attempt > MAX_ATTEMPTS) {
          throw new M2MergeError('hub-unreachable', { host: this.#host(), reason: reasonOf(error) }, { cause: error });
        }
        await this.#connection.retryPause(Math.max(2, attempt), reasonOf(error));
      }
    }
  }

  /** The chunks of one answer for bytes [begin, end), which may end early. */
  async *#chunks(begin: number, end: number, signal?: AbortSignal): AsyncGenerator<Uint8Array> {
    const response = await this.#open(begin, end, signal);
    const { answerEnd } = this.#check(response, begin, end);
    let position = begin;
    for await (const chunk of chunksOf(response, this.#connection.environment.downloadTimeout)) {
      position += chunk.length;
      if (position > answerEnd) throw this.#invalid(`it is longer than its range of ${answerEnd - begin} bytes`);
      yield chunk;
    }
  }

  async #open(begin: number, end: number, signal?: AbortSignal): Promise<Response> {
    while (this.#locating !== undefined) await this.#locating;
    if (this.#direct === undefined) {
      const locating = this.#locate(begin, end, signal);
      this.#locating = locating.then(
        () => {},
        () => {},
      );
      try {
        return await locating;
      } finally {
        this.#locating = undefined;
      }
    }
    try {
      return await this.#request(this.#direct, begin, end, signal);
    } catch (error) {
      // Signed addresses expire; the Hub gives a new one.
      if (!isM2MergeError(error, 'hub-refused') || !EXPIRED.has(error.facts.status)) throw error;
      this.#direct = undefined;
      this.#directEtag = undefined;
      return this.#locate(begin, end, signal);
    }
  }

  /** Asks the Hub, and remembers where it redirects to. */
  async #locate(begin: number, end: number, signal?: AbortSignal): Promise<Response> {
    const response = await this.#request(this.#address, begin, end, signal);
    if (new URL(response.url).origin !== new URL(this.#address).origin) this.#direct = response.url;
    return response;
  }

  #request(address: string, begin: number, end: number, signal?: AbortSignal): Promise<Response> {
    const headers = { Range: `bytes=${begin}-${end - 1}`, 'Accept-Encoding': 'identity' };
    const { sha256, oid } = this.file;
    return this.#connection.open(
      address,
      { repo: this.repo, file: this.file.path },
      {
        headers,
        signal: signal ?? null,
        onRedirect: (response) => {
          const linked = plainEtag(response.headers.get('x-linked-etag'));
          if (linked !== undefined && linked !== (sha256 ?? oid)) {
            throw this.#invalid(`the Hub says it is ${linked}, but listed ${sha256 ?? oid}`);
          }
        },
      },
    );
  }

  /** Checks that an answer begins with the bytes asked for; says where it ends. */
  #check(response: Response, begin: number, end: number): { answerEnd: number } {
    try {
      this.#checkEtag(response);
      if (response.headers.get('content-encoding') !== null) throw this.#invalid('it is compressed');
      const { byteLength } = this.file;
      if (response.status === 200 && begin === 0 && end === byteLength) return { answerEnd: end };
      if (response.status !== 206) throw this.#invalid(`a range was asked for, the status is ${response.status}`);
      const text = response.headers.get('content-range') ?? '';
      const [first, last, total] = (/^bytes (\d+)-(\d+)\/(\d+)$/.exec(text)?.slice(1) ?? []).map(Number);
      if (first !== begin || last === undefined || last < first || last >= end || total !== byteLength) {
        throw this.#invalid(`bytes ${begin}-${end - 1}/${byteLength} were asked for, found "${text.slice(0, 80)}"`);
      }
      return { answerEnd: last + 1 };
    } catch (error) {
      void discard(response);
      throw error;
    }
  }

  /** The Hub's own etag is the file's hash; the CDN has its own, which has to stay the same. */
  #checkEtag(response: Response): void {
    const etag = response.headers.get('etag') ?? undefined;
    if (response.url !== this.#direct) {
      const plain = plainEtag(etag ?? null);
      const { sha256, oid } = this.file;
      if (plain !== undefined && /^[0-9a-f]{40}([0-9a-f]{24})?$/.test(plain) && plain !== oid && plain !== sha256) {
        throw this.#invalid(`its etag is ${plain}, the listing says ${sha256 ?? oid}`);
      }
      return;
    }
    this.#directEtag ??= etag;
    if (etag !== this.#directEtag) throw this.#invalid(`its etag changed from ${this.#directEtag} to ${etag}`);
  }

  #invalid(detail: string): M2MergeError {
    return new M2MergeError('hub-answer-invalid', {
      what: describe({ repo: this.repo, file: this.file.path }),
      detail,
    });
  }

  #host(): string {
    return new URL(this.#direct ?? this.#address).host;
  }
}

/** A remote file for reading a header: the first bytes are fetched at once and kept. */
export class RemoteSource implements ByteSource {
  readonly name: string;
  readonly #remote: RemoteFile;
  #first: Uint8Array = new Uint8Array(0);

  /** `name` is for messages. */
  constructor(name: string, remote: RemoteFile) {
    this.name = name;
    this.#remote = remote;
  }

  get byteLength(): number {
    return this.#remote.file.byteLength;
  }

  async read(begin: number, end: number, target: Uint8Array): Promise<void> {
    if (this.#first.length < Math.min(end, HEADER_BYTES)) {
      this.#first = new Uint8Array(Math.min(HEADER_BYTES, this.byteLength));
      await this.#fetchInto(this.#first, 0, this.#first.length);
    }
    const known = this.#first.subarray(begin, end);
    target.set(known);
    const rest = begin + known.length;
    if (rest < end) await this.#fetchInto(target.subarray(known.length), rest, end);
  }

  async close(): Promise<void> {}

  #fetchInto(target: Uint8Array, begin: number, end: number): Promise<void> {
    return this.#remote.transfer(begin, end, (chunk, position) => target.set(chunk, position - begin));
  }
}

function plainEtag(etag: string | null): string | undefined {
  return etag === null ? undefined : /^(?:W\/)?"?([^"]*)"?$/.exec(etag)?.[1];
}
