/** `geometry`, `diff` and `sweep` of models on the Hub, as a user runs them: what they say and write of folders. */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { SweepRow } from '../../src/sweep/result.js';
import { temporaryFolder as folderOfFile } from '../support/cli.js';
import { m2merge } from '../support/command.js';
import { hubVariables } from '../support/hub/environment.js';
import { bandwidth } from '../support/hub/exchange.js';
import { LoopbackHub } from '../support/hub/loopback-hub.js';
import { OF_TWO_UNITS, publish, writeModels } from '../support/hub/models.js';
import { folderFiles, memoryFile } from '../support/hub/repository.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const MODELS = ['base', 'math', 'code'];
const folders = writeModels(folderOfFile(), MODELS, { shards: 2, shapes: OF_TWO_UNITS });
const TENSOR_BYTES = 2 * OF_TWO_UNITS.reduce((sum, [, shape]) => sum + shape.reduce((a, b) => a * b, 1), 0);

let hub: LoopbackHub;
let work: string;

async function startHub(bytesPerSecond?: number): Promise<void> {
  hub = await LoopbackHub.start(bytesPerSecond === undefined ? {} : { throttle: bandwidth(bytesPerSecond) });
  publish(hub, folders);
  for (const model of MODELS) {
    const repository = hub.repositories.get(`org/${model}`)!;
    repository.refs.set('v1', repository.resolve('main')!);
    // The branch has moved on to something that cannot be merged.
    repository.commit([memoryFile('config.json', '{}')]);
  }
}

beforeEach(async () => {
  work = temporaryFolder();
  await startHub();
});
afterEach(() => hub.close());

const onHub = (model: string): string => `org/${model}@v1`;
const inFolder = (model: string): string => folders[model]!;

async function run(args: readonly string[]): Promise<{ stdout: string; stderr: string }> {
  const { status, stdout, stderr } = await m2merge(args, work, hubVariables(hub, join(work, 'home')));
  expect(`${status}\n${stderr}`).toMatch(/^0\n/);
  return { stdout, stderr };
}

/** What is said of the Hub's models, in the words for those in folders. */
const asFolders = (text: string): string =>
  MODELS.reduce((told, model) => told.replaceAll(onHub(model), inFolder(model)), text).replaceAll('@v1', '');

const weightsAsked = () => hub.requests.filter(({ origin }) => origin === 'cdn');

/** Bytes of weights that were sent, headers left out. */
const fetched = (): number =>
  weightsAsked()
    .filter(({ headers: { range } }) => !range?.startsWith('bytes=0-'))
    .reduce((total, { bytesSent }) => total + bytesSent, 0);

const storedWeights = (): string[] =>
  existsSync(join(work, 'home'))
    ? readdirSync(join(work, 'home'), { recursive: true, encoding: 'utf8' }).filter((f) => f.endsWith('.safetensors'))
    : [];

describe('geometry of models on the Hub', () => {
  const geometry = (name: (model: string) => string, ...more: string[]) =>
    run(['geometry', '--base', name('base'), name('math'), name('code'), '--json', ...more]);

  let ofFolders: Promise<{ stdout: string }> | undefined;
  const expectSame = async ({ stdout }: { stdout: string }): Promise<void> => {
    ofFolders ??= geometry(inFolder);
    expect(JSON.parse(asFolders(stdout))).toEqual(JSON.parse((await ofFolders).stdout));
  };

  it('is that of the same models in folders, at the revision that is named', async () => {
    const remote = await geometry(onHub);
    await expectSame(remote);
    expect(remote.stderr).toBe('');
    expect(storedWeights()).toHaveLength(6);
    // The configs apart, nothing that a measurement does not read was fetched.
    expect(hub.requests.filter(({ url }) => url.includes('tokenizer.json'))).toEqual([]);
    const before = weightsAsked().length;
    await geometry(onHub);
    expect(weightsAsked().length).toBe(before);
  });

  it('is the same when nothing is stored', async () => {
    const streamed = await geometry(onHub, '--stream', '--spool-size', '50MB');
    expect(storedWeights()).toEqual([]);
    expect(fetched()).toBe(3 * TENSOR_BYTES);
    await expectSame(streamed);
  });

  it('takes a recipe, and writes no place of this machine', async () => {
    const models = MODELS.slice(1).map((model) => ({ model: onHub(model) }));
    writeFileSync(
      join(work, 'recipe.yaml'),
      JSON.stringify({ merge_method: 'ties', base_model: onHub('base'), models, parameters: { weight: 1 } }),
    );
    await run(['geometry', 'recipe.yaml', '--out', 'report', '--quiet']);
    for (const file of readdirSync(join(work, 'report'))) {
      expect(readFileSync(join(work, 'report', file), 'utf8')).not.toContain(work);
    }
  });
});

it('diff compares models on the Hub as it does folders', async () => {
  const streamed = await run(['diff', onHub('base'), onHub('math'), '--stream']);
  expect(storedWeights()).toEqual([]);
  const stored = await run(['diff', onHub('base'), onHub('math')]);
  expect(stored.stdout).toBe(streamed.stdout);
  expect(stored.stdout).toContain('model.embed_tokens.weight');
  const local = await run(['diff', inFolder('base'), inFolder('math')]);
  expect(asFolders(stored.stdout)).toBe(local.stdout);
  const missing = await m2merge(['diff', onHub('base'), 'org/math@v9'], work, hubVariables(hub, join(work, 'h')));
  expect(missing.status).toBe(4);
  expect(missing.stderr).toContain('v9');
});

describe('a sweep over models on the Hub', () => {
  const writeRecipe = (file: string, name: (model: string) => string, sweep: string): string => {
    const models = MODELS.slice(1)
      .map((model) => `  - model: ${name(model)}\n`)
      .join('');
    const head = `merge_method: ties\nbase_model: ${name('base')}\nmodels:\n${models}parameters: {weight: 1}\n`;
    writeFileSync(join(work, file), `${head}sweep:\n${sweep.replace(/^/gm, '  ')}\n`);
    return file;
  };

  /** Names of the variants in the order of the sweep; those of models on the Hub and in folders may have other digits. */
  const variantsOf = (folder: string): string[] =>
    JSON.parse(readFileSync(join(work, folder, 'sweep.json'), 'utf8')).rows.map((row: SweepRow) => row.variant);

  function expectSameModels(one: string, other: string): void {
    const [left, right] = [variantsOf(one), variantsOf(other)];
    expect(left).toHaveLength(right.length);
    const weights = (folder: string, name: string) => readFileSync(join(work, folder, name, 'model.safetensors'));
    left.forEach((name, i) => {
      expect(weights(one, name).equals(weights(other, right[i]!)), name).toBe(true);
    });
  }

  const GRID = `variants:
  - {merge_method: task_arithmetic}
  - {merge_method: ties, density: 0.5}
  - {merge_method: ties, density: 0.5, trim_scope: model}
parameters: {lambda: [0.5, 1.0], models.math.weight: [0.25]}`;

  it('makes the models that folders make, from one fetch, and none the second time', async () => {
    await run(['sweep', writeRecipe('hub.yaml', onHub, GRID), 'stored', '--quiet']);
    expect(storedWeights()).toHaveLength(6);
    expect(fetched()).toBeLessThan(3 * TENSOR_BYTES + 3 * 65_536);
    await run(['sweep', writeRecipe('local.yaml', inFolder, GRID), 'local', '--quiet']);
    expectSameModels('stored', 'local');
    expect(variantsOf('stored')).toHaveLength(6);
    const before = weightsAsked().length;
    const { stdout } = await run(['sweep', 'hub.yaml', 'again', '--quiet', '--set', 'lambda=0.7', '--json']);
    expect(weightsAsked().length).toBe(before);
    const done = JSON.parse(stdout.trim().split('\n').at(-1)!);
    expect(done).toMatchObject({ event: 'done', settings: expect.arrayContaining(['models.math.weight']) });
    for (const file of ['results.jsonl', 'sweep.json', 'sweep.md', 'sweep.html'])
      expect(readFileSync(join(work, 'again', file), 'utf8')).not.toContain(join(work, 'home'));
  });

  it('streams: the same models, every byte fetched once for all of them, none stored', async () => {
    const { stderr } = await run(['sweep', writeRecipe('hub.yaml', onHub, GRID), 'streamed', '--stream']);
    expect(fetched()).toBe(3 * TENSOR_BYTES);
    expect(storedWeights()).toEqual([]);
    expect(stderr).not.toContain('warning');
    expect(readdirSync(join(work, 'streamed')).filter((name) => name.startsWith('.'))).toEqual([]);
    await run(['sweep', 'hub.yaml', 'stored', '--quiet']);
    expectSameModels('streamed', 'stored');
  });

  it('says how large a spool has to be: no larger than all that is read', async () => {
    const recipe = writeRecipe('hub.yaml', onHub, GRID);
    const streaming = ['sweep', recipe, 'streamed', '--stream', '--quiet', '--spool-size'];
    const small = await m2merge([...streaming, '1MB'], work, hubVariables(hub, join(work, 'home')));
    const least = Math.ceil((3 * TENSOR_BYTES) / 1e6);
    expect(small.stderr).toContain(`hint: --spool-size must be at least ${least}MB\n`);
    await run([...streaming, `${least}MB`]);
  });

  it('streams through little room, with methods that read the models several times', async () => {
    const shapes = Array.from({ length: 10 }, (_, i) => [`model.layers.${i}.mlp.up_proj.weight`, [300, 1000]] as const);
    const large = writeModels(join(work, 'models'), MODELS, { shards: 10, shapes });
    for (const model of MODELS) hub.add(`org/${model}`, folderFiles(large[model]!));
    const others =
      '  - {merge_method: linear, base_model: ~}\n  - {merge_method: dare_linear, density: 0.5}\nparameters:';
    const recipe = writeRecipe('hub.yaml', (model) => `org/${model}`, GRID.replace('parameters:', others));
    const streaming = ['sweep', recipe, 'streamed', '--stream', '--spool-size'];
    const small = await m2merge([...streaming, '1MB'], work, hubVariables(hub, join(work, 'home')));
    expect(small.status).toBe(2);
    expect(small.stderr).toContain('a spool of 1000000 bytes is too small for 3 models');
    expect(readdirSync(join(work, 'streamed'))).toEqual(['results.jsonl']);
    const before = fetched();
    const { stderr } = await run([...streaming, '4MB', '--quiet']);
    expect(stderr).toMatch(/^warning: ties reads the models several times: .*\n$/);
    const once = 3 * 10 * 2 * 300 * 1000;
    // As the warning says, up to what methods that do not read together have to fetch again.
    expect(fetched() - before).toBeLessThan(3 * once);
    await run(['sweep', recipe, 'stored', '--quiet']);
    expectSameModels('streamed', 'stored');
    expect(variantsOf('streamed')).toHaveLength(9);
  });

  it('says before it starts that every wave fetches anew', async () => {
    const lambdas = Array.from({ length: 17 }, (_, i) => (i + 1) / 20);
    const sweep = `parameters: {lambda: [${lambdas}]}\nkeep: none`;
    const recipe = writeRecipe('hub.yaml', onHub, sweep);
    const { stderr } = await run(['sweep', recipe, 'waves', '--stream']);
    const told = 'warning: each of 2 waves fetches the models anew, 0.01 GB in all where 0.01 GB hold all';
    expect(stderr.indexOf(told)).toBe(stderr.indexOf('warning:'));
    expect(stderr.indexOf(told)).toBeLessThan(stderr.indexOf('wave 1 of 2'));
    expect(stderr.match(/fetches the models anew/g)).toHaveLength(1);
    expect(fetched()).toBe(2 * 3 * TENSOR_BYTES);
  });

  it('tells how far the transfer is, as a merge does', async () => {
    await hub.close();
    await startHub(4e6);
    const recipe = writeRecipe('hub.yaml', onHub, 'parameters: {lambda: [0.5]}\nkeep: none');
    const { stdout } = await run(['sweep', recipe, 'out', '--json']);
    const events = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    const transfers = events.filter(({ event }) => event === 'transfer');
    expect(transfers.length).toBeGreaterThan(0);
    expect(transfers.at(-1)).toMatchObject({ activity: 'fetch' });
    expect(transfers.at(-1).totalBytes).toBeGreaterThan(3 * TENSOR_BYTES);
    expect(events.findIndex(({ event }) => event === 'transfer')).toBeLessThan(
      events.findIndex(({ event }) => event === 'row'),
    );
  });
});

describe('a plan of models on the Hub', () => {
  it('says what streaming would fetch again, as the merge does, and fetches nothing', async () => {
    const models = ['math', 'code'].map((model) => ({ model: onHub(model), parameters: { weight: 1 } }));
    const parameters = { density: 0.5, trim_scope: 'model' };
    const recipe = { merge_method: 'ties', base_model: onHub('base'), models, parameters };
    writeFileSync(join(work, 'ties.yaml'), JSON.stringify(recipe));
    const streaming = ['--stream', '--spool-size', '1MB'];
    const told = /^warning: ties reads the models several times: .* will be fetched where .* hold all; .*\n$/;
    expect((await run(['ties.yaml', '--plan', ...streaming])).stderr).toMatch(told);
    expect((await run(['plan', 'ties.yaml', ...streaming])).stderr).toMatch(told);
    expect((await run(['plan', 'ties.yaml'])).stderr).toBe('');
    expect(fetched()).toBe(0);
    expect(storedWeights()).toEqual([]);
  });
});
