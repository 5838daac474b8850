/** What is around a run: readers that leave, a full disk behind stdout, a folder that is gone, links, names that steer. */
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, lstatSync, mkdirSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { MAIN, startM2merge } from '../support/cli.js';
import { m2merge } from '../support/command.js';
import { randomTensor } from '../support/random-models.js';
import { writeModel } from '../support/safetensors.js';
import { createWorkplace, f32, RECIPE } from './workplace.js';

const isWindows = process.platform === 'win32';

/** Runs a command of the shell in which "$@" is m2merge. */
function inShell(command: string, cwd: string) {
  return spawnSync('sh', ['-c', command, 'sh', process.execPath, MAIN], { cwd, encoding: 'utf8' });
}

describe.skipIf(isWindows)('standard output', () => {
  it('may be closed by its reader: the merge goes on to its end', async () => {
    const folder = createWorkplace();
    const run = startM2merge(['recipe.yaml', 'out', '--json'], folder);
    run.stdout.destroy();
    const [code] = await once(run, 'close');
    expect(code).toBe(0);
    expect(readdirSync(join(folder, 'out'))).toContain('m2merge_manifest.json');
    expect(readdirSync(folder).sort()).toEqual(['a', 'b', 'base', 'out', 'recipe.yaml']);
  });

  it.skipIf(!existsSync('/dev/full'))('on a full disk is one message and exit code 5, not a trace', () => {
    const folder = createWorkplace();
    for (const command of ['"$@" plan recipe.yaml > /dev/full', '"$@" recipe.yaml out --json > /dev/full']) {
      const { status, stderr } = inShell(command, folder);
      expect({ status, stderr }).toEqual({ status: 5, stderr: 'error: cannot write standard output: ENOSPC\n' });
    }
    expect(readdirSync(join(folder, 'out'))).toContain('m2merge_manifest.json');
    expect(inShell('"$@" nothing.yaml 2> /dev/full', folder).status).toBe(3);
  });
});

it.skipIf(isWindows)('a working folder that is gone is a mistake of the user', () => {
  const folder = createWorkplace();
  for (const args of [join(folder, 'recipe.yaml'), `diff ${join(folder, 'a')} ${join(folder, 'b')}`]) {
    const { status, stderr } = inShell(`mkdir gone && cd gone && rmdir ../gone && "$@" ${args}`, folder);
    expect(stderr).toMatch(/^error: the working folder is gone\nhint: /);
    expect(status).toBe(2);
  }
});

it.skipIf(process.platform !== 'linux')('few addresses are allowed: it says what to do, and that works', () => {
  const folder = createWorkplace();
  const limit = 'ulimit -v 12000000;';
  const { status, stderr } = inShell(`${limit} "$@" recipe.yaml out`, folder);
  // Engines after that of Node 20 do without by themselves.
  const isEnough = status === 0;
  expect({ status, stderr }).toEqual({
    status: isEnough ? 0 : 8,
    stderr: expect.stringMatching(
      isEnough ? /^$/ : /^error: cannot reserve addresses .*\nhint: .*--disable-wasm-trap-handler\n$/,
    ),
  });
  const advised = inShell(`${limit} export NODE_OPTIONS=--disable-wasm-trap-handler; "$@" recipe.yaml other`, folder);
  expect(advised).toMatchObject({ status: 0, stderr: '' });
});

it.skipIf(isWindows)('a pipe in the place of a model card is waited for by nobody', () => {
  const folder = createWorkplace();
  expect(inShell('mkfifo base/README.md && "$@" recipe.yaml out', folder)).toMatchObject({ status: 0, stderr: '' });
});

it.skipIf(isWindows)('few open files are allowed: workers share them', () => {
  const folder = createWorkplace();
  const shards = 60;
  const tensors = Array.from({ length: shards }, (_, i) => f32(`t${i}.weight`, [1], i));
  for (const model of ['base', 'a', 'b']) {
    rmSync(join(folder, model), { recursive: true });
    writeModel(join(folder, model), tensors, { shards });
  }
  const { status, stderr } = inShell('ulimit -n 100; "$@" recipe.yaml out', folder);
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
});

it.skipIf(isWindows)('too few open files are told by what they lack, be it the code of a worker', () => {
  const folder = createWorkplace();
  const tensors = [0, 1, 2].map((i) => randomTensor(`layers.${i}.weight`, [1024, 1024], i + 1, 0.02));
  for (const model of ['base', 'a', 'b']) writeModel(join(folder, model), tensors);
  const within = (files: number, args: string) => inShell(`ulimit -n ${files}; "$@" ${args}`, folder);
  let fewest = 16;
  while (within(fewest, 'plan recipe.yaml').status !== 0) fewest++;
  expect(fewest).toBeLessThan(60);
  const ends = Array.from({ length: 6 }, (_, more) => within(fewest + more, `recipe.yaml out-${more} --threads 2`));
  for (const { status, stderr } of ends.filter((end) => end.status !== 0)) {
    expect({ status, stderr }).toEqual({
      status: 4,
      stderr: expect.stringMatching(/^error: cannot read .*EMFILE.*\nhint: allow more open files/),
    });
  }
  expect(ends.some(({ stderr }) => stderr.includes('worker.js'))).toBe(true);
});

it.skipIf(isWindows)('a file larger than the process may write is told with what helps', () => {
  const folder = createWorkplace();
  for (const model of ['base', 'a', 'b'])
    writeModel(join(folder, model), [randomTensor('layers.0.weight', [64, 64], 1, 0.02)]);
  const { status, stderr } = inShell('ulimit -f 8; "$@" recipe.yaml out', folder);
  expect({ status, stderr }).toEqual({ status: 5, stderr: expect.stringMatching(/EFBIG\nhint: .*--out-shard-size/) });
});

describe.skipIf(isWindows)('an output that is a link', () => {
  it('is the folder it leads to, there or not yet; the link stays', async () => {
    const folder = createWorkplace();
    mkdirSync(join(folder, 'disk/empty'), { recursive: true });
    for (const [link, target] of Object.entries({ there: 'disk/empty', missing: 'disk/new' })) {
      symlinkSync(target, join(folder, link));
      for (const more of [[], ['--overwrite']]) {
        expect(await m2merge(['recipe.yaml', link, ...more], folder)).toMatchObject({ status: 0, stderr: '' });
        expect(lstatSync(join(folder, link)).isSymbolicLink()).toBe(true);
        expect(readdirSync(join(folder, target))).toContain('model.safetensors');
      }
    }
    expect(readdirSync(join(folder, 'disk')).sort()).toEqual(['empty', 'new']);
  });

  it('is refused when it leads into an input, or in a circle', async () => {
    const folder = createWorkplace();
    symlinkSync('a/new', join(folder, 'inside'));
    symlinkSync('circle', join(folder, 'circle'));
    const merge = (output: string) => m2merge(['recipe.yaml', output], folder);
    expect(await merge('inside')).toMatchObject({ status: 5, stderr: expect.stringContaining('input model a') });
    expect(await merge('circle')).toMatchObject({ status: 5, stderr: expect.stringContaining('ELOOP') });
    expect(readdirSync(join(folder, 'a')).sort()).toEqual(['model.safetensors']);
  });
});

it('names of tensors cannot steer the terminal', async () => {
  const folder = createWorkplace();
  const name = 'layer.\u001b[31mweight\u0000';
  writeModel(join(folder, 'c'), [f32(name, [1], 1)]);
  writeModel(join(folder, 'd'), [f32(name, [1], 2)]);
  const scaled = 'merge_method: passthrough\nmodels: [{model: c}]\n';
  writeFileSync(join(folder, 'scaled.yaml'), scaled);
  writeFileSync(join(folder, 'mixed.yaml'), RECIPE.replace('base_model: base', 'base_model: c'));
  const plan = await m2merge(['plan', 'scaled.yaml'], folder);
  const difference = await m2merge(['diff', 'c', 'd'], folder);
  const failure = await m2merge(['mixed.yaml', 'out'], folder);
  for (const text of [plan.stdout, difference.stdout, failure.stderr]) {
    expect(text).toContain('layer. [31mweight');
    expect(text).not.toMatch(/[^\P{Cc}\n]/u);
  }
});

it('names with line breaks cannot pass for further messages', async () => {
  const folder = createWorkplace();
  const tensor = (...values: number[]) => [f32('layer\nerror: all is lost', [values.length], ...values)];
  writeModel(join(folder, 'c'), tensor(1));
  writeModel(join(folder, 'd'), tensor(1, 2));
  writeModel(join(folder, 'e'), tensor(Number.NaN));
  const merge = async (models: string) => {
    writeFileSync(join(folder, 'odd.yaml'), `merge_method: linear\nmodels: ${models}\nparameters: {weight: 1}\n`);
    return await m2merge(['odd.yaml', 'out', '--overwrite'], folder);
  };
  const runs = [
    await merge('[{model: c}, {model: d}]'),
    await merge('[{model: "no\\nerror: such"}]'),
    await merge('[{model: e}]'),
  ];
  expect(runs.map(({ status }) => status)).toEqual([4, 4, 0]);
  for (const { stderr } of runs) {
    const lines = stderr.trimEnd().split('\n');
    expect(lines.filter((line) => line.startsWith('error: ')).length).toBeLessThanOrEqual(1);
    expect(lines.filter((line) => !/^(error|warning|hint): (?!(all is|such))/.test(line))).toEqual([]);
  }
});

it.skipIf(isWindows).each([
  ['a merge', '"$@" /dev/stdin out'],
  ['a plan', '"$@" plan /dev/stdin'],
  ['a plan by an option', '"$@" /dev/stdin --plan'],
  ['the plan of a sweep', '"$@" plan /dev/stdin', `${RECIPE}sweep: {parameters: {lambda: [0.5, 1]}}\n`],
])('%s takes a recipe from a pipe, which can be read once', (_, command, recipe = RECIPE) => {
  const folder = createWorkplace(recipe);
  const shell = ['-c', `cat recipe.yaml | ${command}`, 'sh', process.execPath, MAIN];
  const { status, stderr } = spawnSync('sh', shell, { cwd: folder, encoding: 'utf8' });
  expect({ status, stderr }).toEqual({ status: 0, stderr: expect.not.stringContaining('error') });
});
