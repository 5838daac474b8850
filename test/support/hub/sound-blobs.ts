/** The blobs of a cache, which have the hashes that they are called by. */
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';

/** Whatever a blob of the folder is called, its bytes have that hash: sha256, or git's. No folder is sound. */
export function expectSoundBlobs(folder: string): void {
  const blobs = existsSync(folder) ? readdirSync(folder) : [];
  for (const name of blobs) {
    const bytes = readFileSync(join(folder, name));
    const hash = name.length === 64 ? createHash('sha256') : createHash('sha1').update(`blob ${bytes.length}\0`);
    expect(hash.update(bytes).digest('hex')).toBe(name);
  }
}
