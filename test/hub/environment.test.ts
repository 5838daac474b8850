import { mkdirSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readHubEnvironment, type Variables } from '../../src/hub/environment.js';
import { temporaryFolder } from '../support/temporary-folder.js';

/** Variables with a home of their own, so that no token of this machine is found. */
function variables(more: Variables = {}): Variables {
  return { HF_HOME: temporaryFolder(), ...more };
}

describe('hub environment', () => {
  it('has the defaults of the Python client', () => {
    const { endpoint, cacheFolder, offline, symlinks, answerTimeout } = readHubEnvironment({});
    expect({ endpoint, cacheFolder, offline, symlinks, answerTimeout }).toEqual({
      endpoint: 'https://huggingface.co',
      cacheFolder: join(homedir(), '.cache/huggingface/hub'),
      offline: false,
      symlinks: true,
      answerTimeout: 10_000,
    });
  });

  it.each([
    [{ XDG_CACHE_HOME: '/x' }, '/x/huggingface/hub'],
    [{ HF_HOME: '~/hf' }, join(homedir(), 'hf/hub')],
    [{ HF_HOME: '$DISK/hf', DISK: '/d' }, '/d/hf/hub'],
    [{ HF_HOME: '/ignored', HUGGINGFACE_HUB_CACHE: '/legacy' }, '/legacy'],
    [{ HUGGINGFACE_HUB_CACHE: '/legacy', HF_HUB_CACHE: `\${DISK}/c`, DISK: '/d' }, '/d/c'],
  ])('finds the cache of %j', (given, expected) => {
    expect(readHubEnvironment(given).cacheFolder).toBe(expected);
  });

  it.each(['99999999', 'Infinity', '1e300'])('waits as long as a timer can when told to wait %s seconds', (given) => {
    const { answerTimeout, downloadTimeout } = readHubEnvironment(
      variables({ HF_HUB_ETAG_TIMEOUT: given, HF_HUB_DOWNLOAD_TIMEOUT: given }),
    );
    // One more, and Node's timers end after a millisecond.
    expect([answerTimeout, downloadTimeout]).toEqual([0x7fffffff, 0x7fffffff]);
  });

  it('takes the token from the variables before the file, and strips white space', () => {
    const home = temporaryFolder();
    writeFileSync(join(home, 'token'), 'hf_file\n');
    mkdirSync(join(home, 'other'));
    writeFileSync(join(home, 'other/t'), ' hf_other ');
    const tokenOf = (given: Variables) => readHubEnvironment({ HF_HOME: home, ...given }).token;
    expect(tokenOf({ HF_TOKEN: ' hf_env\n', HUGGING_FACE_HUB_TOKEN: 'hf_old' })).toBe('hf_env');
    expect(tokenOf({ HUGGING_FACE_HUB_TOKEN: 'hf_old' })).toBe('hf_old');
    expect(tokenOf({})).toBe('hf_file');
    expect(tokenOf({ HF_TOKEN_PATH: join(home, 'other/t') })).toBe('hf_other');
    expect(tokenOf({ HF_TOKEN: 'hf_env', HF_HUB_DISABLE_IMPLICIT_TOKEN: '1' })).toBeUndefined();
    expect(readHubEnvironment(variables()).token).toBeUndefined();
  });

  it('refuses a token no header can carry, without showing it', () => {
    expect(() => readHubEnvironment(variables({ HF_TOKEN: 'hf_ü\nsecret' }))).toThrow(/^(?!.*secret).*characters/s);
  });

  it.each(['1', 'ON', 'Yes', 'true'])('is offline with %s', (value) => {
    expect(readHubEnvironment(variables({ HF_HUB_OFFLINE: value })).offline).toBe(true);
    expect(readHubEnvironment(variables({ TRANSFORMERS_OFFLINE: value })).offline).toBe(true);
    expect(readHubEnvironment(variables({ HF_HUB_OFFLINE: '0' })).offline).toBe(false);
  });

  it('strips slashes of the endpoint and refuses what is no address, without showing it', () => {
    expect(readHubEnvironment(variables({ HF_ENDPOINT: 'https://mirror.example/hf//' })).endpoint).toBe(
      'https://mirror.example/hf',
    );
    for (const bad of ['mirror.example', 'ftp://mirror.example', 'https://user:secret@mirror.example']) {
      expect(() => readHubEnvironment(variables({ HF_ENDPOINT: bad }))).toThrow(/^(?!.*secret).*HF_ENDPOINT/);
    }
  });
});
