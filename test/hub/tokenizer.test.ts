/** Merges by tokens of models on the Hub: through the cache and streamed as from folders. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { library } from '../run/library.js';
import { hubEnvironment } from '../support/hub/environment.js';
import { LoopbackHub } from '../support/hub/loopback-hub.js';
import { folderFiles, memoryFile } from '../support/hub/repository.js';
import { temporaryFolder } from '../support/temporary-folder.js';
import { writeTokenModel } from '../support/tokenizers.js';

const TOKENS = ['<unk>', 'a', 'b', 'c', 'd'];

let hub: LoopbackHub;
let work: string;

beforeEach(async () => {
  hub = await LoopbackHub.start();
  work = temporaryFolder();
  const models = {
    base: { tokens: TOKENS, offset: 1 },
    like: { tokens: TOKENS, offset: 2, rows: 8 },
    turned: { tokens: [...TOKENS].reverse(), added: ['<x>'], offset: 3 },
  };
  for (const [name, model] of Object.entries(models)) {
    writeTokenModel(work, name, model);
    hub.add(`org/${name}`, folderFiles(join(work, name)));
  }
  const words = JSON.stringify({ model: { type: 'WordLevel', vocab: { d: 0, zz: 1, a: 2 } } });
  hub.add('org/words', [memoryFile('tokenizer.json', words), memoryFile('chat_template.jinja', 'of words')]);
});
afterEach(() => hub.close());

const recipeOf = (models: readonly string[], source: string, name: (model: string) => string): string =>
  `merge_method: linear\nbase_model: ${name('base')}\nmodels: [${models.map((model) => `{model: ${name(model)}}`).join(', ')}]\nparameters: {weight: 1}\ntokenizer_source: ${source}\n`;
const onHub = (model: string): string => `org/${model}`;
const onDisk = (model: string): string => join(work, model);

async function run(
  text: string,
  output: string,
  stream = false,
  environment = hubEnvironment(hub),
): Promise<(name: string) => string> {
  await library.merge(library.parseRecipe(text), { hub: { environment }, stream, output: join(work, output) });
  return (name) => readFileSync(join(work, output, name), 'latin1');
}

const STREAMED = [
  ['rows in place', ['base', 'like'], '{source: base}'],
  ['rows turned', ['base', 'turned'], '{source: base}'],
  ['vocabularies joined', ['base', 'like', 'turned'], '{source: union}'],
  ['rows of no token', ['base', 'turned'], '{source: union, pad_to_multiple_of: 16}'],
] as const;

describe('merges by tokens', () => {
  it('of models in the cache are those of the same models in folders', async () => {
    const models = ['base', 'like', 'turned'];
    const stored = await run(recipeOf(models, 'union', onDisk), 'from-disk');
    const cached = await run(recipeOf(models, 'union', onHub), 'from-hub');
    for (const name of ['model.safetensors', 'tokenizer.json', 'config.json']) expect(cached(name)).toBe(stored(name));
  });

  it('take a tokenizer, and its chat template, from a repository that is not merged', async () => {
    const files = await run(recipeOf(['base', 'turned'], 'org/words', onHub), 'words');
    expect(JSON.parse(files('tokenizer.json')).model.vocab).toEqual({ d: 0, zz: 1, a: 2 });
    expect(files('chat_template.jinja')).toBe('of words');
  });

  it.each(STREAMED)('are streamed like those of folders: %s', async (_name, models, tokenizer) => {
    const of = (name: (model: string) => string): string =>
      recipeOf(models, 'base', name).replace('tokenizer_source: base', `tokenizer: ${tokenizer}`);
    const stored = await run(of(onDisk), 'stored');
    const environment = hubEnvironment(hub);
    const streamed = await run(of(onHub), 'streamed', true, environment);
    expect(streamed('model.safetensors')).toBe(stored('model.safetensors'));
    expect(readdirSync(work).filter((name) => name.startsWith('.m2merge'))).toEqual([]);
    const cached = readdirSync(environment.cacheFolder, { recursive: true }) as string[];
    expect(cached.filter((path) => /tokenizer\.json$/.test(path))).toHaveLength(models.length);
    expect(cached.filter((path) => path.endsWith('.safetensors'))).toEqual([]);
  });

  it('say what streaming keeps where rows change their order, and nothing where they stay in place', async () => {
    const turned = library.parseRecipe(recipeOf(['base', 'turned'], 'base', onHub));
    const options = { hub: { environment: hubEnvironment(hub) }, stream: true, output: join(work, 'out') };
    const { warnings } = await library.merge(turned, options);
    const kept = warnings.filter(({ kind }) => kind === 'stream-held').map(({ facts }) => facts);
    // Of `turned` the rows of all five tokens, two values each, of its embedding.
    expect(kept).toEqual([{ bytes: 5 * 2 * 4 }]);
    const alike = await library.merge(library.parseRecipe(recipeOf(['base', 'like'], 'base', onHub)), {
      ...options,
      overwrite: true,
    });
    expect(alike.warnings.map(({ kind }) => kind)).not.toContain('stream-held');
  });
});
