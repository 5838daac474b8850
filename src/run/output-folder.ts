/**
 * The output as a temporary sibling folder that gets its name at the very end, so that a failed or interrupted merge
 * leaves nothing, and an existing model is replaced only when its successor is complete.
 */
import { mkdir, open, readlink, realpath, rename, rm, rmdir, stat, writeFile } from 'node:fs/promises';
import { basename, dirname, join, relative, resolve, sep } from 'node:path';
import { WEIGHTS_GONE } from '../errors/output.js';
import { isM2MergeError, M2MergeError } from '../errors.js';
import { checkSpace } from '../io/free-space.js';
import { makeFolder } from '../io/make-folder.js';
import { asWriteError } from '../io/write-error.js';
import { removeLeftovers, replacedName, workName } from './leftovers.js';
import { checkReplaceable } from './replaceable.js';

/** Room for config, tokenizer, manifest and file system overhead beside the weights, bytes. */
export const SIDE_FILE_BYTES = 64_000_000;

/** Bytes that have to be free for a model of these weight files. */
export function bytesFor(files: readonly Pick<OutputFile, 'byteLength'>[]): number {
  return files.reduce((total, { byteLength }) => total + byteLength, SIDE_FILE_BYTES);
}

/** What a folder that is not empty says when another is to take its name. */
const OCCUPIED: ReadonlySet<string> = new Set(['ENOTEMPTY', 'EEXIST']);

export interface OutputFile {
  readonly name: string;
  readonly byteLength: number;
  /** The file's first bytes. */
  readonly header: Uint8Array;
}

export class OutputFolder {
  /** Where the model will be. */
  readonly path: string;
  /** Where it is being written. */
  readonly workPath: string;
  /** The topmost folder above it that had to be made; undefined when all were there. */
  readonly #madeParent: string | undefined;
  readonly #mayReplace: boolean;
  /** Bytes of the weight files by name: whoever tidies up may take files away while workers write into them. */
  readonly #made = new Map<string, number>();

  private constructor(path: string, workPath: string, madeParent: string | undefined, mayReplace: boolean) {
    this.path = path;
    this.workPath = workPath;
    this.#madeParent = madeParent;
    this.#mayReplace = mayReplace;
  }

  /**
   * Makes the temporary folder and its weight files at their full length, after removing what a killed run has left of
   * this output. An output that is a link is the folder that it leads to, maybe on another disk; the link stays. Throws
   * `output-exists`, `disk-full`, `output-unwritable`; leaves nothing behind when it does.
   */
  static async create(named: string, files: readonly OutputFile[], overwrite: boolean): Promise<OutputFolder> {
    try {
      const path = await behindLinks(named);
      const parent = dirname(path);
      await removeLeftovers(parent, [basename(path)]);
      await checkReplaceable(path, overwrite);
      const madeParent = await makeFolder(parent);
      const workPath = join(parent, workName(basename(path)));
      const folder = new OutputFolder(path, workPath, madeParent, overwrite);
      try {
        await checkSpace(parent, bytesFor(files));
        await mkdir(workPath);
        for (const file of files) await folder.#allocate(file);
      } catch (error) {
        await folder.discard();
        throw error;
      }
      return folder;
    } catch (error) {
      throw asWriteError(error, named);
    }
  }

  async write(name: string, content: string | Uint8Array | Iterable<string>): Promise<void> {
    const path = join(this.workPath, name);
    try {
      await this.#makeInside(dirname(path));
      await writeFile(path, content);
    } catch (error) {
      throw asWriteError(error, join(this.path, name));
    }
  }

  /**
   * Gives the folder its name. What `--overwrite` replaces is removed after the new model is in place; without it, a model
   * that came there meanwhile stays. Returns where the replaced one still lies if it could not be removed. Throws
   * `output-exists`, `output-unwritable`.
   */
  async commit(): Promise<string | undefined> {
    const replaced = replacedName(this.workPath);
    try {
      await this.#checkWeights();
      await checkReplaceable(this.path, this.#mayReplace);
      while (!(await this.#take(replaced))) await rm(replaced, { recursive: true, force: true });
    } catch (error) {
      if (isOccupied(error)) throw new M2MergeError('output-exists', { path: this.path }, { cause: error });
      throw asWriteError(error, this.path);
    }
    // The merge is done, whether or not this can be tidied up: as where files of another user are in it.
    return rm(replaced, { recursive: true, force: true }).then(
      () => undefined,
      () => replaced,
    );
  }

  /** Takes the name, what had it goes to `replaced`; false when another was faster, whose model is to be replaced too. */
  async #take(replaced: string): Promise<boolean> {
    const existed = this.#mayReplace && (await renameIfPresent(this.path, replaced));
    // Not every system renames onto an empty folder; one that holds something stays.
    if (!existed) await rmdir(this.path).catch(() => {});
    try {
      await rename(this.workPath, this.path);
      return true;
    } catch (error) {
      if (this.#mayReplace && isOccupied(error)) return false;
      if (existed) await rename(replaced, this.path);
      throw error;
    }
  }

  /** Removes everything written so far, and the folders above it that were made for it unless others use them now. */
  async discard(): Promise<void> {
    await rm(this.workPath, { recursive: true, force: true });
    if (this.#madeParent !== undefined) await removeEmptyFolders(dirname(this.path), this.#madeParent);
  }

  /** Folders inside of the temporary one, which itself is not made again: without it the weights are lost. */
  async #makeInside(folder: string): Promise<void> {
    let path = this.workPath;
    for (const name of relative(path, folder).split(sep).filter(Boolean)) {
      path = join(path, name);
      await mkdir(path).catch((error: NodeJS.ErrnoException) => {
        if (error.code !== 'EEXIST') throw error;
      });
    }
  }

  /** Throws `output-unwritable` when a weight file is not there any more. Its inode says nothing: some network disks change it. */
  async #checkWeights(): Promise<void> {
    for (const [name, byteLength] of this.#made) {
      const found = await stat(join(this.workPath, name)).catch(() => undefined);
      if (found?.size === byteLength) continue;
      throw new M2MergeError('output-unwritable', { path: join(this.path, name), reason: WEIGHTS_GONE });
    }
  }

  async #allocate({ name, byteLength, header }: OutputFile): Promise<void> {
    const handle = await open(join(this.workPath, name), 'wx');
    try {
      // Unlike a plain write, this does not end early on a disk that gets full.
      await handle.writeFile(header);
      await handle.truncate(byteLength);
      this.#made.set(name, byteLength);
    } finally {
      await handle.close();
    }
  }
}

/** More links than this one after the other lead in a circle. */
const MOST_LINKS = 40;

/** Where a path leads that may be a link, also to what is not there yet. */
export async function behindLinks(named: string): Promise<string> {
  let path = named;
  for (let links = 0; links < MOST_LINKS; links++) {
    const target = await readlink(path).catch(() => undefined);
    if (target === undefined) return path;
    path = resolve(await realpath(dirname(path)), target);
  }
  throw new M2MergeError('output-unwritable', { path: named, reason: 'ELOOP' });
}

/** Why a merge could not have its output in this folder as things are; undefined when it could. */
export async function reasonAgainstOutput(named: string, overwrite: boolean): Promise<M2MergeError | undefined> {
  try {
    await checkReplaceable(await behindLinks(named), overwrite);
    return undefined;
  } catch (error) {
    if (isM2MergeError(error)) return error;
    throw error;
  }
}

const isOccupied = (error: unknown): boolean => OCCUPIED.has((error as NodeJS.ErrnoException).code ?? '');

async function renameIfPresent(from: string, to: string): Promise<boolean> {
  try {
    await rename(from, to);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
}

/** The closest folder at or above `path` that exists. */
export async function nearestFolder(path: string): Promise<string> {
  for (let folder = path; ; folder = dirname(folder)) {
    const exists = await stat(folder).then(
      () => true,
      () => false,
    );
    if (exists || folder === dirname(folder)) return folder;
  }
}

/** Removes a folder, and those above it up to `top`, as far as nothing is in them. */
export async function removeEmptyFolders(folder: string, top: string): Promise<void> {
  for (let path = folder; path.length >= top.length; path = dirname(path)) {
    const removed = await rmdir(path).then(
      () => true,
      () => false,
    );
    if (!removed) return;
  }
}
