/** What of a model folder is pushed. */
import { readdir, readFile, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { M2MergeError } from '../errors.js';
import { type FileVersion, isSameVersion, versionOf } from '../io/file-version.js';
import { isSafeFileName } from './endpoint.js';

/** A file of the folder. */
export interface LocalFile {
  /** Relative to the folder, with `/` as separator: its name on the Hub. */
  readonly path: string;
  /** Absolute. */
  readonly source: string;
  readonly byteLength: number;
  /** As it was found. */
  readonly version: FileVersion;
}

/** Folders below the one that is pushed, at most; deeper ones would be a mistake, or a circle of links. */
const MAX_DEPTH = 8;

/** Files with words in them, which are searched for folders of this machine; larger ones hold data. */
const TEXT_FILE = /\.(?:md|ya?ml|json|html|txt|jinja)$/;
const MAX_TEXT_BYTES = 32_000_000;

/**
 * The files below a folder, by name. Left out is what begins with a dot (version control, caches, editors' files) and
 * Python's `__pycache__`. Throws `file-unreadable`, `push-nothing` and `push-file-unsafe`.
 */
export async function listLocalFiles(folder: string): Promise<readonly LocalFile[]> {
  const root = resolve(folder);
  const files: LocalFile[] = [];
  await collect(root, '', files, 0);
  if (files.length === 0) throw new M2MergeError('push-nothing', { folder });
  return files.sort((a, b) => (a.path < b.path ? -1 : 1));
}

async function collect(root: string, prefix: string, files: LocalFile[], depth: number): Promise<void> {
  for (const name of await namesIn(join(root, prefix))) {
    if (name.startsWith('.') || name === '__pycache__') continue;
    const path = `${prefix}${name}`;
    const source = join(root, path);
    const entry = await stat(source, { bigint: true }).catch((error: unknown) => {
      throw unreadable(source, error);
    });
    if (!isSafeFileName(path)) throw new M2MergeError('push-file-unsafe', { file: path });
    if (entry.isFile()) files.push({ path, source, byteLength: Number(entry.size), version: versionOf(entry) });
    else if (entry.isDirectory() && depth < MAX_DEPTH) await collect(root, `${path}/`, files, depth + 1);
  }
}

async function namesIn(folder: string): Promise<string[]> {
  return readdir(folder).catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') {
      throw new M2MergeError('file-missing', { path: folder, purpose: 'model folder' }, { cause: error });
    }
    throw unreadable(folder, error);
  });
}

function unreadable(path: string, error: unknown): M2MergeError {
  return new M2MergeError('file-unreadable', { path, reason: (error as Error).message }, { cause: error });
}

/** Checks that the files are those that were listed: a model that is replaced meanwhile would be pushed half. Throws `push-changed`. */
export async function checkUnchanged(files: readonly LocalFile[]): Promise<void> {
  for (const { path, source, version } of files) {
    const found = await stat(source, { bigint: true }).catch(() => undefined);
    if (found === undefined || !isSameVersion(versionOf(found), version))
      throw new M2MergeError('push-changed', { file: path });
  }
}

/** Checks that no text among the files names the folder itself or the user's home. Throws `push-path-shown`. */
export async function checkNoPathShown(folder: string, files: readonly LocalFile[]): Promise<void> {
  const places = [resolve(folder), homedir()].filter((place) => place.length > 1);
  for (const { path, source, byteLength } of files) {
    if (!TEXT_FILE.test(path) || byteLength > MAX_TEXT_BYTES) continue;
    const text = await readFile(source, 'utf8');
    const found = places.map((place) => findPath(text, place)).find((at) => at >= 0);
    if (found !== undefined) {
      throw new M2MergeError('push-path-shown', { file: path, line: text.slice(0, found).split('\n').length });
    }
  }
}

/** Where a text has the path, as a whole or the beginning of a longer one; −1 where it does not. */
function findPath(text: string, place: string): number {
  for (let at = text.indexOf(place); at >= 0; at = text.indexOf(place, at + 1)) {
    const [before, after] = [text[at - 1] ?? ' ', text[at + place.length] ?? ' '];
    if (!/[\w.-]/.test(after) && !/[\w./~-]/.test(before)) return at;
  }
  return -1;
}
