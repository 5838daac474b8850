/**
 * The cache of Python's `huggingface_hub`: blobs by hash, snapshots of commits as links to them, branches as files with
 * a commit. What only m2merge needs lies in `.m2merge` inside the repository's folder, where Python does not look.
 */

import { copyFile, link, lstat, readFile, realpath, rename, rm, symlink } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { makeFolder } from '../io/make-folder.js';
import { temporaryName, writeWhole } from '../io/write-whole.js';
import { isCommit } from './endpoint.js';

/** The folders and files of one repository in a cache. Names are checked before they come here. */
export class CachedRepository {
  readonly folder: string;
  readonly #symlinks: boolean;

  constructor(cacheFolder: string, repo: string, symlinks: boolean) {
    this.folder = join(cacheFolder, `models--${repo.replaceAll('/', '--')}`);
    this.#symlinks = symlinks;
  }

  snapshot(commit: string): string {
    return join(this.folder, 'snapshots', commit);
  }

  blob(hash: string): string {
    return join(this.folder, 'blobs', hash);
  }

  /** Where m2merge keeps what is its own. */
  own(...names: readonly string[]): string {
    return join(this.folder, '.m2merge', ...names);
  }

  /** The commit that a branch or tag had when it was last resolved; undefined when it never was. */
  async readRef(revision: string): Promise<string | undefined> {
    if (isCommit(revision)) return revision;
    const text = await readFile(join(this.folder, 'refs', revision), 'utf8').catch(() => '');
    return isCommit(text.trim()) ? text.trim() : undefined;
  }

  async writeRef(revision: string, commit: string): Promise<void> {
    if (isCommit(revision) || (await this.readRef(revision)) === commit) return;
    await writeWhole(join(this.folder, 'refs', revision), commit);
  }

  /** Where a file of a commit lies, following its link; undefined when the snapshot lacks it. */
  async find(commit: string, path: string): Promise<string | undefined> {
    return realpath(join(this.snapshot(commit), path)).catch(() => undefined);
  }

  /** Lets a commit's file be the blob: by a relative link where links are possible, else as a second name or a copy. */
  async place(commit: string, path: string, hash: string): Promise<void> {
    const target = join(this.snapshot(commit), path);
    await makeFolder(dirname(target));
    const blob = this.blob(hash);
    const temporary = temporaryName(target);
    try {
      if (!this.#symlinks || !(await succeeds(symlink(relative(dirname(target), blob), temporary)))) {
        if (!(await succeeds(link(blob, temporary)))) await copyFile(blob, temporary);
      }
      await rename(temporary, target);
    } finally {
      await rm(temporary, { force: true });
    }
  }

  /** Whether a commit's file is there and leads to the blob. */
  async isPlaced(commit: string, path: string, hash: string): Promise<boolean> {
    const target = join(this.snapshot(commit), path);
    const isLink = await lstat(target).then(
      (stats) => stats.isSymbolicLink(),
      () => undefined,
    );
    if (isLink !== true) return isLink === false;
    return (await this.find(commit, path)) === (await realpath(this.blob(hash)).catch(() => undefined));
  }
}

async function succeeds(work: Promise<void>): Promise<boolean> {
  return work.then(
    () => true,
    () => false,
  );
}
