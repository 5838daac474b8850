/** When a request that failed is worth repeating, and how long to wait before. */

/** Requests made in all for one that keeps failing, as Python's client does. */
export const MAX_ATTEMPTS = 6;

/**
 * The same for a host that no name server knows, as long as nothing has answered yet: then its name is wrong or there is no
 * network, and neither mends itself in seconds.
 */
const ATTEMPTS_FOR_UNKNOWN_HOST = 2;

/** Codes of names that could not be resolved. */
const UNRESOLVED: ReadonlySet<string> = new Set(['ENOTFOUND', 'EAI_AGAIN']);

/** Wait before the first repetition, milliseconds; doubled for each further one. */
const FIRST_DELAY = 500;
const LONGEST_DELAY = 8000;

/** Longest wait that a server may ask for, milliseconds: the Hub's limits are per 5 minutes. */
const LONGEST_REQUESTED_DELAY = 310_000;

const PASSING_STATUS: ReadonlySet<number> = new Set([408, 425, 429, 500, 502, 503, 504]);

/** Whether a status may be another one later. */
export function isPassing(status: number): boolean {
  return PASSING_STATUS.has(status);
}

/** Requests to make in all for one that failed for `reason` before any answer came. */
export function attemptsUnanswered(reason: string): number {
  return UNRESOLVED.has(reason) ? ATTEMPTS_FOR_UNKNOWN_HOST : MAX_ATTEMPTS;
}

/**
 * Milliseconds to wait before attempt `attempt` (2 for the first repetition): what the server asks for in `Retry-After`
 * or `RateLimit`, else a doubling delay. Undefined when it asks for more than is sensible to wait.
 */
export function delayBefore(
  attempt: number,
  headers?: Headers | undefined,
  firstDelay: number = FIRST_DELAY,
): number | undefined {
  const requested = headers && requestedDelay(headers, Date.now());
  if (requested !== undefined) return requested > LONGEST_REQUESTED_DELAY ? undefined : requested;
  const full = Math.min(LONGEST_DELAY, firstDelay * 2 ** (attempt - 2));
  // Clients that failed together should not come back together.
  return full / 2 + (Math.random() * full) / 2;
}

function requestedDelay(headers: Headers, now: number): number | undefined {
  const after = headers.get('retry-after');
  if (after !== null) {
    if (/^\d+$/.test(after)) return 1000 * Number(after);
    const date = Date.parse(after);
    if (!Number.isNaN(date)) return Math.max(0, date - now);
  }
  // `"api";r=0;t=42`: no requests left, 42 seconds until there are. One more second, as the window must be over.
  const limit = headers.get('ratelimit');
  const seconds = limit === null || !/;\s*r=0\b/.test(limit) ? undefined : /;\s*t=(\d+)/.exec(limit)?.[1];
  return seconds === undefined ? undefined : 1000 * (Number(seconds) + 1);
}
