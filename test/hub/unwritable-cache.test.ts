/** A cache that cannot be written to: what is in it is used; what is not ends in an error that names the place. */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { HubEnvironment } from '../../src/hub/environment.js';
import { pullModels } from '../../src/pull.js';
import { m2mergeBeside } from '../support/cli.js';
import { hubEnvironment, hubVariables } from '../support/hub/environment.js';
import { refuseConnection } from '../support/hub/faults.js';
import { LoopbackHub } from '../support/hub/loopback-hub.js';
import { writeModels } from '../support/hub/models.js';
import { folderFiles } from '../support/hub/repository.js';
import { temporaryFolder } from '../support/temporary-folder.js';

let hub: LoopbackHub;
let environment: HubEnvironment;

beforeEach(async () => {
  hub = await LoopbackHub.start();
  const folders = writeModels(temporaryFolder(), ['model']);
  hub.add('org/model', folderFiles(folders.model!));
  environment = hubEnvironment(hub);
});
afterEach(() => hub.close());

const pull = (signal = new AbortController().signal) =>
  pullModels(['org/model'], { hub: { environment, firstDelay: 1 }, signal });
const cache = (...names: string[]): string => join(environment.cacheFolder, 'models--org--model', ...names);

describe('a cache that cannot be written to', () => {
  it('gives what is in it, though nothing can be noted of that', async () => {
    await pull();
    const before = hub.requests.filter(({ url }) => url.includes('/resolve/')).length;
    rmSync(cache('.m2merge'), { recursive: true });
    // In the place of the folder of notes, so that nobody can write there, not even an administrator.
    writeFileSync(cache('.m2merge'), '');
    const [pulled] = await pull();
    expect(pulled).toMatchObject({ repo: 'org/model', warnings: [] });
    expect(hub.requests.filter(({ url }) => url.includes('/resolve/'))).toHaveLength(before);
  });

  it('is an error with the place when something has to be fetched into it', async () => {
    mkdirSync(cache(), { recursive: true });
    writeFileSync(cache('blobs'), '');
    await expect(pull()).rejects.toMatchObject({ kind: 'output-unwritable', facts: { path: cache() } });
  });
});

describe('inputs of one run', () => {
  it('are looked for again after they could not be opened', async () => {
    const { signal } = new AbortController();
    hub.fault({ origin: 'hub', times: 6 }, refuseConnection);
    await expect(pull(signal)).rejects.toMatchObject({ kind: 'hub-unreachable' });
    expect((await pull(signal))[0]).toMatchObject({ repo: 'org/model' });
  });

  it.each([
    [{ HF_ENDPOINT: 'nowhere' }, 'error: HF_ENDPOINT is not the address of a Hub\n'],
    [{ HF_TOKEN: 'a token of words' }, 'error: the token of the Hub holds characters that no token has\n'],
  ])('are refused as a wrong use with %j', async (variables, message) => {
    const told = await m2mergeBeside(['pull', 'org/model'], temporaryFolder(), {
      ...hubVariables(hub, temporaryFolder()),
      ...variables,
    });
    expect(told).toMatchObject({ status: 2, stdout: '', stderr: expect.stringContaining(message) });
    expect(told.stderr).not.toContain('.js:');
  });
});
