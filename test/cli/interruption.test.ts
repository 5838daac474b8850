/** Runs that are stopped, and runs that fail while a terminal shows progress. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';
import { writeSparseModel } from '../run/sparse-model.js';
import { MAIN, REPOSITORY, startM2merge } from '../support/cli.js';
import { temporaryFolder } from '../support/temporary-folder.js';
import { createWorkplace, RECIPE } from './workplace.js';

/** Makes models of this many tensors of 2 MiB. */
function createLargeModels(tensors: number): string {
  const folder = temporaryFolder();
  for (const name of ['base', 'a']) writeSparseModel(join(folder, name), tensors);
  const recipe = 'merge_method: task_arithmetic\nbase_model: base\nmodels: [{model: a, parameters: {weight: 1}}]\n';
  writeFileSync(join(folder, 'recipe.yaml'), recipe);
  return folder;
}

describe.skipIf(process.platform === 'win32')('signals', () => {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    it(`${signal} while weights are written: exit code 130, nothing left`, async () => {
      // Far more than the slow kernels get through before the signal comes.
      const folder = createLargeModels(100);
      const run = startM2merge(['recipe.yaml', 'deep/out', '--json', '--kernels', 'reference'], folder);
      let events = '';
      run.stdout.setEncoding('utf8').on('data', (chunk: string) => {
        const running = events.includes('"progress"');
        events += chunk;
        if (running || !events.includes('"progress"')) return;
        expect(readdirSync(join(folder, 'deep'))).toEqual([expect.stringMatching(/^\.out\.m2merge-/)]);
        run.kill(signal);
      });
      const [stderr, [code]] = await Promise.all([text(run.stderr), once(run, 'close')]);
      expect(JSON.parse(events.trimEnd().split('\n').at(-1)!)).toMatchObject({
        event: 'error',
        kind: 'interrupted',
        facts: { signal },
      });
      expect(code).toBe(130);
      expect(stderr).toBe('');
      expect(readdirSync(folder).sort()).toEqual(['a', 'base', 'recipe.yaml']);
    });
  }
});

describe.skipIf(process.platform === 'win32')('a signal that comes twice at once, as `timeout` sends it', () => {
  it('is one: exit code 130, nothing left', async () => {
    const folder = createLargeModels(100);
    const run = startM2merge(['recipe.yaml', 'out', '--json', '--kernels', 'reference'], folder);
    run.stdout.once('data', () => {
      run.kill('SIGTERM');
      run.kill('SIGTERM');
    });
    const [[code]] = await Promise.all([once(run, 'close'), text(run.stderr)]);
    expect(code).toBe(130);
    expect(readdirSync(folder).sort()).toEqual(['a', 'base', 'recipe.yaml']);
  });

  it('ends the process when it comes again later', async () => {
    const folder = temporaryFolder();
    const script = `import { listenForSignals } from ${JSON.stringify(join(REPOSITORY, 'dist/src/cli/interruption.js'))};
listenForSignals();
setInterval(() => {}, 1000);
console.log('ready');`;
    writeFileSync(join(folder, 'stuck.mjs'), script);
    const run = spawn(process.execPath, ['stuck.mjs'], { cwd: folder });
    await once(run.stdout, 'data');
    run.kill('SIGTERM');
    setTimeout(() => run.kill('SIGTERM'), 800);
    expect(await once(run, 'close')).toEqual([null, 'SIGTERM']);
  });
});

/** Longest that a run over a few bytes may take before it counts as one that never ends, milliseconds. */
const NEVER = 30_000;

/** Runs `m2merge` on a terminal of this many columns, with util-linux's `script`. */
function onTerminal(args: readonly string[], cwd: string, columns: number) {
  const command = `stty cols ${columns}; exec '${process.execPath}' '${MAIN}' ${args.join(' ')}`;
  const { status, stdout, error } = spawnSync('script', ['-qec', command, '/dev/null'], {
    cwd,
    encoding: 'utf8',
    timeout: NEVER,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  return { status, stdout, error };
}

const hasScript = process.platform === 'linux' && spawnSync('script', ['--version']).status === 0;

describe.skipIf(!hasScript)('a terminal', () => {
  for (const columns of [100, 0]) {
    it(`a run ends, and one that fails right after planning does too (${columns} columns)`, () => {
      const folder = createWorkplace(RECIPE);
      const done = onTerminal(['recipe.yaml', 'out'], folder, columns);
      expect(done).toMatchObject({ status: 0, error: undefined });
      expect(done.stdout).toContain('merged  2 models');
      const failed = onTerminal(['recipe.yaml', 'out'], folder, columns);
      expect(failed).toMatchObject({ status: 5, error: undefined });
      expect(failed.stdout).toContain('output folder already exists');
    });
  }

  it('shows progress of a longer run and takes it away', () => {
    const folder = createLargeModels(16);
    const run = onTerminal(['recipe.yaml', 'out', '--threads', '1', '--kernels', 'reference'], folder, 100);
    expect(run).toMatchObject({ status: 0, error: undefined });
    expect(run.stdout).toMatch(/merging +\d+ % {2}\d+\/16 tensors/);
    expect(run.stdout.slice(run.stdout.indexOf('merged  1 model'))).not.toContain('merging');
  });
});
