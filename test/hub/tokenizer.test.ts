/** Merges by tokens of models on the Hub: through the cache as from folders; streamed where rows stay in order. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { isM2MergeError } from '../../src/errors.js';
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

async function run(text: string, output: string, stream = false): Promise<(name: string) => string> {
  const environment = hubEnvironment(hub);
  await library.merge(library.parseRecipe(text), { hub: { environment }, stream, output: join(work, output) });
  return (name) => readFileSync(join(work, output, name), 'latin1');
}

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

  it('are streamed where rows stay in order, else refused before anything is fetched of them', async () => {
    const like = recipeOf(['base', 'like'], 'base', onHub);
    const streamed = await run(like, 'streamed', true);
    const stored = await run(recipeOf(['base', 'like'], 'base', onDisk), 'stored');
    expect(streamed('model.safetensors')).toBe(stored('model.safetensors'));
    const turned = run(recipeOf(['base', 'turned'], 'base', onHub), 'refused', true);
    const error: unknown = await turned.catch((thrown: unknown) => thrown);
    expect(isM2MergeError(error, 'tokenizer-streamed')).toBe(true);
    expect((error as Error).message).toContain('"model.embed_tokens.weight" of org/turned');
  });
});
