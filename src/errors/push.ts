/** Failures of pushing to the Hub. Worded for `../errors.ts`. */
import type { Wording } from './wording.js';

export interface PushErrorFacts {
  'push-token-missing': { repo: string };
  'push-offline': { repo: string };
  'push-name-invalid': { repo: string };
  'push-not-private': { repo: string };
  'push-forbidden': { repo: string; detail: string };
  'push-conflict': { repo: string; detail: string };
  'push-refused': { repo: string; status: number; detail: string };
  'push-unanswered': { repo: string; reason: string };
  'push-changed': { file: string };
  'push-nothing': { folder: string };
  'push-file-unsafe': { file: string };
  'push-path-shown': { file: string; line: number };
}

/** Those that the same command may get over by itself. */
export const PASSING_PUSH_FAILURES: ReadonlySet<string> = new Set<keyof PushErrorFacts>([
  'push-refused',
  'push-unanswered',
]);

export const PUSH_WORDINGS: { readonly [K in keyof PushErrorFacts]: (facts: PushErrorFacts[K]) => Wording } = {
  'push-token-missing': ({ repo }) => ({
    message: `pushing to ${repo} needs a token`,
    hint: 'set HF_TOKEN to a token that may write, or log in with "hf auth login"',
  }),
  'push-offline': ({ repo }) => ({
    message: `HF_HUB_OFFLINE forbids to push to ${repo}`,
    hint: 'unset it, or set it to 0',
  }),
  'push-name-invalid': ({ repo }) => ({
    message: `"${repo}" is not the name of a repository`,
    hint: 'the form is org/name, or your-account/name',
  }),
  'push-not-private': ({ repo }) => ({
    message: `${repo} exists already and is public, but --private was asked for; nothing was sent`,
    hint: 'make the repository private in its settings, or name another one',
  }),
  'push-forbidden': ({ repo, detail }) => ({
    message: `the Hub does not allow writing to ${repo}: ${detail}`,
    hint: 'use a token that may write there; where you may not, --create-pr proposes the model instead',
  }),
  'push-conflict': ({ repo, detail }) => ({
    message: `${repo} did not take the commit: ${detail}`,
    hint: 'push again: files that arrived are not sent a second time',
  }),
  'push-refused': ({ repo, status, detail }) => ({
    message: `the Hub answered ${status} for ${repo}${detail === '' ? '' : `: ${detail}`}`,
    hint: 'push again later: files that arrived are not sent a second time',
  }),
  'push-unanswered': ({ repo, reason }) => ({
    message: `the answer to the commit to ${repo} got lost (${reason}); the commit may be there or not`,
    hint: 'look at the repository, then push again: files that arrived are not sent a second time',
  }),
  'push-changed': ({ file }) => ({
    message: `${file} was changed while it was pushed; no commit was made`,
    hint: 'push again when nothing writes to the folder any more',
  }),
  'push-nothing': ({ folder }) => ({ message: `${folder} holds no files to push` }),
  'push-file-unsafe': ({ file }) => ({
    message: `"${file}" cannot be the name of a file on the Hub`,
    hint: 'rename it, or move it out of the folder',
  }),
  'push-path-shown': ({ file, line }) => ({
    message: `${file}:${line} names a folder of this machine; nothing was sent`,
    hint: 'remove the path: what is pushed can be read by others',
  }),
};
