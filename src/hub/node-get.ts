/**
 * GET requests by `node:http`, for transfers: fetch copies every chunk and passes it through web streams, which costs
 * several times the processor time of receiving it.
 */
import { Agent as HttpAgent, get as httpGet, type IncomingMessage } from 'node:http';
import { Agent as HttpsAgent, get as httpsGet } from 'node:https';

const HTTP_AGENT = new HttpAgent({ keepAlive: true });
const HTTPS_AGENT = new HttpsAgent({ keepAlive: true });

/** Most bytes of an unwanted body that are read so that its connection can be used again. */
const WORTH_READING = 64 * 1024;

/** Above it there are no statuses, and none that a `Response` can have. */
const LARGEST_STATUS = 599;

/** An answer as fetch gives it, but with its body as a stream of Node. */
export class NodeResponse extends Response {
  readonly stream: IncomingMessage;
  readonly #url: string;

  constructor(url: URL, stream: IncomingMessage) {
    const headers = new Headers();
    for (const [name, value] of Object.entries(stream.headers)) headers.set(name, String(value));
    super(null, { status: stream.statusCode!, headers });
    this.stream = stream;
    this.#url = url.href;
  }

  override get url(): string {
    return this.#url;
  }

  /** Ends an answer whose body is not wanted. */
  discard(): void {
    const length = Number(this.headers.get('content-length') ?? Number.NaN);
    if (length <= WORTH_READING) this.stream.resume();
    else this.stream.destroy();
  }
}

/** Asks without following redirects. Rejects when the connection fails, and with the signal's reason. */
export function nodeGet(url: URL, headers: Headers, signal: AbortSignal): Promise<NodeResponse> {
  const options = { headers: Object.fromEntries(headers), signal };
  return new Promise((resolve, reject) => {
    const request =
      url.protocol === 'https:'
        ? httpsGet(url, { ...options, agent: HTTPS_AGENT })
        : httpGet(url, { ...options, agent: HTTP_AGENT });
    request.on('response', (stream) => {
      const { statusCode = 0 } = stream;
      if (statusCode <= LARGEST_STATUS) return resolve(new NodeResponse(url, stream));
      request.destroy(new Error(`the status ${statusCode} has no meaning`));
    });
    request.on('error', (error) => reject(signal.aborted ? signal.reason : error));
    // A connection that becomes another protocol ends without an answer and without an error.
    request.on('close', () => reject(new Error('the connection ended without an answer')));
  });
}
