/**
 * A Hub on loopback: plain HTTP, with a second origin in the part of its CDN. Keeps what it was asked, and does wrong
 * what it is told to do wrong (see `faults.ts`).
 */
import { randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type Distortion, Exchange, type Origin, type SeenRequest, type Throttle } from './exchange.js';
import { type Fault, FaultList, type FaultRule } from './faults.js';
import { Repository, type RepositoryOptions, type StoredFile } from './repository.js';
import { READ_ROUTES, type Route } from './routes.js';

/** The token that opens private repositories. */
export const HUB_TOKEN = 'hf_loopbackTokenThatMustNotLeak';

export interface LoopbackHubOptions {
  /** Routes beside those for reading. */
  readonly routes?: readonly Route[];
  /** What the CDN does with what it is sent. */
  readonly receive?: (hub: LoopbackHub, exchange: Exchange) => Promise<void>;
  /** Slows down what the CDN sends. */
  readonly throttle?: Throttle;
}

export class LoopbackHub {
  readonly repositories = new Map<string, Repository>();
  /** New names of repositories by their old ones. */
  readonly renamed = new Map<string, string>();
  /** Everything that was asked, in order. */
  readonly requests: SeenRequest[] = [];
  /** Whether the token may read gated repositories. */
  granted = false;
  readonly #files = new Map<string, StoredFile>();
  readonly #faults = new FaultList();
  readonly #routes: readonly Route[];
  readonly #throttle: Throttle | undefined;
  readonly #receive: LoopbackHubOptions['receive'];
  readonly #servers: Readonly<Record<Origin, Server>>;
  /** Signatures of CDN addresses that hold. */
  #signature = randomBytes(8).toString('hex');

  private constructor({ routes = [], receive, throttle }: LoopbackHubOptions) {
    this.#receive = receive;
    this.#routes = [...READ_ROUTES, ...routes];
    this.#throttle = throttle;
    this.#servers = { hub: this.#listen('hub'), cdn: this.#listen('cdn') };
  }

  static async start(options: LoopbackHubOptions = {}): Promise<LoopbackHub> {
    const hub = new LoopbackHub(options);
    await Promise.all(
      Object.values(hub.#servers).map((server) => new Promise<void>((done) => server.listen(0, '127.0.0.1', done))),
    );
    return hub;
  }

  /** Stops both servers and breaks what is open. */
  async close(): Promise<void> {
    await Promise.all(
      Object.values(this.#servers).map((server) => {
        server.closeAllConnections();
        return new Promise((done) => server.close(done));
      }),
    );
  }

  /** Address of the Hub, for HF_ENDPOINT. */
  get endpoint(): string {
    return this.origin('hub');
  }

  origin(origin: Origin): string {
    return `http://127.0.0.1:${(this.#servers[origin].address() as AddressInfo).port}`;
  }

  /** Makes a repository with one commit. Returns it. */
  add(name: string, files: readonly StoredFile[], options: RepositoryOptions = {}): Repository {
    const repository = new Repository(name, options);
    repository.commit(files);
    this.repositories.set(name, repository);
    return repository;
  }

  /** Lets requests that fit a rule meet a fault. */
  fault(rule: FaultRule, fault: Fault): void {
    this.#faults.add(rule, fault);
  }

  clearFaults(): void {
    this.#faults.clear();
  }

  isSignedIn({ request }: Exchange): boolean {
    return request.headers.authorization === `Bearer ${HUB_TOKEN}`;
  }

  /** What signed addresses carry as long as they hold. */
  get signature(): string {
    return this.#signature;
  }

  /** Where the CDN has a file, for a while. */
  signedUrl(file: StoredFile): string {
    this.#files.set(file.sha256!, file);
    return `${this.origin('cdn')}/blobs/${file.sha256}?Signature=${this.#signature}`;
  }

  /** Lets all signed addresses expire that were given out. */
  expireSignatures(): void {
    this.#signature = randomBytes(8).toString('hex');
  }

  #listen(origin: Origin): Server {
    return createServer((request, response) => void this.#answer(origin, request, response));
  }

  async #answer(origin: Origin, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const exchange = new Exchange(origin, request, response, origin === 'cdn' ? this.#throttle : undefined);
    this.requests.push(exchange.seen);
    const fault = this.#faults.meet(exchange.seen);
    try {
      if (fault?.answer !== undefined) await fault.answer(exchange);
      else if (origin === 'cdn' && request.method === 'PUT') await this.#receive?.(this, exchange);
      else if (origin === 'cdn') await this.#answerFromCdn(exchange, fault?.distort);
      else await this.#route(exchange, fault?.distort);
    } catch (error) {
      response.destroy(error as Error);
    }
  }

  async #route(exchange: Exchange, distortion: Distortion | undefined): Promise<void> {
    const path = decodeURIComponent(exchange.url.pathname);
    for (const { method, pattern, handle } of this.#routes) {
      const match = method === exchange.seen.method ? pattern.exec(path) : null;
      if (match !== null) return void (await handle(this, exchange, match.slice(1), distortion));
    }
    exchange.json(404, { error: `no route for ${exchange.seen.method} ${path}` });
  }

  async #answerFromCdn(exchange: Exchange, distortion: Distortion | undefined): Promise<void> {
    const [, sha256] = /^\/blobs\/([0-9a-f]{64})$/.exec(exchange.url.pathname) ?? [];
    const file = this.#files.get(sha256 ?? '');
    if (file === undefined || exchange.url.searchParams.get('Signature') !== this.#signature) {
      exchange.head(403, { 'Content-Type': 'application/xml' });
      exchange.response.end('<Error><Code>AccessDenied</Code></Error>');
      return;
    }
    // As on the Hub, the CDN's etag is its own and not the file's sha256.
    await exchange.file(file.content, { ETag: `"cdn-${sha256!.slice(0, 16)}"` }, distortion);
  }
}
