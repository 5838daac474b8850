/** One request to the loopback Hub and the ways to answer it. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import type { FileContent } from './repository.js';

export type Origin = 'hub' | 'cdn';

/** A request as it was seen, for tests to count. */
export interface SeenRequest {
  readonly origin: Origin;
  readonly method: string;
  /** Path and query. */
  readonly url: string;
  readonly headers: IncomingMessage['headers'];
  /** Status of the answer; 0 until there is one. */
  status: number;
  /** Bytes of the body that were handed to the connection. */
  bytesSent: number;
}

/** Limits how fast all answers together leave. */
export interface Throttle {
  /** Resolves when `bytes` may be sent. */
  take(bytes: number): Promise<void>;
}

/** Lets `bytesPerSecond` pass over time, without bursts worth more than a few milliseconds. */
export function bandwidth(bytesPerSecond: number): Throttle {
  let free = 0;
  return {
    async take(bytes) {
      const now = performance.now();
      free = Math.max(free, now - 5) + (1000 * bytes) / bytesPerSecond;
      if (free > now) await delay(free - now);
    },
  };
}

/** What a fault may change about how a file is sent. */
export interface Distortion {
  /** Answer a range request with the whole file. */
  readonly ignoreRange?: boolean;
  /** Send so many bytes fewer than asked, and say so. */
  readonly shorterBy?: number;
  /** Send bytes that lie so much further on, and say so. */
  readonly shiftedBy?: number;
  /** Flip the bits of this byte of the file. */
  readonly damagedByte?: number;
  readonly etag?: string;
  /** Break the connection after so many bytes of the body. */
  readonly resetAfter?: number;
  /** Say nothing more after so many bytes of the body, and keep the connection. */
  readonly stallAfter?: number;
}

/** Bytes written at once. */
const CHUNK_BYTES = 256 * 1024;

export class Exchange {
  readonly seen: SeenRequest;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly url: URL;
  readonly #throttle: Throttle | undefined;

  constructor(origin: Origin, request: IncomingMessage, response: ServerResponse, throttle: Throttle | undefined) {
    this.request = request;
    this.response = response;
    this.url = new URL(request.url!, `http://${request.headers.host}`);
    this.#throttle = throttle;
    this.seen = {
      origin,
      method: request.method!,
      url: request.url!,
      headers: request.headers,
      status: 0,
      bytesSent: 0,
    };
  }

  /** The whole body of the request. */
  async body(): Promise<Buffer> {
    const chunks: Buffer[] = [];
    for await (const chunk of this.request) chunks.push(chunk as Buffer);
    return Buffer.concat(chunks);
  }

  head(status: number, headers: Readonly<Record<string, string>> = {}): void {
    this.seen.status = status;
    this.response.writeHead(status, headers);
  }

  json(status: number, value: unknown, headers: Readonly<Record<string, string>> = {}): void {
    const text = JSON.stringify(value);
    this.head(status, { 'Content-Type': 'application/json; charset=utf-8', ...headers });
    this.seen.bytesSent += text.length;
    this.response.end(text);
  }

  /** A status without a body. */
  empty(status: number, headers: Readonly<Record<string, string>> = {}): void {
    this.head(status, headers);
    this.response.end();
  }

  /** Refuses as the Hub does. */
  refuse(status: number, code: string, message: string, headers: Readonly<Record<string, string>> = {}): void {
    this.json(status, { error: message }, { 'X-Error-Code': code, 'X-Error-Message': message, ...headers });
  }

  redirect(status: number, location: string, headers: Readonly<Record<string, string>> = {}): void {
    this.head(status, { Location: location, ...headers });
    this.response.end();
  }

  /** Sends a file or the range asked for. */
  async file(
    content: FileContent,
    headers: Readonly<Record<string, string>>,
    distortion: Distortion = {},
  ): Promise<void> {
    const { size } = content;
    const range = distortion.ignoreRange ? undefined : parseRange(this.request.headers.range, size);
    const shift = distortion.shiftedBy ?? 0;
    const begin = (range?.begin ?? 0) + shift;
    const end = Math.min(size, (range?.end ?? size) + shift) - (distortion.shorterBy ?? 0);
    if (begin >= end && size > 0) {
      this.head(416, { 'Content-Range': `bytes */${size}` });
      this.response.end();
      return;
    }
    const etag = distortion.etag === undefined ? {} : { ETag: distortion.etag };
    const described = { 'Accept-Ranges': 'bytes', 'Content-Length': String(end - begin), ...headers, ...etag };
    if (range === undefined) this.head(200, described);
    else this.head(206, { ...described, 'Content-Range': `bytes ${begin}-${end - 1}/${size}` });
    if (this.request.method === 'HEAD') this.response.end();
    else await this.#send(content, begin, end, distortion);
  }

  async #send(content: FileContent, begin: number, end: number, distortion: Distortion): Promise<void> {
    const { resetAfter = Infinity, stallAfter = Infinity, damagedByte = -1 } = distortion;
    const last = Math.min(end, begin + Math.min(resetAfter, stallAfter));
    for (let at = begin; at < last; at += CHUNK_BYTES) {
      const next = Math.min(last, at + CHUNK_BYTES);
      await this.#throttle?.take(next - at);
      if (this.response.destroyed) return;
      let chunk = content.slice(at, next);
      if (damagedByte >= at && damagedByte < next) {
        chunk = Buffer.from(chunk);
        chunk[damagedByte - at]! ^= 0xff;
      }
      this.seen.bytesSent += chunk.length;
      if (!this.response.write(chunk)) await this.#drained();
    }
    if (last === end) this.response.end();
    else if (resetAfter <= stallAfter) {
      // What was written has to leave before the connection breaks.
      await delay(20);
      this.request.socket.resetAndDestroy();
    }
  }

  #drained(): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        this.response.off('drain', done).off('close', done);
        resolve();
      };
      this.response.on('drain', done).on('close', done);
    });
  }
}

function parseRange(header: string | undefined, size: number): { begin: number; end: number } | undefined {
  const match = /^bytes=(\d+)-(\d*)$/.exec(header ?? '');
  if (match === null) return undefined;
  return { begin: Number(match[1]), end: match[2] === '' ? size : Math.min(size, Number(match[2]) + 1) };
}
