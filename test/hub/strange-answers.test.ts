/** Answers that no Hub gives, but things between it and us do: each ends in a typed error, and the process goes on. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { RemoteFile } from '../../src/hub/range.js';
import { resolveCommit } from '../../src/hub/repository.js';
import { HubConnection } from '../../src/hub/request.js';
import { hubEnvironment } from '../support/hub/environment.js';
import type { Fault } from '../support/hub/faults.js';
import { LoopbackHub } from '../support/hub/loopback-hub.js';
import { memoryFile } from '../support/hub/repository.js';

const WEIGHTS = Buffer.from('weights');

let hub: LoopbackHub;

beforeEach(async () => {
  hub = await LoopbackHub.start();
  hub.add('org/model', [memoryFile('model.safetensors', WEIGHTS)]);
});
afterEach(() => hub.close());

const connect = () => new HubConnection(hubEnvironment(hub), { firstDelay: 1 });
const resolve = () => resolveCommit(connect(), { repo: 'org/model', revision: undefined });

const says = (body: string): Fault => ({
  answer: (exchange) => {
    exchange.head(200, { 'Content-Type': 'application/json' });
    exchange.response.end(body);
  },
});

/** An answer that no server library writes. */
const raw = (answer: string): Fault => ({ answer: ({ request }) => void request.socket.end(answer) });

describe('strange answers', () => {
  it.each(['<html>log in to the network</html>', '', 'null', '[]', '{"sha":7}'])(
    'are refused as the information of a model: %j',
    async (body) => {
      hub.fault({ origin: 'hub', url: /\/revision\// }, says(body));
      await expect(resolve()).rejects.toMatchObject({ kind: 'hub-answer-invalid' });
    },
  );

  it.each(['<html></html>', 'null', '{}', '[1,null,{}]', '[{"type":"file","path":5,"size":"3","oid":1},null]'])(
    'are refused as a list of files: %j',
    async (body) => {
      hub.fault({ origin: 'hub', url: /\/tree\// }, says(body));
      await expect(resolve()).rejects.toMatchObject({ kind: 'hub-answer-invalid' });
    },
  );

  it.each([
    'HTTP/1.1 999 Strange\r\nContent-Length: 0\r\n\r\n',
    'HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: other\r\n\r\n',
    'no HTTP at all\r\n\r\n',
  ])('count as broken connections where bytes were asked for: %j', async (answer) => {
    const connection = connect();
    const { repo, commit, files } = await resolveCommit(connection, { repo: 'org/model', revision: undefined });
    const file = new RemoteFile(connection, repo, commit, files.get('model.safetensors')!);
    hub.fault({ origin: 'cdn', times: 1 }, raw(answer));
    const found = Buffer.alloc(WEIGHTS.length);
    await file.transfer(0, found.length, (chunk, position) => void found.set(chunk, position));
    expect(found).toEqual(WEIGHTS);
    hub.fault({ origin: 'cdn' }, raw(answer));
    await expect(file.transfer(0, found.length, () => {})).rejects.toMatchObject({ kind: 'hub-unreachable' });
  });
});
