/** Recipes that name models on the Hub, against the same recipes over folders. */
import { existsSync, readdirSync, readFileSync, realpathSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { library } from '../run/library.js';
import { writeAdapter } from '../support/adapters.js';
import { temporaryFolder as folderOfFile } from '../support/cli.js';
import { m2merge } from '../support/command.js';
import { hubEnvironment, hubVariables } from '../support/hub/environment.js';
import { HUB_TOKEN, LoopbackHub } from '../support/hub/loopback-hub.js';
import { publish, writeModels } from '../support/hub/models.js';
import { folderFiles, memoryFile } from '../support/hub/repository.js';
import { randomTensor } from '../support/random-models.js';
import { temporaryFolder } from '../support/temporary-folder.js';

let hub: LoopbackHub;
let work: string;

const folders = writeModels(folderOfFile(), ['base', 'math', 'code'], { shards: 2 });

beforeEach(async () => {
  hub = await LoopbackHub.start();
  work = temporaryFolder();
  publish(hub, folders);
});
afterEach(() => hub.close());

const recipeOf = (name: (model: string) => string): string => `merge_method: ties
base_model: ${name('base')}
models:
  - {model: ${name('math')}, parameters: {weight: 1, density: 0.2}}
  - {model: ${name('code')}, parameters: {weight: 0.5, density: 0.5}}
`;

const onHub = (model: string): string => (model === 'math' ? 'hf://org/math@main' : `org/${model}`);

/** Bytes of weights that left the Hub. */
const weightBytes = (): number =>
  hub.requests.filter(({ origin }) => origin === 'cdn').reduce((total, { bytesSent }) => total + bytesSent, 0);

describe('a recipe over models on the Hub', () => {
  it('is planned from headers, index and config alone', async () => {
    const { plan, parseRecipe } = library;
    const options = { hub: { environment: hubEnvironment(hub) } };
    const prepared = await plan(parseRecipe(recipeOf(onHub)), options);
    expect(prepared.plan.inputs.map(({ reference, hub: origin }) => [reference, origin])).toEqual(
      ['base', 'math', 'code'].map((model) => [
        onHub(model),
        { repo: `org/${model}`, commit: hub.repositories.get(`org/${model}`)!.resolve('main') },
      ]),
    );
    expect(weightBytes()).toBeLessThan(3 * 2 * 65_537);
    const local = await plan(parseRecipe(recipeOf((model) => folders[model]!)));
    expect(prepared.plan.jobs).toEqual(local.plan.jobs);
  });

  it('is merged to the same bytes as over folders, and again without a request for weights', async () => {
    const { merge, parseRecipe } = library;
    const environment = hubEnvironment(hub);
    const options = { hub: { environment }, threads: 2 };
    const first = await merge(parseRecipe(recipeOf(onHub)), { ...options, output: join(work, 'first') });
    expect(first.warnings).toEqual([]);
    await merge(parseRecipe(recipeOf((model) => folders[model]!)), { output: join(work, 'local') });
    for (const name of ['model.safetensors', 'config.json', 'tokenizer.json']) {
      expect(readFileSync(join(work, 'first', name)).equals(readFileSync(join(work, 'local', name)))).toBe(true);
    }
    const before = hub.requests.length;
    await merge(parseRecipe(recipeOf(onHub)), { ...options, output: join(work, 'second') });
    expect(hub.requests.slice(before).filter(({ url }) => /blobs|resolve/.test(url))).toEqual([]);
    // Each model: one request for the commit, one for the list.
    expect(hub.requests.length - before).toBe(6);
  });

  it('fetches damaged weights anew between plan and merge', async () => {
    const { merge, parseRecipe } = library;
    const environment = hubEnvironment(hub);
    const options = { hub: { environment } };
    await merge(parseRecipe(recipeOf(onHub)), { ...options, output: join(work, 'first') });
    const repository = hub.repositories.get('org/base')!;
    const commit = repository.resolve('main')!;
    const snapshot = join(environment.cacheFolder, 'models--org--base/snapshots', commit);
    const cached = join(snapshot, readdirSync(snapshot).find((name) => name.endsWith('.safetensors'))!);
    const bytes = readFileSync(cached);
    // Long enough to be planned with, and wrong where nobody has looked yet.
    writeFileSync(realpathSync(cached), bytes.with(-1, bytes.at(-1)! ^ 1));
    const again = await merge(parseRecipe(recipeOf(onHub)), { ...options, output: join(work, 'again') });
    expect(again.warnings.map(({ kind }) => kind)).toEqual(['cache-damaged']);
    const [first, second] = ['first', 'again'].map((name) => readFileSync(join(work, name, 'model.safetensors')));
    expect(second!.equals(first!)).toBe(true);
  });

  it('leaves repositories and commits in what it writes, and no place of this machine', async () => {
    const { merge, parseRecipe } = library;
    const environment = hubEnvironment(hub, { token: HUB_TOKEN });
    await merge(parseRecipe(recipeOf(onHub)), { hub: { environment }, output: join(work, 'out') });
    const manifest = readFileSync(join(work, 'out/m2merge_manifest.json'), 'utf8');
    for (const model of ['base', 'math', 'code']) {
      const commit = hub.repositories.get(`org/${model}`)!.resolve('main');
      expect(JSON.parse(manifest).inputs).toContainEqual(
        expect.objectContaining({ hub: { repo: `org/${model}`, commit } }),
      );
    }
    for (const name of readdirSync(join(work, 'out')).filter((file) => /\.(json|md|yaml)$/.test(file))) {
      const text = readFileSync(join(work, 'out', name), 'utf8');
      expect(text).not.toContain(environment.cacheFolder);
      expect(text).not.toContain(HUB_TOKEN);
      expect(text).not.toContain(hub.endpoint);
    }
  });

  it('writes the cache as Python lays it out', async () => {
    const { merge, parseRecipe } = library;
    const environment = hubEnvironment(hub);
    await merge(parseRecipe(recipeOf(onHub)), { hub: { environment }, output: join(work, 'out') });
    const repository = hub.repositories.get('org/base')!;
    const commit = repository.resolve('main')!;
    const folder = join(environment.cacheFolder, 'models--org--base');
    expect(readFileSync(join(folder, 'refs/main'), 'utf8')).toBe(commit);
    for (const [path, { sha256, oid }] of repository.commits.get(commit)!) {
      const snapshot = join(folder, 'snapshots', commit, path);
      if (path === 'notes.txt') expect(existsSync(snapshot)).toBe(false);
      else expect(readFileSync(snapshot).equals(readFileSync(join(folder, 'blobs', sha256 ?? oid)))).toBe(true);
    }
  });

  it('uses one commit throughout, though the branch moves', async () => {
    const { merge, parseRecipe } = library;
    const repository = hub.repositories.get('org/math')!;
    const commit = repository.resolve('main');
    const result = await merge(parseRecipe(recipeOf(onHub)), {
      hub: { environment: hubEnvironment(hub) },
      output: join(work, 'out'),
      onPlan: () => repository.commit([memoryFile('config.json', '{}')]),
    });
    expect(repository.resolve('main')).not.toBe(commit);
    expect(result.plan.inputs[1]!.hub!.commit).toBe(commit);
  });

  it('asks anew for what is planned later, whatever signal ends it, but within one run', async () => {
    const { plan, parseRecipe } = library;
    const repository = hub.repositories.get('org/math')!;
    const run = {};
    const options = { hub: { environment: hubEnvironment(hub) }, signal: new AbortController().signal };
    const commitOf = async (more: object) =>
      (await plan(parseRecipe(recipeOf(onHub)), { ...options, ...more })).plan.inputs[1]!.hub!.commit;
    const before = repository.resolve('main');
    expect([await commitOf({}), await commitOf({ run })]).toEqual([before, before]);
    repository.commit([...repository.commits.get(before!)!.values(), memoryFile('more.txt', 'text')]);
    const after = repository.resolve('main');
    expect(after).not.toBe(before);
    expect([await commitOf({}), await commitOf({ run })]).toEqual([after, before]);
  });

  it('prefers a folder of that name', async () => {
    writeModels(join(work, 'models'), ['base', 'math', 'code']);
    writeFileSync(
      join(work, 'recipe.yaml'),
      recipeOf((model) => `models/${model}`),
    );
    const { loadRecipe, plan } = library;
    const prepared = await plan(await loadRecipe(join(work, 'recipe.yaml')), {
      hub: { environment: hubEnvironment(hub) },
    });
    expect(prepared.plan.inputs.every(({ hub: origin }) => origin === undefined)).toBe(true);
    expect(hub.requests).toEqual([]);
  });

  const MODULE = 'base_model.model.model.layers.0.mlp.up_proj';
  const PAIR = [
    randomTensor(`${MODULE}.lora_A.weight`, [4, 41], 1, 0.02),
    randomTensor(`${MODULE}.lora_B.weight`, [37, 4], 2, 0.02),
  ];
  it.each([
    ['LoRA', PAIR, {}],
    ['DoRA', [...PAIR, randomTensor(`${MODULE}.lora_magnitude_vector`, [37], 3, 1)], { use_dora: true }],
  ])('takes an adapter from the Hub, stored and streamed: %s', async (_, factors, changes) => {
    const adapter = join(work, 'adapter');
    writeAdapter(adapter, factors, { target_modules: ['up_proj'], ...changes });
    hub.add('org/adapter', folderFiles(adapter));
    const recipe = (base: string, lora: string, math: string): string =>
      `merge_method: linear\nparameters: {weight: 1}\nmodels:\n  - model: ${base}+${lora}\n  - model: ${math}\n`;
    const { merge, parseRecipe } = library;
    const merged = async (text: string, output: string, options = {}): Promise<Buffer> => {
      await merge(parseRecipe(text), { ...options, output: join(work, output) });
      return readFileSync(join(work, output, 'model.safetensors'));
    };
    const local = await merged(recipe(folders.base!, adapter, folders.math!), 'local');
    const text = recipe('org/base', 'org/adapter@main', 'org/math');
    const options = { hub: { environment: hubEnvironment(hub) } };
    expect((await merged(text, 'streamed', { ...options, stream: true })).equals(local)).toBe(true);
    expect((await merged(text, 'stored', options)).equals(local)).toBe(true);
    const [input] = JSON.parse(readFileSync(join(work, 'stored/m2merge_manifest.json'), 'utf8')).inputs;
    expect(input.adapterHub).toEqual({
      repo: 'org/adapter',
      commit: hub.repositories.get('org/adapter')!.resolve('main'),
    });
  });

  it('says where the recipe names what cannot be read', async () => {
    writeFileSync(
      join(work, 'recipe.yaml'),
      recipeOf((model) => (model === 'code' ? 'org/cod' : onHub(model))),
    );
    const { status, stderr, stdout } = await m2merge(
      ['recipe.yaml', 'out'],
      work,
      hubVariables(hub, join(work, 'home')),
    );
    expect(stderr).toContain('recipe.yaml:5:13: org/cod is not on the Hub');
    expect(stderr).toContain('HF_TOKEN');
    expect({ status, stdout }).toEqual({ status: 4, stdout: '' });
    expect(existsSync(join(work, 'out'))).toBe(false);
  });

  it('says it when a repository has a new name, and goes on', async () => {
    hub.renamed.set('org/old', 'org/code');
    const { plan, parseRecipe, describeWarning } = library;
    const prepared = await plan(parseRecipe(recipeOf((model) => (model === 'code' ? 'org/old' : onHub(model)))), {
      hub: { environment: hubEnvironment(hub) },
    });
    expect(prepared.warnings.map(describeWarning)).toEqual([expect.stringContaining('org/old is called org/code')]);
    expect(prepared.plan.inputs[2]!.hub!.repo).toBe('org/code');
  });

  it('refuses an index that names files outside, and asks for none of them', async () => {
    const index = JSON.stringify({ metadata: {}, weight_map: { w: '../../org/base/model.safetensors' } });
    hub.add('org/code', [memoryFile('model.safetensors.index.json', index), memoryFile('a.safetensors', 'x')]);
    const { plan, parseRecipe } = library;
    await expect(
      plan(parseRecipe(recipeOf(onHub)), { hub: { environment: hubEnvironment(hub, { token: HUB_TOKEN }) } }),
    ).rejects.toMatchObject({ kind: 'index-invalid' });
    expect(hub.requests.filter(({ url }) => url.includes('..'))).toEqual([]);
  });

  it('needs no more than 45 requests for the headers of five models in four shards', async () => {
    publish(hub, writeModels(join(work, 'more'), ['base', 'a', 'b', 'c', 'd'], { shards: 4 }));
    const { plan, parseRecipe } = library;
    const list = ['a', 'b', 'c', 'd'].map((model) => `  - {model: org/${model}}`).join('\n');
    const recipe = parseRecipe(
      `merge_method: task_arithmetic\nbase_model: org/base\nparameters: {weight: 1}\nmodels:\n${list}\n`,
    );
    await plan(recipe, { hub: { environment: hubEnvironment(hub) } });
    const asked = (origin: string) => hub.requests.filter((request) => request.origin === origin).length;
    expect(asked('hub')).toBeLessThanOrEqual(45);
    expect({ hub: asked('hub'), cdn: asked('cdn') }).toEqual({ hub: 40, cdn: 20 });
  });

  it('works offline from the cache, and says what is missing there', async () => {
    const { merge, plan, parseRecipe } = library;
    const environment = hubEnvironment(hub);
    await plan(parseRecipe(recipeOf(onHub)), { hub: { environment } });
    const offline = { hub: { environment: { ...environment, endpoint: 'http://127.0.0.1:9', offline: true } } };
    const recipe = parseRecipe(recipeOf(onHub));
    await expect(plan(recipe, offline)).rejects.toMatchObject({ kind: 'hub-offline', exitCode: 4 });
    await merge(recipe, { hub: { environment }, output: join(work, 'online') });
    await merge(recipe, { ...offline, output: join(work, 'offline') });
    const weights = (name: string) => readFileSync(join(work, name, 'model.safetensors'));
    expect(weights('offline').equals(weights('online'))).toBe(true);
    expect(statSync(join(work, 'offline/tokenizer.json')).isFile()).toBe(true);
    await expect(plan(parseRecipe(recipeOf((model) => `org/${model}@v2`)), offline)).rejects.toThrow(
      /revision "v2" of org\/base@v2 is not in the cache/,
    );
  });
});
