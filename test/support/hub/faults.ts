/** What can go wrong between a client and the Hub, to be caused on purpose. */
import type { Distortion, Exchange, Origin, SeenRequest } from './exchange.js';

/** What happens instead of, or to, the ordinary answer. */
export interface Fault {
  /** Answers in the place of the server. */
  readonly answer?: (exchange: Exchange) => void | Promise<void>;
  /** Changes how a file is sent. */
  readonly distort?: Distortion;
}

/** Which requests a fault meets. */
export interface FaultRule {
  readonly origin: Origin;
  /** Matched against path and query; all when absent. */
  readonly url?: RegExp;
  readonly method?: string;
  /** How many requests it meets; all when absent. */
  readonly times?: number;
  /** How many matching requests pass before. */
  readonly after?: number;
}

export class FaultList {
  readonly #faults: { readonly rule: FaultRule; readonly fault: Fault; seen: number }[] = [];

  add(rule: FaultRule, fault: Fault): void {
    this.#faults.push({ rule, fault, seen: 0 });
  }

  clear(): void {
    this.#faults.length = 0;
  }

  /** The fault that meets a request, the first that was added. */
  meet(request: SeenRequest): Fault | undefined {
    for (const entry of this.#faults) {
      const { origin, url, method, times = Infinity, after = 0 } = entry.rule;
      if (origin !== request.origin || (url && !url.test(request.url)) || (method && method !== request.method))
        continue;
      entry.seen++;
      if (entry.seen > after && entry.seen <= after + times) return entry.fault;
    }
    return undefined;
  }
}

/** A status with headers and a short text. */
export function answerStatus(status: number, headers: Readonly<Record<string, string>> = {}): Fault {
  return {
    answer: (exchange) => {
      exchange.head(status, { 'Content-Type': 'text/plain', ...headers });
      exchange.response.end('trouble');
    },
  };
}

/** A refusal as the Hub words it. */
export function answerRefusal(status: number, code: string, message: string): Fault {
  return { answer: (exchange) => exchange.refuse(status, code, message) };
}

/** A redirect to wherever. */
export function answerRedirect(location: (exchange: Exchange) => string): Fault {
  return { answer: (exchange) => exchange.redirect(302, location(exchange)) };
}

/** A connection that breaks before any answer. */
export const refuseConnection: Fault = { answer: ({ request }) => void request.socket.resetAndDestroy() };

/** Silence. */
export const neverAnswer: Fault = { answer: () => {} };
