/** What a name on the Hub means: a commit, and the files it has with their sizes and hashes. */
import { listFiles, modelInfo } from '@huggingface/hub';
import { M2MergeError } from '../errors.js';
import { checkRevision, type HubName, isCommit, isSafeFileName } from './endpoint.js';
import { asHubError } from './refusal.js';
import type { HubConnection } from './request.js';

/** Files of a repository that are listed; the largest known have some ten thousand. */
const MAX_FILES = 200_000;

/** A file as a commit has it. */
export interface HubFile {
  readonly path: string;
  readonly byteLength: number;
  /** Git's id of the file (or of the pointer to it), 40 hex digits. */
  readonly oid: string;
  /** Hex sha256 of a file that Git keeps outside (LFS, Xet). */
  readonly sha256: string | undefined;
}

/** A repository at one commit. */
export interface HubCommit {
  /** The repository's present name. */
  readonly repo: string;
  /** Full id. */
  readonly commit: string;
  /** By path. Files whose names are unsafe to use are left out. */
  readonly files: ReadonlyMap<string, HubFile>;
}

/**
 * Finds the commit that a name means now, and lists its files. Everything after uses the commit, so that a branch that
 * moves meanwhile changes nothing. Throws what requests throw, and `hub-answer-invalid`.
 */
export async function resolveCommit(connection: HubConnection, name: HubName): Promise<HubCommit> {
  const revision = checkRevision(name);
  try {
    return await readCommit(connection, name, revision);
  } catch (error) {
    connection.signal?.throwIfAborted();
    throw asHubError(error, name.repo);
  }
}

async function readCommit(connection: HubConnection, name: HubName, revision: string): Promise<HubCommit> {
  const asked = { repo: name.repo, revision };
  const shared = { hubUrl: connection.environment.endpoint, fetch: connection.api(asked) };
  const info = await modelInfo({ ...shared, name: name.repo, revision, additionalFields: ['sha'] });
  const invalid = (detail: string) => new M2MergeError('hub-answer-invalid', { what: name.repo, detail });
  if (typeof info.sha !== 'string' || !isCommit(info.sha)) throw invalid('it names no commit');
  const repo = typeof info.name === 'string' && /^[\w.-]+(\/[\w.-]+)?$/.test(info.name) ? info.name : name.repo;
  const files = new Map<string, HubFile>();
  // By commit, since the library puts the revision into the address unencoded and `refs/pr/1` would break it.
  for await (const entry of listFiles({
    ...shared,
    repo: { type: 'model', name: repo },
    revision: info.sha,
    recursive: true,
  })) {
    if (entry.type !== 'file' || typeof entry.path !== 'string' || !isSafeFileName(entry.path)) continue;
    const { path, size, oid = '', lfs } = entry;
    const sha256 = lfs?.oid;
    if (!/^[0-9a-f]{40}$/.test(oid) || (sha256 !== undefined && !/^[0-9a-f]{64}$/.test(sha256)))
      throw invalid(`it lists "${path}" without a usable hash`);
    const byteLength = lfs?.size ?? size;
    if (!Number.isSafeInteger(byteLength) || byteLength < 0)
      throw invalid(`it lists "${path}" with ${byteLength} bytes`);
    files.set(path, { path, byteLength, oid, sha256 });
    if (files.size > MAX_FILES) throw invalid(`it lists more than ${MAX_FILES} files`);
  }
  return { repo, commit: info.sha, files };
}
