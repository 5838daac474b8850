/** What an earlier run has left in the cache is used where it is right, and no more is made of it than it is. */
import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { HubEnvironment } from '../../src/hub/environment.js';
import { openHubModel } from '../../src/hub/model.js';
import { PIECE_BYTES } from '../../src/hub/partial-blob.js';
import { HubConnection } from '../../src/hub/request.js';
import { hubEnvironment } from '../support/hub/environment.js';
import { LoopbackHub } from '../support/hub/loopback-hub.js';
import { memoryFile } from '../support/hub/repository.js';
import { mountSmallDisk } from '../support/small-disk.js';

/** A file of three pieces, the last one short. */
const WEIGHTS = randomBytes(2 * PIECE_BYTES + 12_345);
const MODEL = memoryFile('model.safetensors', WEIGHTS);

let hub: LoopbackHub;

beforeEach(async () => {
  hub = await LoopbackHub.start();
  hub.add('org/model', [MODEL]);
});
afterEach(() => hub.close());

async function pull(environment: HubEnvironment): Promise<string> {
  const model = await openHubModel(new HubConnection(environment, { firstDelay: 1 }), {
    repo: 'org/model',
    revision: undefined,
  });
  await model.pull(['model.safetensors']);
  return join(model.folder, 'model.safetensors');
}

/** Puts into a cache what a run that was killed leaves: bytes in their places, and the pieces that it says are there. */
function leavePartial({ cacheFolder }: HubEnvironment, bytes: Buffer, pieces: readonly number[]): void {
  const folder = join(cacheFolder, 'models--org--model/.m2merge/partial');
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, MODEL.sha256!), bytes);
  const lines = [`m2merge pieces 1 ${WEIGHTS.length} ${PIECE_BYTES}`, ...pieces].map((line) => `${line}\n`);
  writeFileSync(join(folder, `${MODEL.sha256}.pieces`), lines.join(''));
}

const fetched = (): number =>
  hub.requests.filter(({ origin }) => origin === 'cdn').reduce((total, { bytesSent }) => total + bytesSent, 0);

describe('what the cache holds', () => {
  it('gets its place in the snapshot back, and is not fetched again', async () => {
    const environment = hubEnvironment(hub);
    const path = await pull(environment);
    rmSync(path);
    expect(await pull(environment)).toBe(path);
    expect(readFileSync(path).equals(WEIGHTS)).toBe(true);
    expect(fetched()).toBe(WEIGHTS.length);
  });

  it('counts as room that need not be free when a download goes on', async (context) => {
    // Enough for what is missing, and not for the whole file once more.
    const environment = hubEnvironment(hub, { cacheFolder: mountSmallDisk(context, 84) });
    const left = Buffer.concat([WEIGHTS.subarray(0, 2 * PIECE_BYTES), Buffer.alloc(12_345)]);
    leavePartial(environment, left, [0, 1]);
    expect(readFileSync(await pull(environment)).equals(WEIGHTS)).toBe(true);
    expect(fetched()).toBe(12_345);
  });

  it('is not believed about pieces of a file that has lost its end', async () => {
    const environment = hubEnvironment(hub);
    leavePartial(environment, WEIGHTS.subarray(0, PIECE_BYTES + 1000), [0, 1]);
    expect(readFileSync(await pull(environment)).equals(WEIGHTS)).toBe(true);
    // Everything once: it is known before the first request, and not only from the hash of what came.
    expect(fetched()).toBe(WEIGHTS.length);
  });
});
