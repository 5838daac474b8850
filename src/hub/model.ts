/** A model on the Hub at one commit: its headers by ranges, its files in the cache. */
import { M2MergeError } from '../errors.js';
import { openFileSource } from '../io/file.js';
import type { ByteSource } from '../io/source.js';
import { asWriteError } from '../io/write-error.js';
import { type Warning, warning } from '../warnings.js';
import { CachedRepository } from './cache-layout.js';
import { checkRevision, type HubName } from './endpoint.js';
import type { HubModel, HubOrigin } from './hub-model.js';
import { openOfflineModel } from './offline.js';
import { isReady, type PullOptions, type PullTarget, pullFiles } from './pull.js';
import { RemoteFile, RemoteSource } from './range.js';
import { type HubCommit, type HubFile, resolveCommit } from './repository.js';
import type { HubConnection } from './request.js';

/** Resolves a name to a commit. Throws the refusals of `refusalOf`, and `hub-offline`. */
export async function openHubModel(connection: HubConnection, name: HubName): Promise<HubModel> {
  const { cacheFolder, symlinks, offline } = connection.environment;
  const revision = checkRevision(name);
  if (offline) return openOfflineModel(new CachedRepository(cacheFolder, name.repo, symlinks), name);
  const commit = await resolveCommit(connection, name);
  const cache = new CachedRepository(cacheFolder, commit.repo, symlinks);
  return new OnlineModel(connection, cache, commit, { ...name, revision });
}

class OnlineModel implements HubModel {
  readonly folder: string;
  readonly origin: HubOrigin;
  readonly warnings: readonly Warning[];
  readonly #connection: HubConnection;
  readonly #cache: CachedRepository;
  readonly #files: ReadonlyMap<string, HubFile>;
  readonly #revision: string;
  readonly #remotes = new Map<string, RemoteFile>();

  constructor(
    connection: HubConnection,
    cache: CachedRepository,
    { repo, commit, files }: HubCommit,
    asked: { readonly repo: string; readonly revision: string },
  ) {
    this.#connection = connection;
    this.#cache = cache;
    this.#files = files;
    this.#revision = asked.revision;
    this.folder = cache.snapshot(commit);
    this.origin = { repo, commit };
    this.warnings = repo === asked.repo ? [] : [warning('hub-renamed', { from: asked.repo, to: repo })];
  }

  get paths(): readonly string[] {
    return [...this.#files.keys()];
  }

  describe(name: string): string {
    const { repo, commit } = this.origin;
    return `${repo}@${commit.slice(0, 8)}/${name}`;
  }

  async list(): Promise<readonly string[]> {
    return this.paths.filter((path) => !path.includes('/'));
  }

  byteLength(path: string): number {
    return this.#file(path).byteLength;
  }

  /** Small files are taken into the cache; of large ones that are not there, the ranges read are fetched. */
  async open(name: string): Promise<ByteSource> {
    const file = this.#file(name);
    const isHeaderOnly = name.endsWith('.safetensors');
    if (!isHeaderOnly) await this.pull([name]);
    const path = await this.#cache.find(this.origin.commit, name);
    if (path !== undefined) {
      const source = await openFileSource(path);
      if (source.byteLength === file.byteLength) return source;
      await source.close();
    }
    return new RemoteSource(this.describe(name), this.remote(name));
  }

  async pull(paths: readonly string[], options: PullOptions = {}): Promise<readonly Warning[]> {
    const files = paths.map((path) => this.#file(path));
    return this.#inCache(async () => {
      const warnings = await pullFiles(this.#target(), files, options);
      await this.#cache.writeRef(this.#revision, this.origin.commit);
      return warnings;
    });
  }

  isCached(path: string): Promise<boolean> {
    return this.#inCache(() => isReady(this.#target(), this.#file(path), {}));
  }

  remote(path: string): RemoteFile {
    const known = this.#remotes.get(path);
    if (known !== undefined) return known;
    const { repo, commit } = this.origin;
    const remote = new RemoteFile(this.#connection, repo, commit, this.#file(path));
    this.#remotes.set(path, remote);
    return remote;
  }

  explain(error: unknown): unknown {
    return error;
  }

  /** Work that may write to the cache. Throws `disk-full` and `output-unwritable` where it cannot be. */
  #inCache<T>(work: () => Promise<T>): Promise<T> {
    return work().catch((error: unknown) => {
      throw asWriteError(error, this.#cache.folder);
    });
  }

  #target(): PullTarget {
    return {
      ...this.origin,
      cache: this.#cache,
      signal: this.#connection.signal,
      remote: ({ path }) => this.remote(path),
    };
  }

  #file(path: string): HubFile {
    const file = this.#files.get(path);
    if (file === undefined) throw new M2MergeError('hub-file-missing', { repo: this.origin.repo, file: path });
    return file;
  }
}
