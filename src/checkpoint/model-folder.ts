/** A model in a folder of this machine. */
import { readdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { M2MergeError } from '../errors.js';
import { openFileSource } from '../io/file.js';
import type { ModelFiles } from '../io/model-files.js';
import type { ByteSource } from '../io/source.js';

export class ModelFolder implements ModelFiles {
  readonly folder: string;

  constructor(folder: string) {
    this.folder = resolve(folder);
  }

  describe(name: string): string {
    return join(this.folder, name);
  }

  async list(): Promise<readonly string[]> {
    try {
      return await readdir(this.folder);
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      const facts = { path: this.folder, purpose: 'model folder' };
      if (code === 'ENOENT') throw new M2MergeError('file-missing', facts, { cause: error });
      throw new M2MergeError('file-unreadable', { path: this.folder, reason: message }, { cause: error });
    }
  }

  open(name: string): Promise<ByteSource> {
    return openFileSource(join(this.folder, name));
  }
}
