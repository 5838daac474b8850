/** Downloads into the cache: every fault ends in a right file or a clear error, and never in a wrong blob. */
import { createHash, randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CachedRepository } from '../../src/hub/cache-layout.js';
import type { HubEnvironment } from '../../src/hub/environment.js';
import { openHubModel } from '../../src/hub/model.js';
import { PartialBlob, PIECE_BYTES } from '../../src/hub/partial-blob.js';
import type { PullOptions } from '../../src/hub/pull.js';
import { HubConnection } from '../../src/hub/request.js';
import { describeWarning } from '../../src/warnings.js';
import { library } from '../run/library.js';
import { hubEnvironment } from '../support/hub/environment.js';
import type { Exchange } from '../support/hub/exchange.js';
import { answerStatus, type Fault, type FaultRule, refuseConnection } from '../support/hub/faults.js';
import { LoopbackHub } from '../support/hub/loopback-hub.js';
import { memoryFile } from '../support/hub/repository.js';
import { expectSoundBlobs } from '../support/hub/sound-blobs.js';

/** A file of three pieces, the last one short. */
const WEIGHTS = randomBytes(2 * PIECE_BYTES + 12_345);
const CONFIG = '{"model_type": "llama"}\n';
const PATHS = ['model.safetensors', 'config.json'];

let hub: LoopbackHub;
let environment: HubEnvironment;

beforeEach(async () => {
  hub = await LoopbackHub.start();
  hub.add('org/model', [memoryFile('model.safetensors', WEIGHTS), memoryFile('config.json', CONFIG)]);
  environment = hubEnvironment(hub);
});
afterEach(() => hub.close());

async function pull(options: PullOptions = {}, changes: Partial<HubEnvironment> = {}, signal?: AbortSignal) {
  const connection = new HubConnection({ ...environment, ...changes }, { firstDelay: 5, signal });
  const model = await openHubModel(connection, { repo: 'org/model', revision: undefined });
  const warnings = await model.pull(PATHS, options);
  return { folder: model.folder, warnings: warnings.map(describeWarning) };
}

const cache = (...names: string[]): string => join(environment.cacheFolder, 'models--org--model', ...names);
const sha256 = createHash('sha256').update(WEIGHTS).digest('hex');
const weightRequests = () => hub.requests.filter(({ origin }) => origin === 'cdn');

function expectWhole(folder: string): void {
  expect(readFileSync(join(folder, 'model.safetensors')).equals(WEIGHTS)).toBe(true);
  expect(readFileSync(join(folder, 'config.json'), 'utf8')).toBe(CONFIG);
  expectSoundBlobs(cache('blobs'));
}

/** Faults that pass: the file arrives all the same. */
const PASSING: Readonly<Record<string, readonly [Partial<FaultRule>, Fault]>> = {
  'a burst of 500': [{ times: 3 }, answerStatus(500, { 'Retry-After': '0' })],
  'a burst of 503': [{ times: 3 }, answerStatus(503, { 'Retry-After': '0' })],
  'a rate limit': [{ times: 1 }, answerStatus(429, { 'Retry-After': '0', RateLimit: '"resolvers";r=0;t=0' })],
  'a refused connection': [{ times: 2 }, refuseConnection],
  'a connection reset at the first byte': [{ times: 1 }, { distort: { resetAfter: 0 } }],
  'a connection reset in the middle, again and again': [{ times: 5 }, { distort: { resetAfter: 3_000_001 } }],
  'a connection reset before the last byte': [{ times: 1 }, { distort: { resetAfter: PIECE_BYTES - 1 } }],
  'a stalled body': [{ times: 1 }, { distort: { stallAfter: 1_000_000 } }],
  'a short answer': [{ times: 2 }, { distort: { shorterBy: 4097 } }],
  'an answer that ignores the range, once': [{ times: 1 }, { distort: { ignoreRange: true } }],
  'an answer with a shifted range, once': [{ times: 1 }, { distort: { shiftedBy: 16 } }],
  'wrong bytes of the right length, once': [{ times: 2 }, { distort: { damagedByte: PIECE_BYTES + 5 } }],
};

/** Any of the pieces that are fetched side by side may be the first to fail. */
const SHIFTED_RANGE = new RegExp(
  [0, PIECE_BYTES, 2 * PIECE_BYTES]
    .map((begin) => `bytes ${begin}-.* asked for, found "bytes ${begin + 16}-`)
    .join('|'),
);

/** Faults that stay: an error that says what is wrong, exit code 6. */
const LASTING: Readonly<Record<string, readonly [Partial<FaultRule>, Fault, string, RegExp]>> = {
  'a server out of order': [{}, answerStatus(503, { 'Retry-After': '0' }), 'hub-refused', /answered 503.*6 attempts/],
  'ranges ignored': [{ after: 0 }, { distort: { ignoreRange: true } }, 'hub-answer-invalid', /status is 200/],
  'ranges shifted': [{}, { distort: { shiftedBy: 16 } }, 'hub-answer-invalid', SHIFTED_RANGE],
  'wrong bytes': [
    {},
    { distort: { damagedByte: 5 } },
    'hub-file-corrupt',
    /its sha256 is [0-9a-f]{64}, the repository says/,
  ],
  'an etag that changes': [{ after: 1 }, { distort: { etag: '"another"' } }, 'hub-answer-invalid', /etag changed/],
  'a connection that never holds': [{}, { distort: { resetAfter: 0 } }, 'hub-unreachable', /cannot reach 127/],
};

describe('a download into the cache', () => {
  it('fetches every byte once, side by side, and nothing the second time', async () => {
    const { folder, warnings } = await pull();
    expectWhole(folder);
    expect(warnings).toEqual([]);
    expect(weightRequests().reduce((total, { bytesSent }) => total + bytesSent, 0)).toBe(WEIGHTS.length);
    expect(weightRequests()).toHaveLength(3);
    // Only the first range asked the Hub where the file is.
    expect(hub.requests.filter(({ url }) => /resolve.*safetensors/.test(url))).toHaveLength(1);
    const before = hub.requests.length;
    expectWhole((await pull()).folder);
    expect(hub.requests.length - before).toBe(2);
  });

  for (const [name, [rule, fault]] of Object.entries(PASSING)) {
    it(`survives ${name}`, async () => {
      hub.fault({ origin: 'cdn', ...rule }, fault);
      const downloadTimeout = name === 'a stalled body' ? 300 : 10_000;
      expectWhole((await pull({}, { downloadTimeout })).folder);
    });
  }

  for (const [name, [rule, fault, kind, message]] of Object.entries(LASTING)) {
    it(`gives up on ${name}, and does better when it is over`, async () => {
      hub.fault({ origin: 'cdn', ...rule }, fault);
      const error = await pull().catch((reason) => reason);
      expect(error).toMatchObject({ kind, exitCode: 6 });
      expect(error.message).toMatch(message);
      expect(error.message).not.toContain('Signature');
      expectSoundBlobs(cache('blobs'));
      expect(existsSync(cache('blobs', sha256))).toBe(false);
      hub.clearFaults();
      expectWhole((await pull()).folder);
    });
  }

  it('refuses a small file whose etag or content is not what was listed', async () => {
    hub.fault({ origin: 'hub', url: /resolve.*config/ }, { distort: { etag: `"${'0'.repeat(40)}"` } });
    await expect(pull()).rejects.toMatchObject({ kind: 'hub-answer-invalid' });
    hub.clearFaults();
    hub.fault({ origin: 'hub', url: /resolve.*config/ }, { distort: { damagedByte: 3 } });
    await expect(pull()).rejects.toMatchObject({ kind: 'hub-file-corrupt', facts: { property: 'Git id' } });
    expectSoundBlobs(cache('blobs'));
  });

  it('refuses a file that the Hub redirects to under another hash', async () => {
    hub.fault(
      { origin: 'hub', url: /resolve.*safetensors/ },
      {
        answer: (exchange) =>
          exchange.redirect(302, `${hub.origin('cdn')}/blobs/x`, { 'X-Linked-ETag': `"${'1'.repeat(64)}"` }),
      },
    );
    await expect(pull()).rejects.toThrow(/the Hub says it is 1111/);
  });

  it('goes on where a failed run stopped', async () => {
    const log = cache('.m2merge/partial', `${sha256}.pieces`);
    const finished = (): number => (existsSync(log) ? readFileSync(log, 'utf8').split('\n').length - 2 : 0);
    hub.fault(
      { origin: 'cdn', after: 2, times: 1 },
      {
        answer: async (exchange) => {
          while (finished() === 0) await delay(5);
          exchange.head(404);
          exchange.response.end();
        },
      },
    );
    hub.fault({ origin: 'cdn', after: 2 }, answerStatus(404));
    await expect(pull()).rejects.toMatchObject({ kind: 'hub-refused' });
    hub.clearFaults();
    const before = hub.requests.length;
    expectWhole((await pull()).folder);
    const again = hub.requests.slice(before).filter(({ origin }) => origin === 'cdn');
    expect(again.reduce((total, { bytesSent }) => total + bytesSent, 0)).toBeLessThan(WEIGHTS.length);
    expect(readdirSync(cache('.m2merge/partial'))).toEqual([]);
  });

  it('writes down a piece on a line of its own behind one that was torn', async () => {
    mkdirSync(cache('.m2merge/partial'), { recursive: true });
    writeFileSync(cache('.m2merge/partial', sha256), WEIGHTS);
    const log = cache('.m2merge/partial', `${sha256}.pieces`);
    const head = `m2merge pieces 1 ${WEIGHTS.length} ${PIECE_BYTES}\n`;
    writeFileSync(log, `${head}0\n7`);
    const finished = (): boolean => readFileSync(log, 'utf8').length > head.length + 3;
    const answer = async (exchange: Exchange) => {
      while (!finished()) await delay(5);
      exchange.head(404);
      exchange.response.end();
    };
    // Of the two that are missing one comes.
    hub.fault({ origin: 'cdn', after: 1 }, { answer });
    await expect(pull()).rejects.toMatchObject({ kind: 'hub-refused' });
    expect(readFileSync(log, 'utf8').slice(head.length)).toMatch(/^0\n[12]\n$/);
  });

  it('ends with a small file that cannot be had, keeps the pieces that came, and lets others in', async () => {
    const log = cache('.m2merge/partial', `${sha256}.pieces`);
    const finished = (): number => (existsSync(log) ? readFileSync(log, 'utf8').split('\n').length - 2 : 0);
    // One piece comes, the others never do: without an end to them the run would last for ever.
    hub.fault({ origin: 'cdn', after: 1 }, { distort: { stallAfter: 1000 } });
    const answer = async (exchange: Exchange) => {
      while (finished() < 1) await delay(5);
      exchange.head(404);
      exchange.response.end();
    };
    hub.fault({ origin: 'hub', url: /config\.json/ }, { answer });
    await expect(pull()).rejects.toMatchObject({ kind: 'hub-refused', facts: { status: 404 } });
    expect(existsSync(cache('.m2merge/lock'))).toBe(false);
    hub.clearFaults();
    const before = hub.requests.length;
    expectWhole((await pull()).folder);
    const again = hub.requests.slice(before).filter(({ origin }) => origin === 'cdn');
    expect(again.reduce((total, { bytesSent }) => total + bytesSent, 0)).toBeLessThan(WEIGHTS.length);
  });

  it('of a model asks for nothing but its files, each byte once', async () => {
    const [pulled] = await library.pull(['org/model'], { hub: { environment } });
    expectWhole(pulled!.folder);
    expect(weightRequests().reduce((total, { bytesSent }) => total + bytesSent, 0)).toBe(WEIGHTS.length);
    expect(hub.requests.filter(({ origin }) => origin === 'hub')).toHaveLength(4);
  });

  it.each([
    ['size', (bytes: Buffer) => bytes.subarray(0, 1000)],
    ['hash', (bytes: Buffer) => Buffer.concat([Buffer.from([bytes[0]! ^ 1]), bytes.subarray(1)])],
  ])('fetches a blob of the wrong %s again, and says so', async (property, damage) => {
    await pull();
    writeFileSync(cache('blobs', sha256), damage(WEIGHTS));
    const { folder, warnings } = await pull();
    expect(warnings).toEqual([
      `model.safetensors of org/model in the cache has the wrong ${property}; it is fetched again`,
    ]);
    expectWhole(folder);
  });

  it('takes what Python has fetched, after reading it once', async () => {
    const commit = hub.repositories.get('org/model')!.resolve('main')!;
    const place = (path: string, hash: string, bytes: Buffer | string): void => {
      mkdirSync(cache('blobs'), { recursive: true });
      writeFileSync(cache('blobs', hash), bytes);
      mkdirSync(dirname(cache('snapshots', commit, path)), { recursive: true });
      symlinkSync(`../../blobs/${hash}`, cache('snapshots', commit, path));
    };
    place('model.safetensors', sha256, WEIGHTS);
    let checked = 0;
    const onProgress: PullOptions['onProgress'] = ({ activity, bytes }) => {
      if (activity === 'check') checked += bytes;
    };
    expectWhole((await pull({ onProgress })).folder);
    expect(weightRequests()).toEqual([]);
    expect(checked).toBe(WEIGHTS.length);
    await pull({ onProgress });
    expect(checked).toBe(WEIGHTS.length);
    await pull({ onProgress, verify: true });
    expect(checked).toBeGreaterThan(2 * WEIGHTS.length);
  });

  it('ends within a file that it reads, and what was there stays', async () => {
    const { folder } = await pull();
    const stop = new AbortController();
    let checked = 0;
    const onProgress: PullOptions['onProgress'] = ({ bytes }) => {
      checked += bytes;
      stop.abort(new Error('enough'));
    };
    await expect(pull({ onProgress, verify: true }, {}, stop.signal)).rejects.toThrow('enough');
    expect(checked).toBe(PIECE_BYTES);
    expectWhole(folder);
  });

  it('ends within a file that is whole but for its hash, whose pieces stay', async () => {
    const repository = new CachedRepository(environment.cacheFolder, 'org/model', true);
    const file = { path: 'model.safetensors', byteLength: WEIGHTS.length, oid: '0'.repeat(40), sha256 };
    mkdirSync(cache('.m2merge/partial'), { recursive: true });
    writeFileSync(cache('.m2merge/partial', sha256), WEIGHTS);
    const pieces = `m2merge pieces 1 ${WEIGHTS.length} ${PIECE_BYTES}\n0\n1\n2\n`;
    writeFileSync(cache('.m2merge/partial', `${sha256}.pieces`), pieces);
    const ended = await PartialBlob.open(repository, file, AbortSignal.abort(new Error('enough')));
    await expect(ended.digest()).rejects.toThrow('enough');
    await ended.close();
    const again = await PartialBlob.open(repository, file);
    expect(again.missing).toEqual([]);
    expect(await again.digest()).toBe(sha256);
    await again.close();
  });

  it('makes links that stay right when the cache is moved, or none where they are not wanted', async () => {
    const { folder } = await pull();
    expect(statSync(join(folder, 'model.safetensors')).ino).toBe(statSync(cache('blobs', sha256)).ino);
    const other = hubEnvironment(hub);
    const copied = await pull({}, { cacheFolder: other.cacheFolder, symlinks: false });
    expect(readFileSync(join(copied.folder, 'config.json'), 'utf8')).toBe(CONFIG);
  });

  it('needs room on the disk before it begins', async () => {
    const { statfs } = await import('node:fs/promises');
    const { bavail, bsize } = await statfs(dirname(environment.cacheFolder));
    const size = bavail * bsize + 1e12;
    const endless = { ...memoryFile('model.safetensors', 'x'), content: { size, slice: () => Buffer.alloc(0) } };
    hub.add('org/model', [endless, memoryFile('config.json', CONFIG)]);
    await expect(pull()).rejects.toMatchObject({ kind: 'disk-full', exitCode: 5 });
    expect(weightRequests()).toEqual([]);
  });
});
