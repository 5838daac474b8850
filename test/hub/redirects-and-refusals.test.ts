/** What a redirect may not do, an answer that never ends, and what some of the Hub's refusals mean. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { resolveCommit } from '../../src/hub/repository.js';
import { HubConnection } from '../../src/hub/request.js';
import { hubEnvironment } from '../support/hub/environment.js';
import { answerRefusal, answerStatus } from '../support/hub/faults.js';
import { HUB_TOKEN, LoopbackHub } from '../support/hub/loopback-hub.js';
import { memoryFile } from '../support/hub/repository.js';

const ASKED = { repo: 'org/model', file: 'model.safetensors' };
const PATH = '/org/model/resolve/main/model.safetensors';

let hub: LoopbackHub;

beforeEach(async () => {
  hub = await LoopbackHub.start();
  hub.add('org/model', [memoryFile('model.safetensors', 'weights')]);
});
afterEach(async () => {
  vi.unstubAllGlobals();
  await hub.close();
});

const connect = (token?: string) => new HubConnection(hubEnvironment(hub, { token }), { firstDelay: 1 });

describe('a redirect', () => {
  it('does not take along the authorization that a request came with', async () => {
    const headers = { authorization: `Bearer ${HUB_TOKEN}` };
    const response = await connect().open(`${hub.endpoint}${PATH}`, ASKED, { headers });
    expect(await response.text()).toBe('weights');
    expect(hub.requests.map(({ origin, headers: sent }) => [origin, sent.authorization])).toEqual([
      ['hub', `Bearer ${HUB_TOKEN}`],
      ['cdn', undefined],
    ]);
  });

  it('from https to http is not followed', async () => {
    // The loopback Hub speaks no https: its first answer is put in the place of one that came so.
    const { fetch } = globalThis;
    const leads = () => new Response(null, { status: 302, headers: { location: `${hub.endpoint}${PATH}` } });
    vi.stubGlobal(
      'fetch',
      vi.fn(fetch).mockImplementationOnce(async () => leads()),
    );
    const opened = connect().open(`https://hub.invalid${PATH}`, ASKED);
    await expect(opened).rejects.toMatchObject({
      kind: 'hub-answer-invalid',
      facts: { detail: 'redirected from https to http' },
    });
    expect(hub.requests).toEqual([]);
  });
});

describe('an answer of the API', () => {
  it('is not read without end into memory', async () => {
    // All of it is JSON in the right form: only its length is wrong.
    const information = JSON.stringify({ id: 'org/model', sha: hub.repositories.get('org/model')!.resolve('main') });
    hub.fault(
      { origin: 'hub', url: /\/revision\// },
      {
        answer: (exchange) => {
          exchange.head(200, { 'Content-Type': 'application/json' });
          exchange.response.end(Buffer.concat([Buffer.from(information), Buffer.alloc(64_000_000, ' ')]));
        },
      },
    );
    await expect(resolveCommit(connect(), { repo: 'org/model', revision: undefined })).rejects.toMatchObject({
      kind: 'hub-answer-invalid',
      facts: { detail: 'it is longer than 64000000 bytes' },
    });
  });
});

describe('a refusal', () => {
  it('of someone signed in that names no repository is about the repository, not the token', async () => {
    hub.fault({ origin: 'hub' }, answerRefusal(401, 'RepoNotFound', 'Repository not found'));
    await expect(connect(HUB_TOKEN).open(`${hub.endpoint}${PATH}`, ASKED)).rejects.toMatchObject({
      kind: 'hub-repo-missing',
      facts: { repo: 'org/model', signedIn: true },
    });
  });

  it('with 404 and no code, where no file was asked for, says that there is no such repository', async () => {
    hub.fault({ origin: 'hub' }, answerStatus(404));
    const asked = { repo: 'org/model' };
    await expect(connect().open(`${hub.endpoint}/api/models/org/model`, asked)).rejects.toMatchObject({
      kind: 'hub-repo-missing',
      facts: { repo: 'org/model', signedIn: false },
    });
    // Of a file it says that the Hub refused it, and no more.
    await expect(connect().open(`${hub.endpoint}${PATH}`, ASKED)).rejects.toMatchObject({ kind: 'hub-refused' });
  });
});
