/** What killed runs leave on the disk goes with the next run of the same output, and nothing else does. */
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isGone, thisProcess } from '../../src/io/owner.js';
import { OutputFolder } from '../../src/run/output-folder.js';
import { temporaryFolder as folderOfFile, m2mergeProcess, startM2merge } from '../support/cli.js';
import { hubVariables } from '../support/hub/environment.js';
import { LoopbackHub } from '../support/hub/loopback-hub.js';
import { OF_TWO_UNITS, publish, writeModels } from '../support/hub/models.js';
import { temporaryFolder } from '../support/temporary-folder.js';

/** What is read of a file to find its tensors. */
const HEADER_BYTES = 65_536;

describe('a run that is killed while it streams', () => {
  const [work, stored] = [folderOfFile(), folderOfFile()];
  let hub: LoopbackHub;

  beforeAll(async () => {
    // Headers come, weights never do: the run lasts until it is killed.
    const take = (bytes: number) => (bytes > HEADER_BYTES ? new Promise<void>(() => {}) : Promise.resolve());
    hub = await LoopbackHub.start({ throttle: { take } });
    const folders = writeModels(stored, ['base', 'math'], { shapes: OF_TWO_UNITS });
    publish(hub, folders);
    const recipe = (name: (model: string) => string): string => {
      const models = [{ model: name('math'), parameters: { weight: 1 } }];
      return JSON.stringify({ merge_method: 'task_arithmetic', base_model: name('base'), models });
    };
    writeFileSync(
      join(work, 'hub.yaml'),
      recipe((model) => `org/${model}`),
    );
    writeFileSync(
      join(work, 'local.yaml'),
      recipe((model) => folders[model]!),
    );
  });
  afterAll(() => hub.close());

  const hidden = (): string[] =>
    existsSync(join(work, 'merged')) ? readdirSync(join(work, 'merged')).filter((name) => name.startsWith('.')) : [];
  const merge = (output: string) => m2mergeProcess(['local.yaml', join('merged', output), '--quiet'], work);

  /** Starts a merge; resolves when its spool and its output are on the disk. */
  async function start(output: string) {
    const args = ['hub.yaml', join('merged', output), '--stream', '--quiet'];
    const child = startM2merge(args, work, hubVariables(hub, join(work, 'home')));
    while (hidden().filter((name) => name.includes(`-${child.pid}-`)).length < 2) await delay(10);
    return child;
  }

  async function kill(child: ReturnType<typeof startM2merge>): Promise<void> {
    child.kill('SIGKILL');
    await once(child, 'exit');
  }

  it('leaves nothing after the next run, which leaves one that is alive alone', async () => {
    await kill(await start('out'));
    const left = hidden();
    expect(left.sort()).toEqual([
      expect.stringMatching(/^\.m2merge-spool-/),
      expect.stringMatching(/^\.out\.m2merge-/),
    ]);
    const alive = await start('other');
    const ofOther = hidden().filter((name) => name.includes(`-${alive.pid}-`));
    expect(merge('out').status).toBe(0);
    expect(alive.exitCode).toBeNull();
    expect(hidden().sort()).toEqual(ofOther.sort());
    await kill(alive);
    expect(merge('other').status).toBe(0);
    expect(readdirSync(join(work, 'merged')).sort()).toEqual(['other', 'out']);
  });
});

describe('leftovers', () => {
  const { place, pid } = thisProcess();
  const dead = spawnSync(process.execPath, ['-e', '']).pid;
  const digits = '0123456789ab';
  const create = (folder: string, overwrite = false) => OutputFolder.create(join(folder, 'out'), [], overwrite);

  it('are told from what belongs to others by their names', async () => {
    const folder = temporaryFolder();
    const leave = [
      `.out.m2merge-${place}-${pid}-${digits}`,
      `.out.m2merge-${'0'.repeat(8)}-${dead}-${digits}`,
      `.out2.m2merge-${place}-${dead}-${digits}`,
      `.out.m2merge-${place}-${dead}-mine`,
      `out.m2merge-${place}-${dead}-${digits}`,
      `.out.m2merge-${place}-0-${digits}`,
      '.out.m2merge-notes',
      `.m2merge-spool-${place}-${pid}-${digits}`,
      '.m2merge-spool-mine',
    ];
    const remove = [`.out.m2merge-${place}-${dead}-${digits}`, `.m2merge-spool-${place}-${dead}-${digits}`];
    for (const name of [...leave, ...remove]) {
      mkdirSync(join(folder, name));
      writeFileSync(join(folder, name, 'file'), 'x');
    }
    const output = await create(folder);
    await output.discard();
    expect(readdirSync(folder).sort()).toEqual(leave.sort());
  });

  it('between two names give the old model its name back', async () => {
    const folder = temporaryFolder();
    const half = `.out.m2merge-${place}-${dead}-${digits}`;
    for (const [name, text] of [
      [half, 'new'],
      [`${half}-replaced`, 'old'],
    ] as const) {
      mkdirSync(join(folder, name));
      writeFileSync(join(folder, name, 'model.safetensors'), text);
    }
    await expect(create(folder)).rejects.toMatchObject({ kind: 'output-exists' });
    expect(readdirSync(folder)).toEqual(['out']);
    expect(readFileSync(join(folder, 'out/model.safetensors'), 'utf8')).toBe('old');
    // After the new model got its name, the old one only waited to be removed.
    mkdirSync(join(folder, `${half}-replaced`));
    const output = await create(folder, true);
    await output.discard();
    expect(readdirSync(folder)).toEqual(['out']);
  });

  it('have owners that are gone, as far as one can know', () => {
    expect(isGone({ place, pid: dead })).toBe(true);
    expect(isGone({ place, pid })).toBe(false);
    expect(isGone({ place, pid: 1 })).toBe(false);
    expect(isGone({ place: 'elsewhere', pid: dead })).toBe(false);
  });
});
