/** Names on the Hub: ids, revisions and files of repositories, checked before they become part of an address or path. */
import { M2MergeError } from '../errors.js';

/** A repository as a recipe or the command line names it. */
export interface HubName {
  /** `org/name`, or `name` for the few old models without one. */
  readonly repo: string;
  /** Branch, tag or commit; undefined for the default branch. */
  readonly revision: string | undefined;
}

const SCHEME = 'hf://';

/** Names of users and repositories; no dots or dashes in a row, which the Hub does not allow. */
const PART = '(?!.*(?:--|\\.\\.))[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,94}[A-Za-z0-9_])?';
const ID = new RegExp(`^${PART}/${PART}$`);
const OLD_ID = new RegExp(`^${PART}$`);

const COMMIT = /^[0-9a-f]{40}$/;

/** Characters of a branch or tag that are safe in addresses and paths. */
const REVISION = /^[A-Za-z0-9_][A-Za-z0-9_.+-]*(?:\/[A-Za-z0-9_][A-Za-z0-9_.+-]*)*$/;

/** The repository that `path` (without revision) names, if it reads like one: `org/name` or `hf://org/name`. */
export function readHubName(path: string, revision: string | undefined): HubName | undefined {
  const named = path.startsWith(SCHEME);
  const repo = named ? path.slice(SCHEME.length) : path;
  return ID.test(repo) || (named && OLD_ID.test(repo)) ? { repo, revision } : undefined;
}

/** Whether a path can be nothing else than the name of a repository. */
export function isHubAddress(path: string): boolean {
  return path.startsWith(SCHEME);
}

/** A revision that may become part of an address or a path. Throws `hub-revision-missing`. */
export function checkRevision({ repo, revision = 'main' }: HubName): string {
  if (REVISION.test(revision) && !revision.includes('..') && revision.length <= 200) return revision;
  throw new M2MergeError('hub-revision-missing', { repo, revision });
}

/** Whether a text is the full id of a commit, which never moves. */
export function isCommit(text: string): boolean {
  return COMMIT.test(text);
}

/**
 * Whether a repository's file name can be joined to a folder and to an address: relative, no empty or dotted segments,
 * no backslash, drive letter, percent escape or control character. Names come from whoever made the repository.
 */
export function isSafeFileName(path: string): boolean {
  return path.split('/').every((segment) => /^[^\\:%\p{C}]{1,255}$/u.test(segment) && !/^\.{1,2}$/.test(segment));
}

/**
 * Address of a file at a commit. The library joins paths without encoding, so that `#` and `?` in a name cut it off and
 * `..` reaches other repositories; here every segment is checked and encoded.
 */
export function fileAddress(endpoint: string, repo: string, commit: string, path: string): string {
  if (!isSafeFileName(path) || !isCommit(commit)) throw new M2MergeError('hub-file-missing', { repo, file: path });
  return `${endpoint}/${repo}/resolve/${commit}/${path.split('/').map(encodeURIComponent).join('/')}`;
}
