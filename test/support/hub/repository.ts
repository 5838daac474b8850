/** Repositories of the loopback Hub: files under commits, as Git and LFS identify them. */
import { createHash } from 'node:crypto';
import { closeSync, openSync, readdirSync, readSync, statSync } from 'node:fs';
import { join } from 'node:path';

/** Bytes of a file, wherever they are. */
export interface FileContent {
  readonly size: number;
  /** Bytes [begin, end). */
  slice(begin: number, end: number): Buffer;
}

export interface StoredFile {
  readonly path: string;
  readonly content: FileContent;
  /** Git's object id: of the file, or of the pointer that stands for it in LFS. */
  readonly oid: string;
  /** Hex sha256 of a file in LFS. */
  readonly sha256: string | undefined;
}

export interface RepositoryOptions {
  /** Only for requests with the Hub's token. */
  readonly private?: boolean;
  /** Weights only for those who were granted access; information for all. */
  readonly gated?: boolean;
}

const LFS_FILE = /\.(?:safetensors|bin|model|gguf)$|(?:^|\/)tokenizer\.json$/;

export class Repository {
  readonly name: string;
  readonly options: RepositoryOptions;
  readonly commits = new Map<string, ReadonlyMap<string, StoredFile>>();
  /** Commits by branch or tag. */
  readonly refs = new Map<string, string>();

  constructor(name: string, options: RepositoryOptions) {
    this.name = name;
    this.options = options;
  }

  /** Makes a commit with exactly these files and points the branch to it. Returns its id. */
  commit(files: readonly StoredFile[], branch = 'main'): string {
    const hash = createHash('sha1').update(`${this.name} ${this.commits.size}`);
    for (const { path, oid } of files) hash.update(`${path} ${oid}\n`);
    const id = hash.digest('hex');
    this.commits.set(id, new Map(files.map((file) => [file.path, file])));
    this.refs.set(branch, id);
    return id;
  }

  /** The commit a revision means; `HEAD` is `main`. */
  resolve(revision: string): string | undefined {
    if (this.commits.has(revision)) return revision;
    return this.refs.get(revision === 'HEAD' ? 'main' : revision);
  }
}

/** A file held in memory. */
export function memoryFile(path: string, bytes: Uint8Array | string): StoredFile {
  const buffer = Buffer.from(bytes as Uint8Array);
  const content = { size: buffer.length, slice: (begin: number, end: number) => buffer.subarray(begin, end) };
  return storedFile(path, content, createHash('sha256').update(buffer).digest('hex'));
}

/** A file that stays on disk; `sha256` is computed when it is not given. */
function diskFile(path: string, source: string, sha256?: string): StoredFile {
  const descriptor = openSync(source, 'r');
  const size = statSync(source).size;
  const slice = (begin: number, end: number): Buffer => {
    const bytes = Buffer.allocUnsafe(end - begin);
    return bytes.subarray(0, readSync(descriptor, bytes, 0, bytes.length, begin));
  };
  const content = { size, slice, close: () => closeSync(descriptor) };
  return storedFile(path, content, sha256 ?? digest(content, createHash('sha256')));
}

/** Every file of a folder. */
export function folderFiles(folder: string): StoredFile[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((path) => statSync(join(folder, path)).isFile())
    .map((path) => diskFile(path, join(folder, path)));
}

/** A file of this content and sha256; by its name it is in LFS or not. */
export function storedFile(path: string, content: FileContent, sha256: string): StoredFile {
  if (!LFS_FILE.test(path)) return { path, content, oid: gitOid(content), sha256: undefined };
  const pointer = Buffer.from(
    `version https://git-lfs.github.com/spec/v1\noid sha256:${sha256}\nsize ${content.size}\n`,
  );
  return {
    path,
    content,
    sha256,
    oid: gitOid({ size: pointer.length, slice: (begin, end) => pointer.subarray(begin, end) }),
  };
}

/** The id Git gives a file. */
function gitOid(content: FileContent): string {
  return digest(content, createHash('sha1').update(`blob ${content.size}\0`));
}

const CHUNK_BYTES = 1 << 20;

function digest(content: FileContent, hash: ReturnType<typeof createHash>): string {
  for (let at = 0; at < content.size; at += CHUNK_BYTES) {
    hash.update(content.slice(at, Math.min(content.size, at + CHUNK_BYTES)));
  }
  return hash.digest('hex');
}
