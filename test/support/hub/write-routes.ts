/** What the Hub answers to writers: new repositories and branches, uploads by LFS, commits and pull requests. */
import { createHash } from 'node:crypto';
import type { Exchange } from './exchange.js';
import type { LoopbackHub } from './loopback-hub.js';
import { type FileContent, memoryFile, type Repository, type StoredFile, storedFile } from './repository.js';
import { findRevision, type Route } from './routes.js';

/** A file that arrived in storage. */
interface Uploaded {
  readonly size: number;
  readonly content: FileContent;
}

export interface WriteOptions {
  /** Files above so many bytes are asked for in parts of this size. */
  readonly partBytes?: number;
  /** Whether what arrives is forgotten but for its hash, so that files larger than memory can be pushed. */
  readonly forgetful?: boolean;
}

/** What a commit was made with. */
export interface SeenCommit {
  readonly repo: string;
  readonly revision: string;
  readonly isPullRequest: boolean;
  readonly summary: string;
  /** Paths by how they came. */
  readonly regular: readonly string[];
  readonly lfs: readonly string[];
  readonly removed: readonly string[];
}

/** The part of the loopback Hub that takes things in. Give `routes` to `LoopbackHub.start`. */
export class WritableHub {
  readonly commits: SeenCommit[] = [];
  readonly stored = new Map<string, Uploaded>();
  /** Bodies of parts by upload and number. */
  readonly #parts = new Map<string, Map<number, { etag: string; bytes: Buffer }>>();
  readonly #options: WriteOptions;

  constructor(options: WriteOptions = {}) {
    this.#options = options;
  }

  get routes(): readonly Route[] {
    return [
      { method: 'POST', pattern: /^\/api\/repos\/create$/, handle: signedIn((hub, exchange) => create(hub, exchange)) },
      {
        method: 'POST',
        pattern: /^\/api\/models\/([^/]+\/[^/]+)\/branch\/(.+)$/,
        handle: signedIn((hub, exchange, [name, branch]) => makeBranch(hub, exchange, name!, branch!)),
      },
      {
        method: 'POST',
        pattern: /^\/api\/models\/([^/]+\/[^/]+)\/preupload\/(.+)$/,
        handle: signedIn((hub, exchange, [name, revision]) => preupload(hub, exchange, name!, revision!)),
      },
      {
        method: 'POST',
        pattern: /^\/([^/]+\/[^/]+)\.git\/info\/lfs\/objects\/batch$/,
        handle: signedIn((hub, exchange) => this.#batch(hub, exchange)),
      },
      {
        method: 'POST',
        pattern: /^\/complete\/([0-9a-f]{64})$/,
        handle: (_, exchange, [oid]) => this.#complete(exchange, oid!),
      },
      {
        method: 'POST',
        pattern: /^\/api\/models\/([^/]+\/[^/]+)\/commit\/(.+)$/,
        handle: signedIn((hub, exchange, [name, revision]) => this.#commit(hub, exchange, name!, revision!)),
      },
    ];
  }

  /** What storage answers; give it to `LoopbackHub.start` too. */
  readonly receive = async (hub: LoopbackHub, exchange: Exchange): Promise<void> => {
    const [, oid, part] = /^\/uploads\/([0-9a-f]{64})(?:\/(\d+))?$/.exec(exchange.url.pathname) ?? [];
    if (oid === undefined || exchange.url.searchParams.get('Signature') !== hub.signature) {
      exchange.head(403, { 'Content-Type': 'application/xml' });
      return void exchange.response.end('<Error><Code>AccessDenied</Code></Error>');
    }
    const hash = createHash('sha256');
    const chunks: Buffer[] = [];
    let size = 0;
    for await (const chunk of exchange.request) {
      hash.update(chunk as Buffer);
      size += (chunk as Buffer).length;
      if (!this.#options.forgetful) chunks.push(chunk as Buffer);
    }
    const bytes = Buffer.concat(chunks);
    if (part !== undefined) {
      const parts = this.#parts.get(oid) ?? new Map();
      const etag = `"part-${part}-${size}"`;
      this.#parts.set(oid, parts.set(Number(part), { etag, bytes }));
      return void exchange.empty(200, { ETag: etag });
    }
    if (hash.digest('hex') !== oid) return void exchange.empty(400);
    this.#store(oid, size, bytes);
    exchange.empty(200, { ETag: `"${oid.slice(0, 8)}"` });
  };

  #store(oid: string, size: number, bytes: Buffer): void {
    const content = { size, slice: (begin: number, end: number) => bytes.subarray(begin, end) };
    this.stored.set(oid, { size, content });
  }

  async #batch(hub: LoopbackHub, exchange: Exchange): Promise<void> {
    const { objects } = JSON.parse((await exchange.body()).toString()) as { objects: { oid: string; size: number }[] };
    const { partBytes = Number.POSITIVE_INFINITY } = this.#options;
    const answers = objects.map(({ oid, size }) => {
      if (this.stored.has(oid)) return { oid, size };
      const address = (part = '') => `${hub.origin('cdn')}/uploads/${oid}${part}?Signature=${hub.signature}`;
      if (size <= partBytes) return { oid, size, actions: { upload: { href: address() } } };
      const count = Math.ceil(size / partBytes);
      const parts = Array.from({ length: count }, (_, i) => [String(i + 1).padStart(5, '0'), address(`/${i + 1}`)]);
      const header = { chunk_size: String(partBytes), ...Object.fromEntries(parts) };
      return { oid, size, actions: { upload: { href: `${hub.endpoint}/complete/${oid}`, header } } };
    });
    exchange.json(200, { transfer: 'basic', objects: answers });
  }

  async #complete(exchange: Exchange, oid: string): Promise<void> {
    const { parts: named } = JSON.parse((await exchange.body()).toString()) as {
      parts: { partNumber: number; etag: string }[];
    };
    const arrived = this.#parts.get(oid) ?? new Map<number, { etag: string; bytes: Buffer }>();
    if (named.some(({ partNumber, etag }) => arrived.get(partNumber)?.etag !== etag)) return exchange.json(400, {});
    const bytes = Buffer.concat(named.map(({ partNumber }) => arrived.get(partNumber)!.bytes));
    if (!this.#options.forgetful && createHash('sha256').update(bytes).digest('hex') !== oid) {
      return exchange.json(400, { error: 'wrong hash' });
    }
    this.#store(oid, bytes.length, bytes);
    exchange.json(200, { success: true });
  }

  async #commit(hub: LoopbackHub, exchange: Exchange, name: string, revision: string): Promise<void> {
    const lines = (await exchange.body()).toString().split('\n');
    const found = findRevision(hub, exchange, name, revision);
    if (found === undefined) return;
    const { repository, files } = found;
    const next = new Map(files);
    const seen = { summary: '', regular: [] as string[], lfs: [] as string[], removed: [] as string[] };
    for (const line of lines) {
      const { key, value } = JSON.parse(line);
      if (key === 'header') seen.summary = value.summary;
      else if (key === 'file') {
        seen.regular.push(value.path);
        next.set(value.path, memoryFile(value.path, Buffer.from(value.content, 'base64')));
      } else if (key === 'lfsFile') {
        const uploaded = this.stored.get(value.oid);
        if (uploaded === undefined) return exchange.json(400, { error: `${value.path} was not uploaded` });
        seen.lfs.push(value.path);
        next.set(value.path, storedFile(value.path, uploaded.content, value.oid));
      } else {
        seen.removed.push(value.path);
        next.delete(value.path);
      }
    }
    const isPullRequest = exchange.url.searchParams.get('create_pr') === '1';
    this.commits.push({ repo: name, revision, isPullRequest, ...seen });
    exchange.json(200, this.#land(hub, repository, next, isPullRequest ? undefined : revision));
  }

  #land(hub: LoopbackHub, repository: Repository, files: ReadonlyMap<string, StoredFile>, branch: string | undefined) {
    const number = [...repository.refs.keys()].filter((ref) => ref.startsWith('refs/pr/')).length + 1;
    const oid = repository.commit([...files.values()], branch ?? `refs/pr/${number}`);
    const pullRequestUrl = `${hub.endpoint}/${repository.name}/discussions/${number}`;
    const commitUrl = `${hub.endpoint}/${repository.name}/commit/${oid}`;
    return { success: true, commitOid: oid, commitUrl, ...(branch === undefined ? { pullRequestUrl } : {}) };
  }
}

type Handle = (hub: LoopbackHub, exchange: Exchange, groups: readonly string[]) => unknown;

/** Writing is for those with the Hub's token. */
function signedIn(handle: Handle): Route['handle'] {
  return (hub, exchange, groups) => {
    const refusal = { error: 'Invalid credentials in Authorization header' };
    return hub.isSignedIn(exchange) ? handle(hub, exchange, groups) : exchange.json(401, refusal);
  };
}

async function create(hub: LoopbackHub, exchange: Exchange): Promise<void> {
  const { name, organization, visibility } = JSON.parse((await exchange.body()).toString());
  const id = `${organization}/${name}`;
  if (hub.repositories.has(id)) return exchange.json(409, { error: 'You already created this model repo' });
  hub.add(id, [memoryFile('.gitattributes', '*.safetensors filter=lfs\n')], { private: visibility === 'private' });
  exchange.json(200, { url: `${hub.endpoint}/${id}`, id });
}

function makeBranch(hub: LoopbackHub, exchange: Exchange, name: string, branch: string): void {
  const found = findRevision(hub, exchange, name, 'main');
  const refs = found?.repository.refs;
  if (refs?.has(branch)) exchange.json(409, { error: 'Reference already exists' });
  else if (refs !== undefined) {
    refs.set(branch, found!.commit);
    exchange.json(201, { success: true });
  }
}

async function preupload(hub: LoopbackHub, exchange: Exchange, name: string, revision: string): Promise<void> {
  const { files } = JSON.parse((await exchange.body()).toString()) as { files: { path: string; size: number }[] };
  if (findRevision(hub, exchange, name, revision) === undefined) return;
  const modes = files.map(({ path }) => ({
    path,
    uploadMode: /\.safetensors$|tokenizer\.json$/.test(path) ? 'lfs' : 'regular',
    shouldIgnore: false,
  }));
  exchange.json(200, { files: modes });
}
