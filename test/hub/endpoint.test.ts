import { describe, expect, it } from 'vitest';
import { checkRevision, fileAddress, isSafeFileName, readHubName } from '../../src/hub/endpoint.js';

const COMMIT = 'a'.repeat(40);

describe('names on the Hub', () => {
  it.each(['org/name', 'hf://org/name', 'Qwen/Qwen3-4B-Base', 'a/b.c_d', 'hf://gpt2'])('takes %s', (path) => {
    expect(readHubName(path, 'v1')).toEqual({ repo: path.replace('hf://', ''), revision: 'v1' });
  });

  it.each([
    'gpt2',
    './a/b',
    '/a/b',
    '~/a',
    'a/b/c',
    'a//b',
    'a/..',
    '../b',
    'a/b--c',
    'a/.b',
    'a/b?c',
    'a/b#c',
    'a\\b/c',
    'hf://a/b/c',
    'hf://',
    'a/b%2e',
    `a/${'b'.repeat(97)}`,
  ])('does not take %s', (path) => {
    expect(readHubName(path, undefined)).toBeUndefined();
  });

  it.each(['../x', 'a/../b', 'a b', '', 'x\n', '-x', 'a//b', '%2e', 'a'.repeat(201)])(
    'refuses revision %j',
    (revision) => {
      expect(() => checkRevision({ repo: 'o/n', revision })).toThrow(/no revision/);
    },
  );

  it('takes branches with slashes', () => {
    expect(checkRevision({ repo: 'o/n', revision: 'refs/pr/12' })).toBe('refs/pr/12');
    expect(checkRevision({ repo: 'o/n', revision: undefined })).toBe('main');
  });

  it.each(['../x', 'a/../../b', '/etc/passwd', 'a//b', './a', 'a\\b', 'C:/x', 'a%2e%2e/b', 'a\0b', 'a\nb', ''])(
    'refuses the file name %j',
    (path) => {
      expect(isSafeFileName(path)).toBe(false);
      expect(() => fileAddress('http://h', 'o/n', COMMIT, path)).toThrow(/no file/);
    },
  );

  it('encodes every segment of a file name', () => {
    expect(fileAddress('http://h', 'o/n', COMMIT, 'sub dir/a#b?c+ü.safetensors')).toBe(
      `http://h/o/n/resolve/${COMMIT}/sub%20dir/a%23b%3Fc%2B%C3%BC.safetensors`,
    );
  });
});
