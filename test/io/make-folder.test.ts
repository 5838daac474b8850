/** Folders with those above them, also where a file system takes none. */
import { existsSync, mkdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { makeFolder } from '../../src/io/make-folder.js';
import { temporaryFolder } from '../support/temporary-folder.js';

it('are made, and the topmost new one is told', async () => {
  const folder = temporaryFolder();
  expect(await makeFolder(join(folder, 'a', 'b', 'c'))).toBe(join(folder, 'a'));
  expect(statSync(join(folder, 'a', 'b', 'c')).isDirectory()).toBe(true);
  expect(await makeFolder(join(folder, 'a', 'd'))).toBe(join(folder, 'a', 'd'));
  expect(await makeFolder(join(folder, 'a'))).toBeUndefined();
  mkdirSync(join(folder, 'real'));
  symlinkSync('real', join(folder, 'link'));
  expect(await makeFolder(join(folder, 'link'))).toBeUndefined();
  expect(await makeFolder(join(folder, 'link', 'inner'))).toBe(join(folder, 'link', 'inner'));
});

it('are made by several that want them at once, whoever comes first', async () => {
  const folder = temporaryFolder();
  for (let round = 0; round < 200; round++) {
    const path = join(folder, String(round), 'a', 'b');
    const made = await Promise.all([1, 2, 3].map(() => makeFolder(path)));
    expect(made.filter((top) => top !== undefined).length).toBeGreaterThan(0);
    expect(existsSync(path)).toBe(true);
  }
});

it('are refused below a file and in its place', async () => {
  const folder = temporaryFolder();
  writeFileSync(join(folder, 'file'), '');
  await expect(makeFolder(join(folder, 'file', 'a'))).rejects.toMatchObject({ code: 'ENOTDIR' });
  await expect(makeFolder(join(folder, 'file'))).rejects.toMatchObject({ code: 'ENOTDIR' });
});

// Node's own recursive mkdir never comes back from there.
it.skipIf(!existsSync('/proc/self'))('are refused where there is no room for names', async () => {
  await expect(makeFolder('/proc/m2merge/a')).rejects.toMatchObject({ syscall: 'mkdir' });
});
