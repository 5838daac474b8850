/** What the Hub answers to readers: model information, trees, paths and files. Routes for writers go beside it. */
import type { Distortion, Exchange } from './exchange.js';
import type { LoopbackHub } from './loopback-hub.js';
import type { Repository, StoredFile } from './repository.js';

export interface Route {
  readonly method: string;
  /** Matched against the decoded path; groups are handed to `handle`. */
  readonly pattern: RegExp;
  /** `distortion` is what a fault wants changed of the file that is sent. */
  handle(hub: LoopbackHub, exchange: Exchange, groups: readonly string[], distortion: Distortion | undefined): unknown;
}

/** Entries of one page of a tree. */
const PAGE_ENTRIES = 1000;

export const READ_ROUTES: readonly Route[] = [
  {
    method: 'GET',
    pattern: /^\/api\/models\/([^/]+\/[^/]+)(?:\/revision\/(.+))?$/,
    handle(hub, exchange, [name, revision = 'HEAD']) {
      const found = findRevision(hub, exchange, name!, revision);
      if (found === undefined) return;
      const { repository, commit, files } = found;
      const { options } = repository;
      exchange.json(200, {
        _id: commit.slice(0, 24),
        id: repository.name,
        private: options.private ?? false,
        gated: options.gated ? 'manual' : false,
        downloads: 0,
        likes: 0,
        lastModified: '2026-01-01T00:00:00.000Z',
        sha: commit,
        siblings: [...files.keys()].map((rfilename) => ({ rfilename })),
      });
    },
  },
  {
    method: 'GET',
    pattern: /^\/api\/models\/([^/]+\/[^/]+)\/tree\/([^/]+)$/,
    handle(hub, exchange, [name, revision]) {
      const found = findRevision(hub, exchange, name!, revision!);
      if (found === undefined) return;
      const entries = [...found.files.values()];
      const first = Number(exchange.url.searchParams.get('cursor') ?? 0);
      const next = new URL(exchange.url);
      next.searchParams.set('cursor', String(first + PAGE_ENTRIES));
      const link = first + PAGE_ENTRIES < entries.length ? { Link: `<${next}>; rel="next"` } : undefined;
      exchange.json(200, entries.slice(first, first + PAGE_ENTRIES).map(describeFile), link);
    },
  },
  {
    method: 'POST',
    pattern: /^\/api\/models\/([^/]+\/[^/]+)\/paths-info\/(.+)$/,
    async handle(hub, exchange, [name, revision]) {
      const { paths } = JSON.parse((await exchange.body()).toString()) as { paths: string[] };
      const found = findRevision(hub, exchange, name!, revision!);
      if (found === undefined) return;
      exchange.json(200, paths.flatMap((path) => found.files.get(path) ?? []).map(describeFile));
    },
  },
  { method: 'GET', pattern: /^\/([^/]+\/[^/]+)\/resolve\/([^/]+)\/(.+)$/, handle: resolveFile },
  { method: 'HEAD', pattern: /^\/([^/]+\/[^/]+)\/resolve\/([^/]+)\/(.+)$/, handle: resolveFile },
];

/** Large files are elsewhere: the answer says what they are and where. Small ones come at once. */
function resolveFile(
  hub: LoopbackHub,
  exchange: Exchange,
  [name, revision, path]: readonly string[],
  distortion: Distortion | undefined,
): unknown {
  const found = findRevision(hub, exchange, name!, revision!);
  if (found === undefined) return;
  const { repository, commit, files } = found;
  if (repository.options.gated && !hub.granted) {
    const message = `Access to model ${repository.name} is restricted and you are not in the authorized list. Visit http://hub/${repository.name} to ask for access.`;
    return exchange.refuse(hub.isSignedIn(exchange) ? 403 : 401, 'GatedRepo', message);
  }
  const file = files.get(path!);
  if (file === undefined) return exchange.refuse(404, 'EntryNotFound', 'Entry not found', { 'X-Repo-Commit': commit });
  const { oid, sha256, content } = file;
  if (sha256 === undefined) {
    return exchange.file(content, { ETag: `"${oid}"`, 'X-Repo-Commit': commit }, distortion);
  }
  const linked = { 'X-Repo-Commit': commit, 'X-Linked-Size': String(content.size), 'X-Linked-ETag': `"${sha256}"` };
  return exchange.redirect(302, hub.signedUrl(file), linked);
}

/** Finds a revision of a repository, or refuses as the Hub does to those who may not see it. */
export function findRevision(
  hub: LoopbackHub,
  exchange: Exchange,
  name: string,
  revision: string,
): { repository: Repository; commit: string; files: ReadonlyMap<string, StoredFile> } | undefined {
  const successor = hub.renamed.get(name);
  if (successor !== undefined) {
    exchange.redirect(307, `${exchange.url.pathname.replace(name, successor)}${exchange.url.search}`);
    return undefined;
  }
  const repository = hub.repositories.get(name);
  const signedIn = hub.isSignedIn(exchange);
  if (exchange.request.headers.authorization !== undefined && !signedIn) {
    exchange.json(401, { error: 'Invalid credentials in Authorization header' });
    return undefined;
  }
  if (repository === undefined || (repository.options.private && !signedIn)) {
    if (signedIn) exchange.refuse(404, 'RepoNotFound', 'Repository not found');
    else exchange.refuse(401, 'RepoNotFound', 'Invalid username or password.');
    return undefined;
  }
  const commit = repository.resolve(revision);
  if (commit === undefined) {
    exchange.refuse(404, 'RevisionNotFound', `Invalid rev id: ${revision}`);
    return undefined;
  }
  return { repository, commit, files: repository.commits.get(commit)! };
}

/** A file as trees and paths-info list it. */
function describeFile({ path, content, oid, sha256 }: StoredFile): object {
  const lfs = sha256 === undefined ? {} : { lfs: { oid: sha256, size: content.size, pointerSize: 134 } };
  return { type: 'file', oid, size: content.size, path, ...lfs };
}
