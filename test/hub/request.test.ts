/** Requests against the loopback Hub: secrets, redirects, repetitions, refusals. */
import { modelInfo } from '@huggingface/hub';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { HubConnection } from '../../src/hub/request.js';
import { hubEnvironment } from '../support/hub/environment.js';
import { answerRedirect, answerStatus, neverAnswer, refuseConnection } from '../support/hub/faults.js';
import { HUB_TOKEN, LoopbackHub } from '../support/hub/loopback-hub.js';
import { memoryFile } from '../support/hub/repository.js';

const ASKED = { repo: 'org/model', file: 'model.safetensors' };
const WEIGHTS = Buffer.from('weights');

let hub: LoopbackHub;
let waits: number[];

beforeEach(async () => {
  hub = await LoopbackHub.start();
  hub.add('org/model', [memoryFile('model.safetensors', WEIGHTS), memoryFile('config.json', '{}')]);
  waits = [];
});
afterEach(() => hub.close());

function connect(token?: string): HubConnection {
  return new HubConnection(hubEnvironment(hub, { token }), {
    firstDelay: 10,
    onWait: (milliseconds) => waits.push(milliseconds),
  });
}

const address = () => `${hub.endpoint}/org/model/resolve/main/model.safetensors`;

describe('hub requests', () => {
  it('sends the token to the Hub and not to its CDN', async () => {
    const response = await connect(HUB_TOKEN).open(address(), ASKED);
    expect(Buffer.from(await response.arrayBuffer())).toEqual(WEIGHTS);
    expect(hub.requests.map(({ origin, headers }) => [origin, headers.authorization])).toEqual([
      ['hub', `Bearer ${HUB_TOKEN}`],
      ['cdn', undefined],
    ]);
    expect(hub.requests[0]!.headers['user-agent']).toMatch(/^m2merge\/\d/);
  });

  it('gives no token to a CDN that asks for one, nor to the Hub when the CDN leads back there', async () => {
    hub.fault({ origin: 'cdn', times: 1 }, answerStatus(401, { 'WWW-Authenticate': 'Bearer realm="token please"' }));
    await expect(connect(HUB_TOKEN).open(address(), ASKED)).rejects.toMatchObject({ kind: 'hub-refused' });
    hub.fault(
      { origin: 'cdn', times: 1 },
      answerRedirect(() => `${hub.endpoint}/org/model/resolve/main/config.json`),
    );
    await connect(HUB_TOKEN).open(address(), ASKED);
    expect(hub.requests.filter(({ headers }) => headers.authorization !== undefined)).toHaveLength(2);
    expect(hub.requests.at(-1)).toMatchObject({ origin: 'hub', url: '/org/model/resolve/main/config.json' });
    expect(hub.requests.at(-1)!.headers.authorization).toBeUndefined();
  });

  it('stops at a redirect loop, and at redirects to other protocols', async () => {
    hub.fault(
      { origin: 'cdn' },
      answerRedirect(() => address()),
    );
    await expect(connect().open(address(), ASKED)).rejects.toMatchObject({ kind: 'hub-answer-invalid' });
    expect(hub.requests.length).toBeLessThan(10);
    hub.clearFaults();
    hub.fault(
      { origin: 'hub' },
      answerRedirect(() => 'file:///etc/passwd'),
    );
    await expect(connect().open(address(), ASKED)).rejects.toThrow(/redirected to file:/);
  });

  it('repeats after 500, 503, 429 and broken connections, as long as the server asks', async () => {
    hub.fault({ origin: 'hub', times: 1 }, answerStatus(500, { 'Retry-After': '0' }));
    hub.fault({ origin: 'hub', times: 1 }, answerStatus(503, { 'Retry-After': '0' }));
    hub.fault({ origin: 'hub', times: 1 }, answerStatus(429, { RateLimit: '"resolvers";r=0;t=0' }));
    hub.fault({ origin: 'hub', times: 1 }, refuseConnection);
    const response = await connect().open(address(), ASKED);
    expect(Buffer.from(await response.arrayBuffer())).toEqual(WEIGHTS);
    expect(waits.slice(0, 3)).toEqual([0, 0, 1000]);
    expect(waits).toHaveLength(4);
  });

  it('gives up after six attempts with what the server said', async () => {
    hub.fault({ origin: 'hub' }, answerStatus(503, { 'Retry-After': '0', 'X-Error-Message': 'under repair' }));
    await expect(connect().open(address(), ASKED)).rejects.toMatchObject({
      kind: 'hub-refused',
      exitCode: 6,
      facts: { status: 503, detail: 'under repair', attempts: 6 },
    });
    expect(hub.requests).toHaveLength(6);
  });

  it('does not wait for hours', async () => {
    hub.fault({ origin: 'hub' }, answerStatus(429, { 'Retry-After': '7200' }));
    await expect(connect().open(address(), ASKED)).rejects.toMatchObject({ facts: { status: 429, attempts: 1 } });
    expect(waits).toEqual([]);
  });

  it('does not wait for an answer that never comes', async () => {
    hub.fault({ origin: 'hub', times: 1 }, neverAnswer);
    const connection = new HubConnection(hubEnvironment(hub, { answerTimeout: 50 }), { firstDelay: 10 });
    expect((await connection.open(address(), ASKED)).status).toBe(200);
  });

  it('says which host cannot be reached', async () => {
    const environment = { ...hubEnvironment(hub), endpoint: 'http://127.0.0.1:9' };
    await expect(
      new HubConnection(environment).open('http://127.0.0.1:9/org/model/resolve/x', ASKED, { attempts: 1 }),
    ).rejects.toMatchObject({ kind: 'hub-unreachable', facts: { host: '127.0.0.1:9' } });
  });

  it('tries a host that nobody knows only twice', async () => {
    const endpoint = 'http://nowhere.invalid';
    const connection = new HubConnection(
      { ...hubEnvironment(hub), endpoint },
      { firstDelay: 10, onWait: (milliseconds) => waits.push(milliseconds) },
    );
    await expect(connection.open(`${endpoint}/org/model/resolve/x`, ASKED)).rejects.toMatchObject({
      kind: 'hub-unreachable',
      facts: { host: 'nowhere.invalid' },
    });
    expect(waits).toHaveLength(1);
  });

  it('lets the library repeat an answer that breaks off', async () => {
    const connection = connect();
    hub.fault(
      { origin: 'hub', times: 1 },
      {
        answer: ({ response }) => {
          response.writeHead(200, { 'Content-Type': 'application/json', 'Content-Length': '1000' });
          response.write('{"id": "or');
          setTimeout(() => response.destroy(), 20);
        },
      },
    );
    const info = await modelInfo({
      name: 'org/model',
      hubUrl: hub.endpoint,
      fetch: connection.api({ repo: 'org/model' }),
      additionalFields: ['sha'],
    });
    expect(info.sha).toBe(hub.repositories.get('org/model')!.resolve('main'));
  });

  describe('refusals', () => {
    const kindOf = async (connection: HubConnection, path: string): Promise<string> => {
      const error = await connection.open(`${hub.endpoint}${path}`, ASKED).catch((reason) => reason);
      expect(JSON.stringify([error.message, error.hint, error.facts])).not.toContain(HUB_TOKEN);
      expect(error.exitCode).toBe(4);
      return error.kind;
    };

    beforeEach(() => {
      hub.add('org/private', [memoryFile('model.safetensors', WEIGHTS)], { private: true });
      hub.add('org/gated', [memoryFile('model.safetensors', WEIGHTS)], { gated: true });
    });

    it.each([
      ['a missing repository', '/org/none/resolve/main/model.safetensors', 'hub-repo-missing', 'hub-repo-missing'],
      ['a gated repository', '/org/gated/resolve/main/model.safetensors', 'hub-gated', 'hub-gated'],
      [
        'a missing revision',
        '/org/model/resolve/nope/model.safetensors',
        'hub-revision-missing',
        'hub-revision-missing',
      ],
      ['a missing file', '/org/model/resolve/main/none', 'hub-file-missing', 'hub-file-missing'],
    ])('knows %s', async (_, path, anonymous, signedIn) => {
      expect(await kindOf(connect(), path)).toBe(anonymous);
      expect(await kindOf(connect(HUB_TOKEN), path)).toBe(signedIn);
    });

    it('tells a private repository from a bad token', async () => {
      const path = '/org/private/resolve/main/model.safetensors';
      expect(await kindOf(connect(), path)).toBe('hub-repo-missing');
      expect(await kindOf(connect('hf_bad'), path)).toBe('hub-token-refused');
      expect((await connect(HUB_TOKEN).open(`${hub.endpoint}${path}`, ASKED)).status).toBe(200);
    });

    it('takes the Hub at its word for 403', async () => {
      hub.fault({ origin: 'hub' }, answerStatus(403, { 'X-Error-Message': 'token lacks read access' }));
      const error = await connect(HUB_TOKEN)
        .open(address(), ASKED)
        .catch((reason) => reason);
      expect(error).toMatchObject({ kind: 'hub-forbidden' });
    });
  });
});
