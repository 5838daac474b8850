/** What the Hub's refusals mean to the user. */
import { isM2MergeError, M2MergeError } from '../errors.js';

/** What was asked for. */
export interface Asked {
  readonly repo: string;
  readonly revision?: string;
  readonly file?: string;
}

/** Who asked, and where. */
export interface Asker {
  readonly endpoint: string;
  readonly signedIn: boolean;
}

/** Longest part of a server's own words that is shown, characters. */
const MAX_DETAIL = 200;

/** The error for an answer that is no success. `attempts` counts the requests made for it. */
export function refusalOf(response: Response, asked: Asked, asker: Asker, attempts: number): M2MergeError {
  const { status, headers } = response;
  const { repo, revision = 'main', file } = asked;
  const { endpoint, signedIn } = asker;
  const code = headers.get('x-error-code');
  const detail = shorten(headers.get('x-error-message') ?? '');
  const fromHub = response.url === '' || new URL(response.url).origin === new URL(endpoint).origin;
  if (code === 'GatedRepo') return new M2MergeError('hub-gated', { repo, page: `${endpoint}/${repo}`, signedIn });
  if (code === 'RevisionNotFound') return new M2MergeError('hub-revision-missing', { repo, revision });
  if (code === 'EntryNotFound') return new M2MergeError('hub-file-missing', { repo, file: file ?? '' });
  if (fromHub && status === 401 && signedIn && code !== 'RepoNotFound')
    return new M2MergeError('hub-token-refused', { repo, host: new URL(endpoint).host });
  if (fromHub && (status === 401 || (status === 404 && code === 'RepoNotFound')))
    return new M2MergeError('hub-repo-missing', { repo, signedIn });
  if (fromHub && status === 403)
    return new M2MergeError('hub-forbidden', { repo, detail: detail || 'no reason given' });
  if (fromHub && status === 404 && file === undefined) return new M2MergeError('hub-repo-missing', { repo, signedIn });
  return new M2MergeError('hub-refused', { what: describe(asked), status, detail, attempts });
}

/**
 * What an error of the library means: it takes the form of an answer for granted, so that anything else than JSON in that
 * form ends in errors of JavaScript. Their own text may hold addresses, which are signed.
 */
export function asHubError(error: unknown, repo: string): unknown {
  if (!(error instanceof Error) || isM2MergeError(error)) return error;
  const { statusCode } = error as { statusCode?: unknown };
  if (typeof statusCode !== 'number') {
    return new M2MergeError('hub-answer-invalid', { what: repo, detail: withoutAddresses(error.message) });
  }
  const facts = { what: repo, status: statusCode, detail: withoutAddresses(error.message), attempts: 1 };
  return new M2MergeError('hub-refused', facts);
}

/** What was asked for, in words that hold no address: addresses of the CDN are signed, and signatures are secrets. */
export function describe({ repo, file }: Asked): string {
  return file === undefined ? repo : `${file} of ${repo}`;
}

/** A server's words without control characters. */
function shorten(text: string): string {
  const plain = text.replace(/\p{C}+/gu, ' ').trim();
  return plain.length > MAX_DETAIL ? `${plain.slice(0, MAX_DETAIL)}…` : plain;
}

function withoutAddresses(text: string): string {
  return text
    .replaceAll(/https?:\/\/\S+/g, '…')
    .replaceAll(/\p{C}+/gu, ' ')
    .slice(0, MAX_DETAIL);
}
