/** `--push` with a file of several recipes: it takes the one model that has no name of its own. */
import { afterEach, beforeEach, expect, it } from 'vitest';
import { m2merge } from '../support/command.js';
import { hubVariables } from '../support/hub/environment.js';
import { HUB_TOKEN, LoopbackHub } from '../support/hub/loopback-hub.js';
import { WritableHub } from '../support/hub/write-routes.js';
import { temporaryFolder } from '../support/temporary-folder.js';
import { contentsOf, createWorkplace } from './workplace.js';

const document = (head: string, model: string): string =>
  `${head}merge_method: linear\nmodels: [{model: ${model}, parameters: {weight: 1}}]\n`;

let hub: LoopbackHub;

beforeEach(async () => {
  const writable = new WritableHub();
  hub = await LoopbackHub.start({ routes: writable.routes, receive: writable.receive });
});
afterEach(() => hub.close());

const run = (folder: string) =>
  m2merge(['recipe.yaml', 'out', '--push', 'me/merged', '--private'], folder, {
    ...hubVariables(hub, temporaryFolder()),
    HF_TOKEN: HUB_TOKEN,
  });

it('is refused before anything is merged when all of them have names', async () => {
  const folder = createWorkplace(`${document('name: first\n', 'a')}---\n${document('name: second\n', 'first')}`);
  const before = contentsOf(folder);
  const { status, stdout, stderr } = await run(folder);
  expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
  expect(stderr).toMatch(/^error: --push takes one model, but all documents have names$/m);
  expect(stderr).toContain('m2merge push');
  expect(contentsOf(folder)).toEqual(before);
  expect(hub.requests).toEqual([]);
});

it('pushes the one without a name, and none of the others', async () => {
  const folder = createWorkplace(`${document('name: first\n', 'a')}---\n${document('', 'first')}`);
  const { status } = await run(folder);
  expect(status).toBe(0);
  expect([...hub.repositories.keys()]).toEqual(['me/merged']);
});
