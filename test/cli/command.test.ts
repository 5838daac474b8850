/** What the command line prints where, what it writes, and how it ends. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { writeSparseModel } from '../run/sparse-model.js';
import { FIXTURES, MAIN, REPOSITORY } from '../support/cli.js';
import { m2merge } from '../support/command.js';
import { readModel, writeModel } from '../support/safetensors.js';
import { contentsOf, createWorkplace, expectRefusal, f32, RECIPE } from './workplace.js';

const ESCAPE = '\u001b';

/** The values of layer.weight in a merged model. */
const merged = (...path: string[]): readonly number[] => readModel(join(...path)).tensors.get('layer.weight')!.values;

const eventsOf = (stdout: string): Record<string, unknown>[] =>
  stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));

describe('help and version', () => {
  it('go to stdout', async () => {
    const folder = createWorkplace();
    const help = await m2merge(['--help'], folder);
    expect(help).toMatchObject({ status: 0, stderr: '' });
    for (const word of ['plan', 'schema', '--overwrite', 'Exit codes:']) expect(help.stdout).toContain(word);
    expect(await m2merge(['plan', '--help'], folder)).toMatchObject({ status: 0, stderr: '' });
    expect((await m2merge(['help', 'plan'], folder)).stdout).toBe((await m2merge(['plan', '--help'], folder)).stdout);
    expect((await m2merge(['help'], folder)).stdout).toBe(help.stdout);
    const unknown = await m2merge(['help', 'plam'], folder);
    expect(unknown).toEqual({
      status: 2,
      stdout: '',
      stderr: "error: unknown command 'plam'\n(see m2merge --help)\n",
    });
    const { version } = JSON.parse(readFileSync(join(REPOSITORY, 'package.json'), 'utf8'));
    expect(await m2merge(['--version'], folder)).toEqual({ status: 0, stdout: `${version}\n`, stderr: '' });
  });
});

describe('a word that was meant as a command', () => {
  it.each([
    ['merge', 2, 'hint: merging needs no command: m2merge recipe.yaml'],
    ['swep', 2, 'hint: did you mean the command "sweep"?'],
    ['other.yaml', 3, 'hint: name a YAML file; the path starts at the working folder'],
  ])('%s', async (word, code, hint) => {
    const { status, stderr } = await m2merge([word, 'recipe.yaml'], createWorkplace());
    expect(status).toBe(code);
    expect(stderr).toBe(`error: recipe not found: ${word}\n${hint}\n`);
  });
});

describe('output for people', () => {
  it('the result on stdout, warnings on stderr', async () => {
    const run = await m2merge(['recipe.yaml', 'out'], createWorkplace(`${RECIPE}lamda: 2\n`));
    expect(run.status).toBe(0);
    expect(run.stdout).toMatch(/^merged {2}2 models with task_arithmetic/);
    expect(run.stdout).toMatch(/^model {3}\.\/out$/m);
    expect(run.stderr).toBe('warning: recipe.yaml:6:1: unknown key "lamda" is ignored\n');
  });

  it('--quiet leaves only warnings', async () => {
    expect(await m2merge(['recipe.yaml', 'out', '--quiet'], createWorkplace())).toEqual({
      status: 0,
      stdout: '',
      stderr: '',
    });
    const run = await m2merge(['recipe.yaml', 'out', '--quiet'], createWorkplace(`${RECIPE}lamda: 2\n`));
    expect(run).toMatchObject({ status: 0, stdout: '', stderr: expect.stringMatching(/^warning: .*\n$/) });
  });

  it('no escape codes in pipes, even where CI asks for colours', () => {
    const { NO_COLOR: _, ...env } = process.env;
    const folder = createWorkplace(`${RECIPE}lamda: 2\n`);
    const run = (args: readonly string[]) =>
      spawnSync(process.execPath, [MAIN, ...args], { cwd: folder, env: { ...env, CI: '1' }, encoding: 'utf8' });
    const runs = [
      run(['recipe.yaml', 'out']),
      run(['recipe.yaml', 'out']),
      run(['plan', 'recipe.yaml']),
      run(['--help']),
    ];
    expect(runs.map(({ status }) => status)).toEqual([0, 5, 0, 0]);
    for (const { stdout, stderr } of runs) expect(stdout + stderr).not.toContain(ESCAPE);
  });

  it('NaN and infinities are counted, named and merged all the same', async () => {
    const folder = createWorkplace();
    const { NaN: nan, POSITIVE_INFINITY: infinity } = Number;
    writeModel(join(folder, 'b'), [
      f32('layer.weight', [2, 2], nan, 20, infinity, 40),
      f32('norm.weight', [3], 1, nan, 1),
    ]);
    const run = await m2merge(['recipe.yaml', 'out'], folder);
    expect(run.status).toBe(0);
    expect(run.stderr.split('\n')).toEqual([
      'warning: b: 3 NaN or infinite values in "layer.weight" and 1 more',
      'warning: the merged model has 3 NaN or infinite values in "layer.weight" and 1 more',
      '',
    ]);
    expect(merged(folder, 'out')).toEqual([nan, 22, infinity, 44]);
  });
});

describe('--json', () => {
  it('prints one event a line: plan, progress, done', async () => {
    const folder = createWorkplace(`${RECIPE}lamda: 2\n`);
    const run = await m2merge(['recipe.yaml', 'out', '--json'], folder);
    expect(run).toMatchObject({ status: 0, stderr: '' });
    const events = eventsOf(run.stdout);
    const kinds = events.map(({ event }) => event);
    expect(kinds.slice(0, 2)).toEqual(['plan', 'warning']);
    expect(kinds.at(-1)).toBe('done');
    expect(kinds.slice(2, -1).every((kind) => kind === 'progress')).toBe(true);
    const facts = { tensors: 2, parameters: 7, passes: 1, output: join(folder, 'out') };
    expect(events[0]).toMatchObject({ ...facts, method: 'task_arithmetic', bytesRead: 3 * 7 * 4 });
    expect(events.at(-1)).toMatchObject({ ...facts, seconds: expect.any(Number), warnings: [{ kind: 'unknown-key' }] });
  });

  it('a failure is an event, with its facts and exit code', async () => {
    const folder = createWorkplace(RECIPE.replace('{model: b', '{model: c'));
    const run = await m2merge(['recipe.yaml', 'out', '--json'], folder);
    expect(run).toMatchObject({ status: 4, stderr: '' });
    expect(eventsOf(run.stdout)).toEqual([
      {
        event: 'error',
        kind: 'model-missing',
        message: 'recipe.yaml:5:13: model "c" not found',
        hint: expect.stringContaining('working folder'),
        facts: { reference: 'c', searched: [join(folder, 'c')], place: 'recipe.yaml:5:13' },
      },
    ]);
  });
});

describe('plan', () => {
  const gradient = RECIPE.replace(
    'a, parameters: {weight: 1}',
    'a, parameters: {weight: [{filter: norm, value: 0.5}, {value: 2}]}',
  );

  it('counts the threads of a merge that has some', async () => {
    const folder = createWorkplace(RECIPE);
    const memory = async () =>
      /^ {2}memory +about [\d.]+ MB (.*)$/m.exec((await m2merge(['plan', 'recipe.yaml'], folder)).stdout)?.[1];
    expect(await memory()).toBe('without workers');
    for (const name of ['base', 'a', 'b']) {
      rmSync(join(folder, name), { recursive: true });
      writeSparseModel(join(folder, name), 3);
    }
    expect(await memory()).toMatch(/^with \d+ threads?$/);
  });

  it('shows what would be done and writes nothing', async () => {
    const folder = createWorkplace(gradient);
    const before = contentsOf(folder);
    const run = await m2merge(['plan', 'recipe.yaml', 'somewhere/out', '--threads', '3'], folder);
    expect(run).toMatchObject({ status: 0, stderr: '' });
    const shown = [
      /^ {2}base +base +1 file +\d+ B/m,
      /^ {2}model +b +1 file +\d+ B/m,
      /^ {2}a +weight by tensor: 2, 0\.5$/m,
      /^ {2}b +weight 1$/m,
      /^ {2}merge +lambda 1; lambda_increase 0; normalize false$/m,
      /^ {2}1 × +layer\.weight +\[2, 2\] +F32$/m,
      /^ {2}\.\/somewhere\/out$/m,
      /^ {2}read +84 B in one pass$/m,
      /^ {2}write +\d+ B$/m,
      /^ {2}memory +about \d+ MB with 3 threads$/m,
      /^ {2}disk +64\.0 MB needed, [\d.]+ \w?B free$/m,
    ];
    for (const line of shown) expect(run.stdout).toMatch(line);
    // The free space of the disk is other people's business too: it may change between the two runs.
    const withoutFreeSpace = (text: string): string => text.replace(/[\d.]+ \wB free/, 'free');
    expect(
      withoutFreeSpace((await m2merge(['recipe.yaml', 'somewhere/out', '--threads', '3', '--plan'], folder)).stdout),
    ).toBe(withoutFreeSpace(run.stdout));
    expect(contentsOf(folder)).toEqual(before);
  });

  it('--json is one document', async () => {
    const folder = createWorkplace(gradient);
    const document = JSON.parse((await m2merge(['plan', 'recipe.yaml', '--json'], folder)).stdout);
    expect(document).toMatchObject({
      planHash: expect.stringMatching(/^[0-9a-f]{64}$/),
      costs: { parameters: 7, passes: 1, bytesRead: 84 },
      output: './merged/recipe',
      folders: ['./base', './a', './b'],
      warnings: [],
      plan: { method: 'task_arithmetic', jobs: [{ tensor: 'layer.weight' }, { tensor: 'norm.weight' }] },
    });
    expect(document.memory).toBeGreaterThan(1e6);
    expect(document.diskFree).toBeGreaterThan(0);
  });
});

it('schema prints a JSON Schema, draft-07', async () => {
  const run = await m2merge(['schema'], createWorkplace());
  expect(run).toMatchObject({ status: 0, stderr: '' });
  expect(JSON.parse(run.stdout)).toMatchObject({ $schema: 'http://json-schema.org/draft-07/schema#', type: 'object' });
});

describe('the output folder', () => {
  it('is ./merged/<recipe name> in the working folder', async () => {
    const folder = createWorkplace();
    mkdirSync(join(folder, 'recipes'));
    writeFileSync(join(folder, 'recipes/my.first.yaml'), RECIPE);
    const run = await m2merge(['recipes/my.first.yaml'], folder);
    expect(run.stdout).toMatch(/^model {3}\.\/merged\/my\.first$/m);
    expect(merged(folder, 'merged/my.first')).toEqual([11, 22, 33, 44]);
  });

  it("is the recipe's, relative to the recipe", async () => {
    const folder = createWorkplace();
    mkdirSync(join(folder, 'recipes'));
    writeFileSync(join(folder, 'recipes/r.yaml'), `${RECIPE}output: ../elsewhere/out\n`);
    expect((await m2merge(['recipes/r.yaml', '--quiet'], folder)).status).toBe(0);
    expect(merged(folder, 'elsewhere/out')).toEqual([11, 22, 33, 44]);
  });

  it('is the one on the command line before that, relative to the working folder', async () => {
    const folder = createWorkplace(`${RECIPE}output: never\n`);
    expect((await m2merge(['recipe.yaml', 'mine', '--quiet'], folder)).status).toBe(0);
    expect(readdirSync(folder).sort()).toEqual(['a', 'b', 'base', 'mine', 'recipe.yaml']);
  });
});

it('a model beside the recipe counts before one in the working folder', async () => {
  const folder = createWorkplace();
  mkdirSync(join(folder, 'recipes'));
  writeFileSync(join(folder, 'recipes/r.yaml'), RECIPE);
  const tensors = [f32('layer.weight', [2, 2], 5, 5, 5, 5), f32('norm.weight', [3], 1, 1, 1)];
  writeModel(join(folder, 'recipes/a'), tensors);
  expect((await m2merge(['recipes/r.yaml', 'out', '--quiet'], folder)).status).toBe(0);
  expect(merged(folder, 'out')).toEqual([15, 25, 35, 45]);
});

describe('--strict', () => {
  it('refuses what is only warned of otherwise, before anything is written', async () => {
    const folder = createWorkplace(`${RECIPE}dtpye: float16\n`);
    await expectRefusal(folder, ['recipe.yaml', 'merged/out', '--strict'], {
      status: 3,
      says: [/^error: recipe\.yaml:6:1: unknown key "dtpye" is ignored; did you mean "dtype"\?$/m, /without --strict/],
    });
    await expectRefusal(folder, ['plan', 'recipe.yaml', '--strict'], { status: 3, says: ['dtpye'] });
    expect((await m2merge(['recipe.yaml', 'merged/out'], folder)).status).toBe(0);
  });

  it('refuses a report that cannot be, which the plan warns of as well', async () => {
    const folder = createWorkplace(
      `merge_method: linear\nmodels: [{model: a}, {model: b}]\nparameters: {weight: 1}\nreport: true\n`,
    );
    const says = [/^error: no report: /m];
    await expectRefusal(folder, ['recipe.yaml', 'merged/out', '--strict'], { status: 3, says });
    await expectRefusal(folder, ['plan', 'recipe.yaml', '--strict'], { status: 3, says });
    expect((await m2merge(['plan', 'recipe.yaml'], folder)).stderr).toMatch(/^warning: no report: /);
    const run = await m2merge(['recipe.yaml', 'merged/out', '--quiet'], folder);
    expect(run).toMatchObject({ status: 0, stderr: expect.stringMatching(/^warning: no report: .*\n$/) });
  });
});

it('plan shows which layers slices stack', async () => {
  const models = join(FIXTURES, 'conformance/models');
  const stacked = (await m2merge(['plan', '../cases/slices-stack/recipe.yaml'], models)).stdout;
  expect(stacked).toContain('layers (4 in model.layers)\n  0–1  ←  math 0–1\n  2–3  ←  code 1–2\n');
  expect(stacked).toContain('config.json: num_hidden_layers 4\n');
  const merged = (await m2merge(['plan', '../cases/slices-merge/recipe.yaml'], models)).stdout;
  expect(merged).toContain('\n    0  ←  base 0, math 0, code 0\n  1–2  ←  base 1–2, science 1–2, if 1–2\n');
});

it('what only measures does not speak of what is written', async () => {
  const folder = createWorkplace();
  writeModel(join(folder, 'half'), [
    { ...f32('layer.weight', [2, 2], 1, 2, 3, 5), dtype: 'BF16' },
    { ...f32('norm.weight', [3], 1, 1, 1), dtype: 'BF16' },
  ]);
  const difference = await m2merge(['diff', 'a', 'half'], folder);
  expect(difference).toMatchObject({ status: 0, stderr: '' });
  expect(difference.stdout).toContain('1 of 2 tensors differ');
  expect(await m2merge(['geometry', '--base', 'a', 'half'], folder)).toMatchObject({ status: 0, stderr: '' });
});

it('plan says when a merge would be refused its output', async () => {
  const folder = createWorkplace();
  expect((await m2merge(['recipe.yaml', 'out'], folder)).status).toBe(0);
  const refusalIn = async (...args: string[]) =>
    (await m2merge(args, folder)).stdout.match(/a merge would be refused: .*/)?.[0];
  expect(await refusalIn('plan', 'recipe.yaml', 'out')).toMatch(/output folder already exists: .*out$/);
  expect(await refusalIn('recipe.yaml', 'out', '--plan')).toMatch(/already exists/);
  expect(await refusalIn('recipe.yaml', 'out', '--plan', '--overwrite')).toBeUndefined();
  expect(await refusalIn('plan', 'recipe.yaml', 'other')).toBeUndefined();
  const { outputRefused } = JSON.parse((await m2merge(['plan', 'recipe.yaml', 'out', '--json'], folder)).stdout);
  expect(outputRefused).toMatch(/already exists/);
});
