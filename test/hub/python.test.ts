/** The cache as Python's own client sees it; runs where `huggingface_hub` is installed, and says so where it is not. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { m2mergeBeside } from '../support/cli.js';
import { hubVariables } from '../support/hub/environment.js';
import { LoopbackHub } from '../support/hub/loopback-hub.js';
import { publish, writeModels } from '../support/hub/models.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const python = (code: string, variables: Record<string, string> = {}) =>
  spawnSync('python3', ['-c', code], { encoding: 'utf8', env: { ...process.env, ...variables } });

const installed = python('import huggingface_hub').status === 0;
if (!installed) console.warn('python3 with huggingface_hub is missing: the cache is not opened by Python');

it.skipIf(!installed)('is opened by Python without the network', async () => {
  const hub = await LoopbackHub.start();
  const work = temporaryFolder();
  const home = join(work, 'home');
  publish(hub, writeModels(work, ['base'], { shards: 2 }));
  const { status } = await m2mergeBeside(['pull', 'org/base'], work, hubVariables(hub, home));
  await hub.close();
  expect(status).toBe(0);
  const code = `
from huggingface_hub import snapshot_download, try_to_load_from_cache, scan_cache_dir
print(snapshot_download('org/base', local_files_only=True))
print(try_to_load_from_cache('org/base', 'config.json'))
print(len(scan_cache_dir().warnings))`;
  const { stdout, stderr } = python(code, { HF_HOME: home, HF_HUB_OFFLINE: '1' });
  const [snapshot, config, warnings] = stdout.trim().split('\n');
  expect({ warnings, stderr }).toMatchObject({ warnings: '0' });
  expect(readFileSync(config!)).toEqual(readFileSync(join(work, 'base/config.json')));
  expect(readFileSync(join(snapshot!, 'tokenizer.json'))).toEqual(readFileSync(join(work, 'base/tokenizer.json')));
});
