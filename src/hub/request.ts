/**
 * All requests to the Hub and to where it redirects. What fetch and `@huggingface/hub` leave open is closed here: the
 * token goes to the Hub's own origin alone, redirects are followed within limits, failures that may pass are repeated.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { M2MergeError } from '../errors.js';
import { VERSION } from '../version.js';
import { chunksOf, discard } from './body.js';
import type { HubEnvironment } from './environment.js';
import { nodeGet } from './node-get.js';
import { type Asked, describe, refusalOf } from './refusal.js';
import { attemptsUnanswered, delayBefore, isPassing, MAX_ATTEMPTS } from './retry.js';

/** Redirects of one request; the Hub needs two. */
const MAX_REDIRECTS = 5;

/** Largest answer of the Hub's API that is read, bytes: a page of a tree has some 300 kB. */
const MAX_API_BYTES = 64_000_000;

const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

export interface ConnectionOptions {
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds before the first repetition of a request. */
  readonly firstDelay?: number;
  /** Told before a wait of `milliseconds`, and why. */
  readonly onWait?: ((milliseconds: number, reason: string) => void) | undefined;
}

/** A request as fetch takes it, and how often it may be made. */
export interface HubRequest extends RequestInit {
  readonly attempts?: number;
  /** Sees the Hub's redirects, whose headers say what the file is; may throw. */
  readonly onRedirect?: (response: Response) => void;
}

export class HubConnection {
  readonly environment: HubEnvironment;
  readonly #origin: string;
  readonly #options: ConnectionOptions;
  #dispatcher: Promise<object | undefined> | undefined;
  /** Whether any request was answered. */
  #reached = false;
  /** Of the answers that errors stand for. */
  readonly #headers = new WeakMap<Error, Headers>();

  constructor(environment: HubEnvironment, options: ConnectionOptions = {}) {
    this.environment = environment;
    this.#origin = new URL(environment.endpoint).origin;
    this.#options = options;
  }

  get signal(): AbortSignal | undefined {
    return this.#options.signal;
  }

  /**
   * Makes a request until it succeeds or failing again is certain, and returns the answer with its body unread. Throws
   * `hub-unreachable` and what `refusalOf` makes of other answers than success.
   */
  async open(address: string, asked: Asked, request: HubRequest = {}): Promise<Response> {
    const { attempts: limit = isStreamed(request.body) ? 1 : MAX_ATTEMPTS, ...init } = request;
    for (let attempt = 1; ; attempt++) {
      this.signal?.throwIfAborted();
      const answer = await this.#attempt(address, asked, init).catch((error: unknown) => error as Error);
      this.signal?.throwIfAborted();
      init.signal?.throwIfAborted();
      this.#reached ||= answer instanceof Response;
      if (answer instanceof Response && answer.ok) return answer;
      const passing = answer instanceof Response ? isPassing(answer.status) : !(answer instanceof M2MergeError);
      const headers = answer instanceof Response ? answer.headers : undefined;
      const most = this.#reached ? limit : Math.min(limit, attemptsUnanswered(reasonOf(answer)));
      const wait = passing && attempt < most ? delayBefore(attempt + 1, headers, this.#options.firstDelay) : undefined;
      if (wait === undefined) throw await this.#failure(answer, address, asked, attempt);
      if (answer instanceof Response) await discard(answer);
      await this.pause(wait, answer instanceof Response ? `the Hub answered ${answer.status}` : reasonOf(answer));
    }
  }

  /** A `fetch` for `@huggingface/hub`: reads the whole answer, so that one that breaks off is asked for again too. */
  api(asked: Asked): typeof fetch {
    return async (input, init) => {
      const address = String(input instanceof Request ? input.url : input);
      for (let attempt = 1; ; attempt++) {
        const response = await this.open(address, asked, init);
        try {
          const { status, statusText, headers } = response;
          return new Response(await readWhole(response, asked, this.environment.downloadTimeout), {
            status,
            statusText,
            headers,
          });
        } catch (error) {
          this.signal?.throwIfAborted();
          if (error instanceof M2MergeError) throw error;
          const wait =
            attempt < MAX_ATTEMPTS && !isStreamed(init?.body)
              ? delayBefore(attempt + 1, undefined, this.#options.firstDelay)
              : undefined;
          if (wait === undefined) throw await this.#failure(error as Error, address, asked, attempt);
          await this.pause(wait, reasonOf(error));
        }
      }
    };
  }

  /** Those of the answer that an error of this connection stands for, which may say how long to wait. */
  headersOf(error: unknown): Headers | undefined {
    return error instanceof Error ? this.#headers.get(error) : undefined;
  }

  /** Waits before a repetition. */
  async pause(milliseconds: number, reason: string): Promise<void> {
    this.#options.onWait?.(milliseconds, reason);
    await delay(milliseconds, undefined, this.signal === undefined ? {} : { signal: this.signal }).catch(() => {
      this.signal?.throwIfAborted();
    });
  }

  /** Waits before attempt `attempt` of something that failed without an answer. */
  retryPause(attempt: number, reason: string): Promise<void> {
    return this.pause(delayBefore(attempt, undefined, this.#options.firstDelay) ?? 0, reason);
  }

  /** One request with its redirects. */
  async #attempt(address: string, asked: Asked, { onRedirect, ...init }: HubRequest): Promise<Response> {
    let url = new URL(address);
    let trusted = url.origin === this.#origin;
    for (let hop = 0; hop <= MAX_REDIRECTS; hop++) {
      const response = await this.#send(url, init, trusted, hop === 0);
      const location = REDIRECTS.has(response.status) ? response.headers.get('location') : null;
      if (location === null) return response;
      await discard(response);
      if (trusted) onRedirect?.(response);
      url = nextAddress(location, url, asked);
      // Once a request has left the Hub, no later redirect gets the token, not even one that leads back.
      trusted &&= url.origin === this.#origin;
    }
    throw new M2MergeError('hub-answer-invalid', {
      what: describe(asked),
      detail: `redirected more than ${MAX_REDIRECTS} times`,
    });
  }

  async #send(url: URL, init: RequestInit, trusted: boolean, first: boolean): Promise<Response> {
    const { token, answerTimeout } = this.environment;
    const headers = new Headers(init.headers);
    headers.set('user-agent', `m2merge/${VERSION}; node/${process.versions.node}`);
    if (!first) headers.delete('authorization');
    if (trusted && token !== undefined) headers.set('authorization', `Bearer ${token}`);
    // Fetch keeps a second copy of a streamed body in memory unless it can be sure never to need it (undici#4058).
    const streamed = isStreamed(init.body)
      ? { redirect: 'error', window: null, duplex: 'half' }
      : { redirect: 'manual' };
    const timeout = new AbortController();
    const timer = isStreamed(init.body)
      ? undefined
      : setTimeout(() => timeout.abort(new Error(`no answer within ${answerTimeout / 1000} seconds`)), answerTimeout);
    const signals = [timeout.signal, this.signal, init.signal].filter((signal) => signal != null);
    const dispatcher = await this.#proxy();
    try {
      if (headers.has('range') && dispatcher === undefined)
        return await nodeGet(url, headers, AbortSignal.any(signals));
      const options = { ...init, headers, ...streamed, signal: AbortSignal.any(signals) } as RequestInit;
      return await fetch(url, dispatcher === undefined ? options : ({ ...options, dispatcher } as RequestInit));
    } finally {
      clearTimeout(timer);
    }
  }

  /** Node's own fetch ignores the proxy variables; the package `undici` reads them. */
  #proxy(): Promise<object | undefined> {
    this.#dispatcher ??= this.environment.proxied
      ? import('undici').then(({ EnvHttpProxyAgent }) => new EnvHttpProxyAgent())
      : Promise.resolve(undefined);
    return this.#dispatcher;
  }

  async #failure(answer: unknown, address: string, asked: Asked, attempts: number): Promise<Error> {
    if (answer instanceof M2MergeError) return answer;
    const { endpoint, token } = this.environment;
    if (!(answer instanceof Response))
      return new M2MergeError('hub-unreachable', { host: new URL(address).host, reason: reasonOf(answer) });
    await discard(answer);
    const refusal = refusalOf(answer, asked, { endpoint, signedIn: token !== undefined }, attempts);
    this.#headers.set(refusal, answer.headers);
    return refusal;
  }
}

function nextAddress(location: string, from: URL, asked: Asked): URL {
  const refuse = (detail: string) => new M2MergeError('hub-answer-invalid', { what: describe(asked), detail });
  if (!URL.canParse(location, from.href)) throw refuse('redirected to what is no address');
  const url = new URL(location, from.href);
  if (url.protocol !== 'https:' && url.protocol !== 'http:') throw refuse(`redirected to ${url.protocol}`);
  if (from.protocol === 'https:' && url.protocol === 'http:') throw refuse('redirected from https to http');
  return url;
}

function isStreamed(body: unknown): boolean {
  return body instanceof Blob || body instanceof ReadableStream;
}

async function readWhole(
  response: Response,
  asked: Asked,
  idleTimeout: number,
): Promise<Uint8Array<ArrayBuffer> | null> {
  if (response.body === null) return null;
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of chunksOf(response, idleTimeout)) {
    length += chunk.length;
    if (length > MAX_API_BYTES) {
      const detail = `it is longer than ${MAX_API_BYTES} bytes`;
      throw new M2MergeError('hub-answer-invalid', { what: describe(asked), detail });
    }
    chunks.push(chunk);
  }
  return new Uint8Array(Buffer.concat(chunks));
}

/** Why a request failed, without its address. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause as NodeJS.ErrnoException | undefined;
  return cause?.code ?? cause?.message ?? (error as NodeJS.ErrnoException).code ?? error.message;
}
