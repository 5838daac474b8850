/** Merges that store nothing of their sources: the same bytes, each fetched once. */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { library } from '../run/library.js';
import { temporaryFolder as folderOfFile } from '../support/cli.js';
import { m2merge } from '../support/command.js';
import { hubEnvironment, hubVariables } from '../support/hub/environment.js';
import { answerStatus } from '../support/hub/faults.js';
import { LoopbackHub } from '../support/hub/loopback-hub.js';
import { OF_TWO_UNITS, publish, writeModels } from '../support/hub/models.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const folders = writeModels(folderOfFile(), ['base', 'math', 'code'], { shards: 2, shapes: OF_TWO_UNITS });

let hub: LoopbackHub;
let work: string;

beforeEach(async () => {
  hub = await LoopbackHub.start();
  work = temporaryFolder();
  publish(hub, folders);
});
afterEach(() => hub.close());

const METHODS = {
  linear: 'merge_method: linear\nparameters: {weight: 1}',
  ties: 'merge_method: ties\nparameters: {weight: 1, density: 0.2}',
  'ties over the model': 'merge_method: ties\nparameters: {weight: 1, density: 0.2, trim_scope: model}',
  'dare with a report': 'merge_method: dare_ties\nparameters: {weight: 1, density: 0.5}\nreport: true',
};

const recipeOf = (method: string, name: (model: string) => string): string =>
  `${method}\nbase_model: ${name('base')}\nmodels:\n  - model: ${name('math')}\n  - model: ${name('code')}\n`;

const onHub = (model: string): string => `org/${model}`;

describe('a streamed merge', () => {
  for (const [name, method] of Object.entries(METHODS)) {
    it(`writes what a merge of stored models writes: ${name}`, async () => {
      const { merge, parseRecipe } = library;
      const environment = hubEnvironment(hub);
      const options = { hub: { environment }, stream: true, threads: 2, output: join(work, 'streamed') };
      await merge(parseRecipe(recipeOf(method, onHub)), options);
      expect(existsSync(join(work, 'streamed/tokenizer.json'))).toBe(true);
      expect(readdirSync(work)).toEqual(['streamed']);
      // Nothing of the sources is stored, and nothing is fetched twice beyond what the headers took.
      const files = readdirSync(environment.cacheFolder, { recursive: true, encoding: 'utf8' });
      expect(files.filter((file) => file.endsWith('.safetensors'))).toEqual([]);
      const fetched = hub.requests
        .filter(({ origin, headers: { range } }) => origin === 'cdn' && !range?.startsWith('bytes=0-'))
        .reduce((total, { bytesSent }) => total + bytesSent, 0);
      const tensors =
        Object.values(folders).length *
        OF_TWO_UNITS.reduce((sum, [, shape]) => sum + 2 * shape.reduce((a, b) => a * b, 1), 0);
      expect(fetched).toBe(tensors);
      const stored = { hub: { environment: hubEnvironment(hub) }, threads: 1, output: join(work, 'stored') };
      await merge(parseRecipe(recipeOf(method, onHub)), stored);
      const weights = (folder: string) => readFileSync(join(work, folder, 'model.safetensors'));
      expect(weights('streamed').equals(weights('stored'))).toBe(true);
    });
  }

  it('says before it starts what a second pass over the model costs', async () => {
    const { describeWarning, plan, parseRecipe } = library;
    const costs = async (method: string, spoolBytes: number): Promise<string[]> => {
      const hubOptions = { hub: { environment: hubEnvironment(hub) }, stream: true, spoolBytes };
      const { warnings } = await plan(parseRecipe(recipeOf(method, onHub)), hubOptions);
      return warnings.map(describeWarning).filter((text) => text.includes('several times'));
    };
    expect(await costs(METHODS['ties over the model'], 5_000_000)).toEqual([
      expect.stringMatching(/^ties reads .*: 0\.0[12] GB will be fetched where 0\.01 GB hold all/),
    ]);
    expect(await costs(METHODS['ties over the model'], 10_000_000)).toEqual([]);
    expect(await costs(METHODS.linear, 5_000_000)).toEqual([]);
  });

  it('takes from the cache what is there', async () => {
    const { merge, parseRecipe, pull } = library;
    const options = { hub: { environment: hubEnvironment(hub) } };
    await pull(['org/base', 'org/math@main', 'hf://org/code'], options);
    const before = hub.requests.length;
    const recipe = parseRecipe(recipeOf(METHODS.linear, onHub));
    await merge(recipe, { ...options, stream: true, output: join(work, 'out') });
    expect(hub.requests.slice(before).filter(({ origin }) => origin === 'cdn')).toEqual([]);
  });

  it('goes on after failures, with addresses that expire', async () => {
    const { merge, parseRecipe } = library;
    hub.fault({ origin: 'cdn', after: 6, times: 2 }, answerStatus(503, { 'Retry-After': '0' }));
    hub.fault({ origin: 'cdn', after: 9, times: 2 }, { distort: { resetAfter: 100_000 } });
    await merge(parseRecipe(recipeOf(METHODS.linear, onHub)), {
      hub: { environment: hubEnvironment(hub), firstDelay: 10 },
      stream: true,
      output: join(work, 'out'),
      onPlan: () => hub.expireSignatures(),
    });
    await merge(parseRecipe(recipeOf(METHODS.linear, (model) => folders[model]!)), { output: join(work, 'local') });
    const weights = (folder: string) => readFileSync(join(work, folder, 'model.safetensors'));
    expect(weights('out').equals(weights('local'))).toBe(true);
  });

  it('leaves nothing behind when it fails', async () => {
    hub.fault({ origin: 'cdn', after: 7 }, answerStatus(404));
    const args = ['recipe.yaml', 'out', '--stream', '--spool-size', '50MB'];
    writeFileSync(join(work, 'recipe.yaml'), recipeOf(METHODS.linear, onHub));
    const { status, stderr } = await m2merge(args, work, hubVariables(hub, join(work, 'home')));
    expect(stderr).toMatch(/^error: the Hub answered 404 for model-0000\d-of-00002\.safetensors of org\//m);
    expect(status).toBe(6);
    expect(readdirSync(work).sort()).toEqual(['home', 'recipe.yaml']);
  });
});
