/** Pushes to the loopback Hub: what arrives, what is asked for, what goes wrong, and who gets the token. */
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { HubEnvironment } from '../../src/hub/environment.js';
import { Push, type PushOptions, type PushProgress } from '../../src/hub/push.js';
import { hubEnvironment } from '../support/hub/environment.js';
import type { Exchange } from '../support/hub/exchange.js';
import { answerRefusal, answerStatus, refuseConnection } from '../support/hub/faults.js';
import { HUB_TOKEN, LoopbackHub } from '../support/hub/loopback-hub.js';
import { memoryFile } from '../support/hub/repository.js';
import { WritableHub } from '../support/hub/write-routes.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const REPO = 'me/merged';
const FIRST = Buffer.alloc(700_000, 1);
const SECOND = Buffer.alloc(300_001, 2);

let writable: WritableHub;
let hub: LoopbackHub;
let folder: string;

async function start(options: ConstructorParameters<typeof WritableHub>[0] = {}): Promise<void> {
  await hub?.close();
  writable = new WritableHub(options);
  hub = await LoopbackHub.start({ routes: writable.routes, receive: writable.receive });
}

beforeEach(async () => {
  await start();
  folder = temporaryFolder();
  writeFileSync(join(folder, 'model-00001-of-00002.safetensors'), FIRST);
  writeFileSync(join(folder, 'model-00002-of-00002.safetensors'), SECOND);
  writeFileSync(join(folder, 'model.safetensors.index.json'), '{}');
  writeFileSync(join(folder, 'README.md'), '---\ntags: [merge]\n---\n');
  mkdirSync(join(folder, 'additional_chat_templates'));
  writeFileSync(join(folder, 'additional_chat_templates', 'tool use.jinja'), '{{ x }}');
  mkdirSync(join(folder, '.cache'));
  writeFileSync(join(folder, '.cache', 'secret'), 'x');
});
afterEach(() => hub.close());

function pushTo(repo: string, options: PushOptions = {}, environment: Partial<HubEnvironment> = {}): Push {
  return new Push(hubEnvironment(hub, { token: HUB_TOKEN, ...environment }), repo, { firstDelay: 5, ...options });
}

const push = (options: PushOptions = {}, environment: Partial<HubEnvironment> = {}) =>
  pushTo(REPO, options, environment).run(folder);

const uploads = () => hub.requests.filter(({ origin, method }) => origin === 'cdn' && method === 'PUT');
const names = (branch = 'main'): string[] => {
  const repository = hub.repositories.get(REPO)!;
  return [...repository.commits.get(repository.refs.get(branch)!)!.keys()].sort();
};

const PUSHED = [
  'README.md',
  'additional_chat_templates/tool use.jinja',
  'model-00001-of-00002.safetensors',
  'model-00002-of-00002.safetensors',
  'model.safetensors.index.json',
];

describe('a push', () => {
  it('makes the repository, sends large files by LFS and the others with the commit', async () => {
    const result = await push({ title: 'A merge' });
    expect(names()).toEqual(['.gitattributes', ...PUSHED].sort());
    expect(writable.commits).toEqual([
      {
        repo: REPO,
        revision: 'main',
        isPullRequest: false,
        summary: 'A merge',
        regular: ['README.md', 'additional_chat_templates/tool use.jinja', 'model.safetensors.index.json'],
        lfs: ['model-00001-of-00002.safetensors', 'model-00002-of-00002.safetensors'],
        removed: [],
      },
    ]);
    const [first] = [...writable.stored.values()].filter(({ size }) => size === FIRST.length);
    expect(first!.content.slice(0, FIRST.length).equals(FIRST)).toBe(true);
    expect(result).toMatchObject({ repo: REPO, url: `${hub.endpoint}/${REPO}`, created: true, files: 5, removed: [] });
    expect(result.bytesSent).toBe(FIRST.length + SECOND.length);
    expect(hub.repositories.get(REPO)!.options.private).toBe(false);
  });

  it('makes a private repository, and refuses a public one before anything is sent', async () => {
    await push({ private: true });
    expect(hub.repositories.get(REPO)!.options.private).toBe(true);
    hub.add('me/public', [memoryFile('x', 'x')]);
    const before = hub.requests.length;
    await expect(pushTo('me/public', { private: true }).run(folder)).rejects.toMatchObject({
      kind: 'push-not-private',
    });
    expect(hub.requests.slice(before).every(({ method }) => method === 'GET')).toBe(true);
  });

  it('makes the branch it is told, and leaves main alone', async () => {
    hub.add(REPO, [memoryFile('README.md', 'old')]);
    const result = await push({ branch: 'try/one' });
    expect(names()).toEqual(['README.md']);
    expect(names('try/one')).toEqual(PUSHED);
    expect(result.url).toBe(`${hub.endpoint}/${REPO}/tree/try%2Fone`);
    await push({ branch: 'try/one' });
    expect(hub.requests.filter(({ url }) => url.includes('/branch/'))).toHaveLength(1);
  });

  it('opens a pull request', async () => {
    hub.add(REPO, [memoryFile('README.md', 'old')]);
    const result = await push({ createPr: true });
    expect(result.pullRequest).toBe(`${hub.endpoint}/${REPO}/discussions/1`);
    expect(names()).toEqual(['README.md']);
    expect(names('refs/pr/1')).toEqual(PUSHED);
  });

  it('removes weights that loaders would take for the model', async () => {
    hub.add(REPO, [
      memoryFile('model.safetensors', 'old'),
      memoryFile('notes.md', 'x'),
      memoryFile('gguf/a.gguf', 'x'),
    ]);
    const { removed } = await push();
    expect(removed).toEqual(['model.safetensors']);
    expect(names()).toEqual([...PUSHED, 'gguf/a.gguf', 'notes.md'].sort());
  });

  it('sends large files in parts where the Hub wants parts', async () => {
    await start({ partBytes: 250_000 });
    await push();
    expect(uploads()).toHaveLength(3 + 2);
    expect([...writable.stored.values()].map(({ size }) => size).sort()).toEqual([SECOND.length, FIRST.length].sort());
  });

  it('tells how far it is', async () => {
    const seen: string[] = [];
    let bytes = 0;
    await push({
      onProgress: (progress) => {
        seen.push(progress.phase);
        if (progress.phase === 'sent') bytes += progress.bytes;
      },
    });
    expect([seen[0], seen.at(-1)]).toEqual(['start', 'committing']);
    expect(seen).toContain('hashed');
    expect(bytes).toBe(FIRST.length + SECOND.length);
  });
});

describe('a push that fails', () => {
  it('is resumed by repeating: what arrived is not sent again', async () => {
    // The second upload fails when the first is complete.
    const answer = async (exchange: Exchange): Promise<void> => {
      while (writable.stored.size === 0) await delay(5);
      exchange.empty(400);
    };
    hub.fault({ origin: 'cdn', method: 'PUT', after: 1 }, { answer });
    const refused = { kind: 'push-refused', exitCode: 6, hint: expect.stringMatching(/not sent a second time/) };
    await expect(push()).rejects.toMatchObject(refused);
    expect(writable.commits).toEqual([]);
    const [[arrived]] = [[...writable.stored.keys()]];
    hub.clearFaults();
    const before = uploads().length;
    const result = await push();
    const again = uploads().slice(before);
    expect(again).toHaveLength(1);
    expect(again[0]!.url).not.toContain(arrived);
    expect(result.bytesSent).toBeLessThan(FIRST.length + SECOND.length);
    expect(names()).toContain('model-00002-of-00002.safetensors');
  });

  it('repeats uploads after broken connections and 503', async () => {
    hub.fault({ origin: 'cdn', method: 'PUT', times: 1 }, refuseConnection);
    hub.fault({ origin: 'cdn', method: 'PUT', times: 1 }, answerStatus(503));
    const { bytesSent } = await push();
    expect(bytesSent).toBe(FIRST.length + SECOND.length);
    expect(uploads()).toHaveLength(4);
  });

  it('asks for new addresses when those it has expire', async () => {
    hub.fault({ origin: 'cdn', method: 'PUT', times: 1 }, answerStatus(403));
    await push();
    expect(hub.requests.filter(({ url }) => url.endsWith('/objects/batch'))).toHaveLength(2);
    expect(names()).toEqual(['.gitattributes', ...PUSHED].sort());
  });

  it('does not make a commit twice whose answer got lost', async () => {
    hub.fault({ origin: 'hub', url: /\/commit\// }, refuseConnection);
    await expect(push()).rejects.toMatchObject({ kind: 'push-unanswered', exitCode: 6 });
    expect(hub.requests.filter(({ url }) => url.includes('/commit/'))).toHaveLength(1);
  });

  it.each([500, 502, 504])('does not make a commit twice that a gateway answered with %i', async (status) => {
    hub.fault({ origin: 'hub', url: /\/commit\//, times: 1 }, answerStatus(status));
    const facts = { reason: `answer ${status}` };
    await expect(push()).rejects.toMatchObject({ kind: 'push-unanswered', exitCode: 6, facts });
    expect(hub.requests.filter(({ url }) => url.includes('/commit/'))).toHaveLength(1);
  });

  it('waits before it repeats a commit as long as the Hub asks for', async () => {
    const answer = (exchange: Exchange): void => exchange.empty(429, { 'retry-after': '1' });
    hub.fault({ origin: 'hub', url: /\/commit\//, times: 1 }, { answer });
    const waits: number[] = [];
    await push({ onWait: (milliseconds) => waits.push(milliseconds) });
    expect(waits).toEqual([1000]);
    expect(writable.commits).toHaveLength(1);
  });

  it('makes no commit of a folder that changes meanwhile', async () => {
    // A file of text goes with the commit itself; the weights have arrived by then.
    let isChanged = false;
    const onProgress = ({ phase }: PushProgress): void => {
      if (phase !== 'sent' || isChanged) return;
      isChanged = true;
      writeFileSync(join(folder, 'README.md'), 'of another model');
    };
    await expect(push({ onProgress })).rejects.toMatchObject({ kind: 'push-changed', exitCode: 5 });
    expect(writable.commits).toEqual([]);
  });

  it('repeats a commit that the Hub had no time for', async () => {
    hub.fault({ origin: 'hub', url: /\/commit\//, times: 1 }, answerStatus(503));
    await push();
    expect(writable.commits).toHaveLength(1);
  });

  it.each([
    ['401', /\/api\/models\//, answerStatus(401), 'hub-token-refused'],
    [
      '403 for the repository',
      /\/repos\/create/,
      answerRefusal(403, '', 'You have read access only'),
      'push-forbidden',
    ],
    ['403 for the commit', /\/preupload\//, answerRefusal(403, '', 'Forbidden'), 'push-forbidden'],
    ['404', /\/preupload\//, answerRefusal(404, 'RepoNotFound', 'Repository not found'), 'hub-repo-missing'],
    ['409', /\/commit\//, answerRefusal(409, '', 'Branch was updated'), 'push-conflict'],
    ['412', /\/commit\//, answerStatus(412), 'push-conflict'],
  ])('%s', async (_, url, fault, kind) => {
    hub.fault({ origin: 'hub', url }, fault);
    const error = await push().catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ kind });
    expect(`${(error as Error).message} ${JSON.stringify(error)}`).not.toContain(HUB_TOKEN);
  });

  it('goes on when somebody else made the repository meanwhile', async () => {
    hub.fault(
      { origin: 'hub', url: /\/repos\/create/ },
      {
        answer: (exchange) => {
          hub.add(REPO, [memoryFile('README.md', 'theirs')]);
          exchange.json(409, { error: 'You already created this model repo' });
        },
      },
    );
    await push();
    expect(names()).toEqual(PUSHED);
  });

  it('stops when it is told to', async () => {
    const controller = new AbortController();
    hub.fault({ origin: 'cdn', method: 'PUT' }, { answer: () => controller.abort(new Error('stop')) });
    await expect(push({ signal: controller.signal })).rejects.toThrow('stop');
    expect(writable.commits).toEqual([]);
  });
});

describe('secrets', () => {
  it('the token goes to the Hub alone, and its signed addresses into no error', async () => {
    hub.fault({ origin: 'cdn', method: 'PUT', after: 1 }, answerStatus(400, { 'X-Error-Message': 'no' }));
    const error = (await push().catch((thrown: unknown) => thrown)) as Error;
    for (const { origin, headers } of hub.requests) {
      expect(headers.authorization).toBe(origin === 'hub' ? `Bearer ${HUB_TOKEN}` : undefined);
    }
    expect(`${error.message} ${error.stack} ${JSON.stringify(error)}`).not.toMatch(/Signature=|hf_/);
  });

  it('a wrong token is refused, and not repeated in the error', async () => {
    const token = 'hf_wrongTokenThatMustNotLeakEither';
    const error = (await push({}, { token }).catch((thrown: unknown) => thrown)) as Error;
    expect(error).toMatchObject({ kind: 'hub-token-refused' });
    expect(`${error.message} ${error.stack} ${JSON.stringify(error)}`).not.toContain(token);
  });

  it('a token of another kind than the public Hub’s is taken', async () => {
    await expect(push({}, { token: 'glpat-other' })).rejects.toMatchObject({ kind: 'hub-token-refused' });
    expect(hub.requests.at(-1)!.headers.authorization).toBe('Bearer glpat-other');
  });

  it.each([
    ['README.md', () => `made in ${folder}/x`],
    ['recipe.yaml', () => `models:\n  - ${homedir()}/models/x`],
  ])('a path of this machine in %s is found before anything is sent', async (file, text) => {
    writeFileSync(join(folder, file), text());
    await expect(push()).rejects.toMatchObject({ kind: 'push-path-shown', facts: { file } });
    expect(hub.requests).toEqual([]);
  });
});

describe('what cannot be pushed', () => {
  it.each(['merged', 'a/b/c', '../x', 'me/..', 'https://hub/me/x', 'me/a b'])('to %s', (repo) => {
    expect(() => pushTo(repo)).toThrow(/is not the name of a repository/);
  });

  it('without a token, offline, to a branch that cannot be', () => {
    expect(() => pushTo(REPO, {}, { token: undefined })).toThrow(/needs a token/);
    expect(() => pushTo(REPO, {}, { offline: true })).toThrow(/HF_HUB_OFFLINE/);
    expect(() => pushTo(REPO, { branch: '../main' })).toThrow(/has no revision/);
  });

  it('an empty folder, none at all, and names that the Hub cannot have', async () => {
    const empty = temporaryFolder();
    await expect(pushTo(REPO).run(empty)).rejects.toMatchObject({ kind: 'push-nothing' });
    await expect(pushTo(REPO).run(join(empty, 'nowhere'))).rejects.toMatchObject({ kind: 'file-missing' });
    writeFileSync(join(folder, 'a%2fb'), 'x');
    await expect(push()).rejects.toMatchObject({ kind: 'push-file-unsafe', facts: { file: 'a%2fb' } });
    expect(hub.requests).toEqual([]);
  });

  it('a folder that links to itself ends', async () => {
    symlinkSync(folder, join(folder, 'again'));
    expect((await push()).files).toBeGreaterThan(5);
  });
});
