/** Failures of the Hub: repositories that cannot be read, answers that cannot be right. Worded for `../errors.ts`. */
import type { Wording } from './wording.js';

/** Where the model was named, when it was in a recipe, and the folders that could have been meant. */
export interface NamedIn {
  readonly place?: string;
  readonly searched?: readonly string[];
  /** A folder there with nearly that name, as a recipe would name it. */
  readonly nearby?: string | undefined;
}

export interface HubErrorFacts {
  'hub-repo-missing': { repo: string; signedIn: boolean } & NamedIn;
  'hub-token-refused': { repo: string; host: string } & NamedIn;
  'hub-gated': { repo: string; page: string; signedIn: boolean } & NamedIn;
  'hub-forbidden': { repo: string; detail: string } & NamedIn;
  'hub-revision-missing': { repo: string; revision: string } & NamedIn;
  'hub-file-missing': { repo: string; file: string };
  'hub-offline': { model: string; missing: string } & NamedIn;
  'hub-refused': { what: string; status: number; detail: string; attempts: number };
  'hub-unreachable': { host: string; reason: string } & NamedIn;
  'hub-answer-invalid': { what: string; detail: string };
  'hub-file-corrupt': {
    repo: string;
    file: string;
    property: 'size' | 'sha256' | 'Git id';
    expected: string;
    found: string;
  };
}

const placed = ({ place }: NamedIn): string => (place === undefined ? '' : `${place}: `);

/** A name on the Hub that reads like a path may have been meant as one. */
const searched = ({ searched: folders = [], nearby }: NamedIn): string => {
  const meant = nearby === undefined ? '' : `, but there is ${nearby}`;
  return folders.length === 0 ? '' : `there is no folder ${folders.join(' or ')} either${meant}; `;
};

export const HUB_WORDINGS: { readonly [K in keyof HubErrorFacts]: (facts: HubErrorFacts[K]) => Wording } = {
  'hub-repo-missing': ({ repo, signedIn, ...named }) => ({
    message: signedIn
      ? `${placed(named)}${repo} is not on the Hub, or is private and not shared with the account of this token`
      : `${placed(named)}${repo} is not on the Hub, or is private`,
    hint: `${searched(named)}check the name; for a private repository ${signedIn ? 'use a token of an account that may read it' : 'set HF_TOKEN (or log in with "hf auth login")'}`,
  }),
  'hub-token-refused': ({ repo, host, ...named }) => ({
    message: `${placed(named)}${host} does not accept the token that was sent for ${repo}`,
    hint: 'it may have expired: make a new one in the settings of your account and set HF_TOKEN, or unset it to read public models',
  }),
  'hub-gated': ({ repo, page, signedIn, ...named }) => ({
    message: signedIn
      ? `${placed(named)}${repo} is gated, and the account of this token has no access to it`
      : `${placed(named)}${repo} is gated: it can be read only after its conditions are accepted`,
    hint: `accept the conditions at ${page}${signedIn ? '' : ', then set HF_TOKEN (or log in with "hf auth login")'}`,
  }),
  'hub-forbidden': ({ repo, detail, ...named }) => ({
    message: `${placed(named)}the Hub does not allow reading ${repo}: ${detail}`,
    hint: 'check what the token may read; fine-grained tokens name their repositories',
  }),
  'hub-revision-missing': ({ repo, revision, ...named }) => ({
    message: `${placed(named)}${repo} has no revision "${revision}"`,
    hint: 'name a branch, a tag or a full commit id',
  }),
  'hub-file-missing': ({ repo, file }) => ({ message: `${repo} has no file "${file}"` }),
  'hub-offline': ({ model, missing, ...named }) => ({
    message: `${placed(named)}${missing} of ${model} is not in the cache, and HF_HUB_OFFLINE forbids to fetch it`,
    hint: `${searched(named)}fetch it while online with "m2merge pull ${model}"`,
  }),
  'hub-refused': ({ what, status, detail, attempts }) => ({
    message: `the Hub answered ${status} for ${what}${detail === '' ? '' : `: ${detail}`}${attempts > 1 ? ` (after ${attempts} attempts)` : ''}`,
    hint:
      status === 429
        ? 'too many requests: wait some minutes; with HF_TOKEN set the limits are higher'
        : 'try again later; what was fetched completely stays in the cache',
  }),
  'hub-unreachable': ({ host, reason, ...named }) => ({
    message: `${placed(named)}cannot reach ${host}: ${reason}`,
    hint: `${searched(named)}check the network, HF_ENDPOINT and the proxy settings; with HF_HUB_OFFLINE=1 only the cache is used`,
  }),
  'hub-answer-invalid': ({ what, detail }) => ({
    message: `the answer for ${what} cannot be right: ${detail}`,
    hint: 'a proxy or mirror in between may change answers; try without it',
  }),
  'hub-file-corrupt': ({ repo, file, property, expected, found }) => ({
    message: `${file} of ${repo} arrived damaged: its ${property} is ${found}, the repository says ${expected}`,
    hint: 'nothing of it was kept; a proxy or mirror in between may change files',
  }),
};

/** Failures that get a place in the recipe when a model of it causes them. */
export const HUB_FAILURES_OF_MODELS: ReadonlySet<string> = new Set<keyof HubErrorFacts>([
  'hub-repo-missing',
  'hub-token-refused',
  'hub-gated',
  'hub-forbidden',
  'hub-revision-missing',
  'hub-offline',
  'hub-unreachable',
]);

/** Failures that may pass by themselves have the exit code `network`; the others are for the user to mend. */
export const HUB_FAILURES_OF_NETWORK: ReadonlySet<string> = new Set<keyof HubErrorFacts>([
  'hub-refused',
  'hub-unreachable',
  'hub-answer-invalid',
  'hub-file-corrupt',
]);
