/** Answers to requests for bytes that are not these bytes, and connections that break again and again. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { RemoteFile } from '../../src/hub/range.js';
import { resolveCommit } from '../../src/hub/repository.js';
import { HubConnection } from '../../src/hub/request.js';
import { hubEnvironment } from '../support/hub/environment.js';
import type { Fault } from '../support/hub/faults.js';
import { LoopbackHub } from '../support/hub/loopback-hub.js';
import { memoryFile } from '../support/hub/repository.js';

const WEIGHTS = Buffer.from('weights');

/** More than the attempts that a request has. */
const BREAKS = 8;

let hub: LoopbackHub;

beforeEach(async () => {
  hub = await LoopbackHub.start();
});
afterEach(() => hub.close());

/** The file `model.safetensors` with these bytes, as it is fetched, and what has come of it. */
async function remote(bytes: Buffer) {
  hub.add('org/model', [memoryFile('model.safetensors', bytes)]);
  const connection = new HubConnection(hubEnvironment(hub), { firstDelay: 1 });
  const { repo, commit, files } = await resolveCommit(connection, { repo: 'org/model', revision: undefined });
  const file = new RemoteFile(connection, repo, commit, files.get('model.safetensors')!);
  const found = Buffer.alloc(bytes.length);
  const fetch = () => file.transfer(0, bytes.length, (chunk, position) => void found.set(chunk, position));
  return { fetch, found };
}

/** All of a file as a range, in other words or with other bytes. */
const says = (headers: Readonly<Record<string, string>>, body: Buffer): Fault => ({
  answer: (exchange) => {
    const { length } = WEIGHTS;
    exchange.head(206, { 'Content-Range': `bytes 0-${length - 1}/${length}`, ...headers });
    exchange.response.end(body);
  },
});

describe('an answer to a request for bytes', () => {
  it('that is empty each time is an end, not a reason to ask for ever', async () => {
    const { fetch } = await remote(WEIGHTS);
    // Far more often than anything is tried; who still asks then is served.
    hub.fault({ origin: 'cdn', times: 50 }, says({}, Buffer.alloc(0)));
    await expect(fetch()).rejects.toMatchObject({ kind: 'hub-unreachable', facts: { reason: 'the answer was empty' } });
  });

  it('that is empty once is asked for again', async () => {
    const { fetch, found } = await remote(WEIGHTS);
    hub.fault({ origin: 'cdn', times: 1 }, says({}, Buffer.alloc(0)));
    await fetch();
    expect(found).toEqual(WEIGHTS);
  });

  it.each([
    ['is compressed', { 'Content-Encoding': 'gzip' }, /compressed/],
    ['comes from a longer file', { 'Content-Range': `bytes 0-${WEIGHTS.length - 1}/${WEIGHTS.length + 8}` }, /found/],
    ['does not say how long the file is', { 'Content-Range': `bytes 0-${WEIGHTS.length - 1}/*` }, /found/],
  ])('that %s is not taken for weights, however well its length fits', async (_, headers, message) => {
    const { fetch, found } = await remote(WEIGHTS);
    hub.fault({ origin: 'cdn' }, says(headers, Buffer.alloc(WEIGHTS.length, 0xff)));
    const error = await fetch().catch((reason) => reason);
    expect(error).toMatchObject({ kind: 'hub-answer-invalid', exitCode: 6 });
    expect(error.message).toMatch(message);
    expect(found).toEqual(Buffer.alloc(WEIGHTS.length));
  });
});

describe('a connection', () => {
  it('may break more often than a request is repeated, as long as something comes each time', async () => {
    const bytes = Buffer.from(Array.from({ length: BREAKS * 1000 + 1 }, (_, i) => i % 251));
    const { fetch, found } = await remote(bytes);
    hub.fault({ origin: 'cdn', times: BREAKS }, { distort: { resetAfter: 1000 } });
    await fetch();
    expect(found).toEqual(bytes);
    expect(hub.requests.filter(({ origin }) => origin === 'cdn').length).toBeGreaterThan(BREAKS);
  });
});
