import { execFileSync } from 'node:child_process';
import { closeSync, ftruncateSync, openSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { isM2MergeError } from '../../src/errors.js';
import { MAX_READ_BYTES, openFileSource } from '../../src/io/file.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const ofKind = (kind: 'file-missing' | 'file-unreadable' | 'read-short') =>
  expect.toSatisfy((error) => isM2MergeError(error, kind));

function writeFile(bytes: Uint8Array): string {
  const path = join(temporaryFolder(), 'file');
  writeFileSync(path, bytes);
  return path;
}

describe('reads', () => {
  test('ranges, ends exclusive, into the start of the target', async () => {
    const source = await openFileSource(writeFile(Uint8Array.of(10, 11, 12, 13, 14)));
    const target = new Uint8Array(4).fill(99);
    await source.read(1, 4, target);
    await source.read(5, 5, target);
    await source.close();
    expect(source.byteLength).toBe(5);
    expect([...target]).toEqual([11, 12, 13, 99]);
  });

  test('more than one read call takes', async () => {
    const path = join(temporaryFolder(), 'sparse');
    const descriptor = openSync(path, 'w');
    ftruncateSync(descriptor, MAX_READ_BYTES + 10);
    closeSync(descriptor);
    const source = await openFileSource(path);
    const target = new Uint8Array(MAX_READ_BYTES + 9).fill(1);
    await source.read(1, MAX_READ_BYTES + 10, target);
    await source.close();
    expect(target.indexOf(1)).toBe(-1);
  });

  test('through symbolic links', async () => {
    const path = writeFile(Uint8Array.of(7));
    symlinkSync(path, `${path}-link`);
    const source = await openFileSource(`${path}-link`);
    expect(source.byteLength).toBe(1);
    await source.close();
  });
});

describe('refuses', () => {
  test('a file that shrank', async () => {
    const path = writeFile(new Uint8Array(100));
    const source = await openFileSource(path);
    truncateSync(path, 30);
    const error = await source.read(10, 60, new Uint8Array(50)).catch((thrown: unknown) => thrown);
    await source.close();
    expect(error).toEqual(ofKind('read-short'));
    expect(error).toMatchObject({ facts: { file: path, position: 10, expected: 50, found: 20 } });
  });

  test('what is not there, also behind a link', async () => {
    const folder = temporaryFolder();
    symlinkSync(join(folder, 'nothing'), join(folder, 'link'));
    await expect(openFileSource(join(folder, 'nothing'))).rejects.toEqual(ofKind('file-missing'));
    await expect(openFileSource(join(folder, 'link'))).rejects.toMatchObject({
      kind: 'file-unreadable',
      facts: { reason: 'it is a link to nothing' },
    });
  });

  test('folders', async () => {
    await expect(openFileSource(temporaryFolder())).rejects.toEqual(ofKind('file-unreadable'));
  });

  test.skipIf(process.platform === 'win32')('pipes, without waiting for a writer, and devices', async () => {
    const pipe = join(temporaryFolder(), 'pipe');
    execFileSync('mkfifo', [pipe]);
    await expect(openFileSource(pipe)).rejects.toEqual(ofKind('file-unreadable'));
    await expect(openFileSource('/dev/zero')).rejects.toEqual(ofKind('file-unreadable'));
  });

  test('ranges that do not fit the target', async () => {
    const source = await openFileSource(writeFile(new Uint8Array(10)));
    await expect(source.read(0, 5, new Uint8Array(4))).rejects.toThrow(RangeError);
    await expect(source.read(5, 4, new Uint8Array(4))).rejects.toThrow(RangeError);
    await expect(source.read(-1, 4, new Uint8Array(8))).rejects.toThrow(RangeError);
    await source.close();
  });

  test('reading after closing', async () => {
    const source = await openFileSource(writeFile(new Uint8Array(10)));
    await source.close();
    await expect(source.read(0, 5, new Uint8Array(5))).rejects.toEqual(ofKind('file-unreadable'));
  });
});
