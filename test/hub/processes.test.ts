/** Several processes and one cache: two at once, and one after another was killed. */
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { PIECE_BYTES } from '../../src/hub/partial-blob.js';
import { m2mergeBeside, startM2merge } from '../support/cli.js';
import { hubVariables } from '../support/hub/environment.js';
import { bandwidth } from '../support/hub/exchange.js';
import { LoopbackHub } from '../support/hub/loopback-hub.js';
import { memoryFile } from '../support/hub/repository.js';
import { encodeSafetensors } from '../support/safetensors.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const ELEMENTS = 5 * PIECE_BYTES;
const WEIGHTS = encodeSafetensors([{ name: 'w', dtype: 'U8', shape: [ELEMENTS], bytes: randomBytes(ELEMENTS) }]);

let hub: LoopbackHub;
let home: string;

beforeEach(async () => {
  hub = await LoopbackHub.start({ throttle: bandwidth(100e6) });
  hub.add('org/model', [memoryFile('model.safetensors', WEIGHTS), memoryFile('config.json', '{}')]);
  home = temporaryFolder();
});
afterEach(() => hub.close());

const bytesSent = (from = 0): number =>
  hub.requests
    .slice(from)
    .filter(({ origin, headers: { range } }) => origin === 'cdn' && range !== 'bytes=0-65535')
    .reduce((total, request) => total + request.bytesSent, 0);

it('lets the second of two processes wait for what the first fetches', async () => {
  const pull = () => m2mergeBeside(['pull', 'org/model', '--json'], home, hubVariables(hub, home));
  const runs = await Promise.all([pull(), pull()]);
  for (const { status, stdout, stderr } of runs) {
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    const { models } = JSON.parse(stdout.trim().split('\n').at(-1)!);
    expect(readFileSync(join(models[0].folder, 'model.safetensors')).equals(WEIGHTS)).toBe(true);
  }
  expect(bytesSent()).toBe(WEIGHTS.length);
});

it('goes on after kill -9 without fetching again what was there', async () => {
  const variables = hubVariables(hub, home);
  const child = startM2merge(['pull', 'org/model', '--quiet'], home, variables);
  while (bytesSent() < 0.7 * WEIGHTS.length) await delay(5);
  child.kill('SIGKILL');
  await new Promise((resolve) => child.on('close', resolve));
  const before = hub.requests.length;
  const { status, stderr, stdout } = await m2mergeBeside(['pull', 'org/model', '--json'], home, variables);
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  const { models } = JSON.parse(stdout.trim().split('\n').at(-1)!);
  expect(readFileSync(join(models[0].folder, 'model.safetensors')).equals(WEIGHTS)).toBe(true);
  expect(bytesSent(before)).toBeLessThan(WEIGHTS.length);
});
