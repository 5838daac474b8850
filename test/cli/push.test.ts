/** The commands that push to the loopback Hub; those that end well as processes, which have to end. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { m2mergeBeside } from '../support/cli.js';
import { m2merge } from '../support/command.js';
import { hubVariables } from '../support/hub/environment.js';
import { answerStatus } from '../support/hub/faults.js';
import { HUB_TOKEN, LoopbackHub } from '../support/hub/loopback-hub.js';
import { WritableHub } from '../support/hub/write-routes.js';
import { temporaryFolder } from '../support/temporary-folder.js';
import { createWorkplace } from './workplace.js';

let writable: WritableHub;
let hub: LoopbackHub;

beforeEach(async () => {
  writable = new WritableHub();
  hub = await LoopbackHub.start({ routes: writable.routes, receive: writable.receive });
});
afterEach(() => hub.close());

const variablesFor = (token: string | null) => ({
  ...hubVariables(hub, temporaryFolder()),
  ...(token === null ? {} : { HF_TOKEN: token }),
});

const run = (args: readonly string[], folder: string, token: string | null = HUB_TOKEN) =>
  m2merge(args, folder, variablesFor(token));

const runAlone = (args: readonly string[], folder: string) => m2mergeBeside(args, folder, variablesFor(HUB_TOKEN));

const filesOf = (repo: string): string[] => {
  const repository = hub.repositories.get(repo)!;
  return [...repository.commits.get(repository.refs.get('main')!)!.keys()];
};

describe('m2merge push', () => {
  it('pushes a folder and says what it did', async () => {
    const folder = createWorkplace();
    const result = await runAlone(['push', 'a', 'me/a', '--private', '--message', 'Model a'], folder);
    expect(result.stderr).toBe('');
    expect(result.status).toBe(0);
    const { commits } = hub.repositories.get('me/a')!;
    const commit = [...commits.keys()].at(-1)!.slice(0, 8);
    expect(result.stdout.replaceAll(/\d+(?= B)/g, 'N')).toBe(
      [
        'pushed  1 file, N B, of which N B of large files were sent',
        `to      me/a (new), commit ${commit}`,
        `see     ${hub.endpoint}/me/a`,
        '',
      ].join('\n'),
    );
    expect(hub.repositories.get('me/a')!.options.private).toBe(true);
    expect(writable.commits[0]!.summary).toBe('Model a');
  });

  it('prints events for machines, and errors with their exit codes', async () => {
    const folder = createWorkplace();
    const pushed = await run(['push', 'a', 'me/a', '--json'], folder);
    const events = pushed.stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(events.at(-1)).toMatchObject({ event: 'pushed', repo: 'me/a', files: 1, created: true });
    const refused = await run(['push', 'a', 'me/a', '--json'], folder, 'hf_wrong');
    expect(refused.status).toBe(4);
    expect(JSON.parse(refused.stdout)).toMatchObject({ event: 'error', kind: 'hub-token-refused' });
    expect(refused.stdout + refused.stderr).not.toContain('hf_wrong');
    const nameless = await run(['push', 'a', 'a'], folder);
    expect([nameless.status, nameless.stderr]).toEqual([
      5,
      'error: "a" is not the name of a repository\nhint: the form is org/name, or your-account/name\n',
    ]);
    const both = await run(['push', 'a', 'me/a', '--create-pr', '--branch', 'x'], folder);
    expect(both.status).toBe(2);
  });
});

describe('m2merge --push', () => {
  it('merges, then pushes the result', async () => {
    const folder = createWorkplace();
    const result = await runAlone(['recipe.yaml', 'out', '--push', 'me/merged', '--quiet'], folder);
    expect([result.status, result.stdout, result.stderr]).toEqual([0, '', '']);
    expect(filesOf('me/merged').sort()).toEqual(
      [
        '.gitattributes',
        'README.md',
        'config.json',
        'm2merge_manifest.json',
        'model.safetensors',
        'recipe.yaml',
      ].sort(),
    );
    expect(writable.commits[0]!.summary).toBe('Merge made with m2merge');
  });

  it('says how to go on where the push fails after the merge', async () => {
    const folder = createWorkplace();
    hub.fault({ origin: 'hub', url: /\/commit\// }, answerStatus(504));
    const failed = await run(['recipe.yaml', 'my out', '--push', 'me/merged', '--quiet'], folder);
    expect(failed.status).toBe(6);
    expect(failed.stderr.split('\n').slice(0, 2)).toEqual([
      'warning: the merged model is complete in ./my out; to go on with the push: m2merge push "./my out" me/merged',
      'error: the answer to the commit to me/merged got lost (answer 504); the commit may be there or not',
    ]);
    hub.clearFaults();
    expect((await run(['push', './my out', 'me/merged', '--quiet'], folder)).status).toBe(0);
    expect(filesOf('me/merged')).toContain('model.safetensors');
  });

  it('fails before the merge where the push could not be', async () => {
    const folder = createWorkplace();
    const withoutToken = await run(['recipe.yaml', 'out', '--push', 'me/merged'], folder, null);
    expect(withoutToken.stderr).toMatch(/pushing to me\/merged needs a token/);
    const wrong = await run(['recipe.yaml', 'out', '--push', 'me/merged'], folder, 'hf_wrong');
    expect(wrong.stderr).toMatch(/does not accept the token/);
    const lonely = await run(['recipe.yaml', 'out', '--private'], folder);
    expect([lonely.status, lonely.stderr]).toEqual([
      2,
      'error: --private goes with --push\nhint: as in --push org/name\n',
    ]);
    expect((await run(['push', 'out', 'me/merged'], folder)).stderr).toMatch(/model folder not found/);
  });
});
