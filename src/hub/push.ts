/** Pushes a model folder to the Hub as one commit: large files by LFS in flat memory, and only those it lacks. */
import { pathToFileURL } from 'node:url';
import {
  type CommitOutput,
  type CommitProgressEvent,
  commitIter,
  createBranch,
  createRepo,
  modelInfo,
} from '@huggingface/hub';
import { isM2MergeError, M2MergeError } from '../errors.js';
import { checkRevision, readHubName } from './endpoint.js';
import type { HubEnvironment } from './environment.js';
import { checkNoPathShown, checkUnchanged, type LocalFile, listLocalFiles } from './push-files.js';
import { asHubError } from './refusal.js';
import { type HubCommit, resolveCommit } from './repository.js';
import { type ConnectionOptions, HubConnection } from './request.js';
import { Uploads } from './upload.js';

/** Longest wait for an answer, milliseconds: a commit of many files takes the Hub a while. */
const ANSWER_TIMEOUT = 120_000;

/** Commits attempted where storage refuses addresses that were good for an hour and are no more. */
const MAX_ROUNDS = 5;

/**
 * Makes the library's check for credentials content. It wants tokens that begin with `hf_`, which those of other Hubs do
 * not; the connection puts the real one in its place, and only for the Hub itself.
 */
const STAND_IN_TOKEN = 'hf_replaced';

/** Weights that would be loaded beside or instead of those pushed. */
const WEIGHT_FILE = /^(?:[^/]+\.safetensors|model\.safetensors\.index\.json)$/;

export interface PushOptions extends ConnectionOptions {
  /** Make the repository private when it is made; refuse one that is public. */
  readonly private?: boolean;
  /** Branch to push to, made when it is missing; `main` by default. */
  readonly branch?: string;
  /** Open a pull request instead. */
  readonly createPr?: boolean;
  /** Title of the commit. */
  readonly title?: string;
  readonly onProgress?: (progress: PushProgress) => void;
}

/** How far a push is. */
export type PushProgress =
  | { readonly phase: 'start'; readonly files: number; readonly bytes: number }
  | { readonly phase: 'hashing' | 'uploading' | 'committing' }
  | { readonly phase: 'hashed'; readonly file: string; readonly share: number }
  | { readonly phase: 'sent'; readonly bytes: number };

export interface PushResult {
  readonly repo: string;
  readonly commit: string;
  /** Where to look at what was pushed. */
  readonly url: string;
  readonly pullRequest: string | undefined;
  readonly files: number;
  readonly bytes: number;
  /** Bytes of large files that were sent; the Hub had the others. */
  readonly bytesSent: number;
  /** Weight files of the repository that the commit removed. */
  readonly removed: readonly string[];
  /** Whether the repository was made. */
  readonly created: boolean;
}

/** The repository that a name means. Throws `push-name-invalid`. */
function readTarget(name: string): string {
  const repo = readHubName(name, undefined)?.repo;
  if (repo?.includes('/')) return repo;
  throw new M2MergeError('push-name-invalid', { repo: name });
}

/** One push: where to, and how. */
export class Push {
  readonly #connection: HubConnection;
  readonly #repo: string;
  readonly #options: PushOptions;

  /** Throws `push-name-invalid`, `push-token-missing`, `push-offline` and `hub-revision-missing`. */
  constructor(environment: HubEnvironment, repo: string, options: PushOptions = {}) {
    this.#repo = readTarget(repo);
    this.#options = options;
    if (environment.offline) throw new M2MergeError('push-offline', { repo: this.#repo });
    if (environment.token === undefined) throw new M2MergeError('push-token-missing', { repo: this.#repo });
    // A name that no branch can have is refused now, not by the Hub after the merge.
    checkRevision({ repo: this.#repo, revision: options.branch });
    const answerTimeout = Math.max(environment.answerTimeout, ANSWER_TIMEOUT);
    this.#connection = new HubConnection({ ...environment, answerTimeout }, options);
  }

  /**
   * Looks whether the push can be: the token is good, and the repository (if there is one already) fits. Changes nothing.
   * Throws `hub-token-refused`, `push-forbidden`, `push-not-private`.
   */
  async check(): Promise<void> {
    await this.#find().catch((error: unknown) => {
      throw this.#explain(error);
    });
  }

  /** Pushes a folder. Throws what `check` and `listLocalFiles` throw, `push-path-shown`, `push-conflict`, and the Hub's refusals. */
  async run(folder: string): Promise<PushResult> {
    const files = await listLocalFiles(folder);
    await checkNoPathShown(folder, files);
    try {
      return await this.#push(files);
    } catch (error) {
      this.#connection.signal?.throwIfAborted();
      throw this.#explain(error);
    }
  }

  async #push(files: readonly LocalFile[]): Promise<PushResult> {
    const { onProgress, branch = 'main' } = this.#options;
    const found = await this.#find();
    const repo = found ?? (await this.#create());
    const present = await this.#prepareBranch(repo, branch);
    const removed = staleWeights(present, files);
    const bytes = files.reduce((total, { byteLength }) => total + byteLength, 0);
    onProgress?.({ phase: 'start', files: files.length, bytes });
    let bytesSent = 0;
    const uploads = new Uploads(
      this.#connection,
      { repo },
      {
        firstDelay: this.#options.firstDelay,
        beforeCommit: () => checkUnchanged(files),
        onBytes: (count) => {
          bytesSent += count;
          onProgress?.({ phase: 'sent', bytes: count });
        },
      },
    );
    const { commit, pullRequestUrl } = await this.#commit(repo, branch, files, removed, uploads);
    const { endpoint } = this.#connection.environment;
    const pullRequest = pullRequestUrl === undefined ? undefined : readPullRequest(pullRequestUrl, repo, endpoint);
    const url =
      pullRequest ??
      (branch === 'main' ? `${endpoint}/${repo}` : `${endpoint}/${repo}/tree/${encodeURIComponent(branch)}`);
    return {
      repo,
      commit: commit.oid,
      url,
      pullRequest,
      files: files.length,
      bytes,
      bytesSent,
      removed,
      created: found === undefined,
    };
  }

  /** The repository's present name; undefined when there is none. */
  async #find(): Promise<string | undefined> {
    const repo = this.#repo;
    try {
      const info = await modelInfo({ name: repo, ...this.#shared(repo) });
      if (this.#options.private && !info.private) throw new M2MergeError('push-not-private', { repo });
      return info.name;
    } catch (error) {
      if (isM2MergeError(error, 'hub-repo-missing')) return undefined;
      throw error;
    }
  }

  async #create(): Promise<string> {
    const repo = this.#repo;
    const visibility = this.#options.private ? { visibility: 'private' as const } : {};
    try {
      await createRepo({
        repo: { type: 'model', name: repo },
        accessToken: STAND_IN_TOKEN,
        ...visibility,
        ...this.#shared(repo),
      });
    } catch (error) {
      // Somebody else was faster, perhaps this program in another process.
      if (!isM2MergeError(error, 'hub-refused') || error.facts.status !== 409) throw error;
      await this.#find();
    }
    return repo;
  }

  /** What the branch holds; makes it where it is missing. */
  async #prepareBranch(repo: string, branch: string): Promise<HubCommit> {
    try {
      return await resolveCommit(this.#connection, { repo, revision: branch });
    } catch (error) {
      if (!isM2MergeError(error, 'hub-revision-missing') || branch === 'main') throw error;
      await createBranch({ repo: { type: 'model', name: repo }, branch, ...this.#shared(repo) });
      return resolveCommit(this.#connection, { repo, revision: branch });
    }
  }

  async #commit(
    repo: string,
    branch: string,
    files: readonly LocalFile[],
    removed: readonly string[],
    uploads: Uploads,
  ): Promise<CommitOutput> {
    const operations = [
      ...files.map(({ path, source }) => ({ operation: 'addOrUpdate' as const, path, content: pathToFileURL(source) })),
      ...removed.map((path) => ({ operation: 'delete' as const, path })),
    ];
    for (let round = 1; ; round++) {
      try {
        return await this.#followCommit(
          commitIter({
            repo: { type: 'model', name: repo },
            hubUrl: this.#connection.environment.endpoint,
            fetch: uploads.fetch,
            branch,
            isPullRequest: this.#options.createPr ?? false,
            title: this.#options.title ?? 'Push with m2merge',
            operations,
            // Xet takes 160 MB of memory for each file on its way, and a third of the speed.
            useXet: false,
            ...(this.#connection.signal === undefined ? {} : { abortSignal: this.#connection.signal }),
          }),
        );
      } catch (error) {
        const expired = isM2MergeError(error, 'hub-refused') && error.facts.status === 403;
        if (!expired || round === MAX_ROUNDS) throw error;
        await this.#connection.pause(0, 'the addresses for the upload have expired');
      }
    }
  }

  /** Carries the library's commit out and passes on what it says. */
  async #followCommit(commit: AsyncGenerator<CommitProgressEvent, CommitOutput | undefined>): Promise<CommitOutput> {
    const { onProgress } = this.#options;
    for (;;) {
      const { done, value } = await commit.next();
      if (done) {
        if (/^[0-9a-f]{40}$/.test(value?.commit?.oid ?? '')) return value!;
        throw new M2MergeError('hub-answer-invalid', { what: this.#repo, detail: 'it names no commit' });
      }
      if (value.event === 'phase') onProgress?.({ phase: PHASES[value.phase] });
      else if (value.state === 'hashing') onProgress?.({ phase: 'hashed', file: value.path, share: value.progress });
    }
  }

  #shared(repo: string) {
    return { hubUrl: this.#connection.environment.endpoint, fetch: this.#connection.api({ repo }) };
  }

  #explain(error: unknown): unknown {
    const known = asHubError(error, this.#repo);
    if (isM2MergeError(known, 'hub-forbidden'))
      return new M2MergeError('push-forbidden', known.facts, { cause: known });
    if (isM2MergeError(known, 'hub-refused') && (known.facts.status === 409 || known.facts.status === 412)) {
      const detail = known.facts.detail || 'another commit came in between';
      return new M2MergeError('push-conflict', { repo: this.#repo, detail }, { cause: known });
    }
    if (isM2MergeError(known, 'hub-refused') && known.facts.status !== 429) {
      const { status, detail } = known.facts;
      return new M2MergeError('push-refused', { repo: this.#repo, status, detail }, { cause: known });
    }
    return known;
  }
}

const PHASES = { preuploading: 'hashing', uploadingLargeFiles: 'hashing', committing: 'committing' } as const;

/** Weight files at the top of the repository that the folder does not replace, and that loaders would still find. */
function staleWeights({ files }: HubCommit, pushed: readonly LocalFile[]): string[] {
  const kept = new Set(pushed.map(({ path }) => path));
  const pushesWeights = pushed.some(({ path }) => WEIGHT_FILE.test(path));
  return pushesWeights ? [...files.keys()].filter((path) => WEIGHT_FILE.test(path) && !kept.has(path)).sort() : [];
}

/** The address of the pull request, made from its number: what the server says could lead anywhere. */
function readPullRequest(address: string, repo: string, endpoint: string): string {
  const number = /\/discussions\/(\d+)$/.exec(address)?.[1];
  if (number !== undefined) return `${endpoint}/${repo}/discussions/${number}`;
  throw new M2MergeError('hub-answer-invalid', { what: repo, detail: 'it names no pull request' });
}
