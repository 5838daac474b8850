/** Model cards of merges: what the Hub reads of them, and what they must not say. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { library } from '../run/library.js';
import { writeAdapter } from '../support/adapters.js';
import { temporaryFolder } from '../support/cli.js';
import { hubEnvironment } from '../support/hub/environment.js';
import { LoopbackHub } from '../support/hub/loopback-hub.js';
import { publish, writeModels } from '../support/hub/models.js';
import { folderFiles } from '../support/hub/repository.js';
import { randomTensor } from '../support/random-models.js';
import { readModel } from '../support/safetensors.js';

describe('the model card', () => {
  const work = temporaryFolder();
  let hub: LoopbackHub;
  let folders: Record<string, string>;

  beforeAll(async () => {
    hub = await LoopbackHub.start();
    folders = writeModels(work, ['base', 'math', 'code']);
    const config = { model_type: 'llama', architectures: ['LlamaForCausalLM'], torch_dtype: 'bfloat16' };
    writeFileSync(join(folders.base!, 'config.json'), JSON.stringify(config));
    publish(hub, folders);
    const module = 'base_model.model.model.layers.0.mlp.up_proj';
    const factors = [
      randomTensor(`${module}.lora_A.weight`, [4, 41], 1, 0.1),
      randomTensor(`${module}.lora_B.weight`, [37, 4], 2, 0.1),
    ];
    writeAdapter(join(work, 'lora'), factors);
    hub.add('org/lora', folderFiles(join(work, 'lora')));
  });
  afterAll(() => hub.close());

  async function cardOf(recipe: object, name: string): Promise<{ text: string; head: Record<string, unknown> }> {
    const output = join(work, 'out', name);
    const environment = hubEnvironment(hub);
    const text = JSON.stringify(recipe, null, 2);
    await library.merge(library.parseRecipe(text, { folder: work }), { output, hub: { environment } });
    for (const file of ['README.md', 'recipe.yaml', 'm2merge_manifest.json']) {
      expect(readFileSync(join(output, file), 'utf8')).not.toContain(work);
    }
    const card = readFileSync(join(output, 'README.md'), 'utf8');
    return { text: card, head: parse(card.split('---')[1]!) };
  }

  const commitOf = (repo: string): string => hub.repositories.get(repo)!.resolve('main')!;
  const weight = { parameters: { weight: 0.5 } };

  it('names the models on the Hub with the commits that were merged', async () => {
    const models = [
      { model: 'org/math@main', ...weight },
      { model: 'org/code', ...weight },
    ];
    const { text, head } = await cardOf(
      { merge_method: 'task_arithmetic', base_model: 'org/base', models },
      'of-the-hub',
    );
    expect(head).toEqual({
      base_model: ['org/base', 'org/math', 'org/code'],
      base_model_relation: 'merge',
      library_name: 'transformers',
      pipeline_tag: 'text-generation',
      tags: ['merge', 'm2merge', 'task_arithmetic'],
    });
    for (const repo of head.base_model as string[])
      expect(text).toMatch(`| ${repo} | ${repo === 'org/base' ? 'base' : 'model'} | \`${commitOf(repo)}\` |`);
  });

  it('names an adapter of the Hub beside its base', async () => {
    const models = [{ model: 'org/base+org/lora', ...weight }];
    const { text, head } = await cardOf({ merge_method: 'linear', models }, 'adapter');
    expect(head).toMatchObject({ base_model: ['org/base', 'org/lora'], base_model_relation: 'merge' });
    expect(text).toContain(
      `| org/base + org/lora | model | \`${commitOf('org/base')}\` + \`${commitOf('org/lora')}\` |`,
    );
  });

  it('of local models says their names alone, wherever their folders are written', async () => {
    const models = [
      { model: { model: folders.base, lora: join(work, 'lora') }, ...weight },
      { model: `base+${join(work, 'lora')}`, ...weight },
      { model: folders.math, ...weight },
      { model: './out/../code', ...weight },
    ];
    const { text, head } = await cardOf({ merge_method: 'linear', models, output: join(work, 'else') }, 'local');
    expect(Object.keys(head)).toEqual(['library_name', 'pipeline_tag', 'tags']);
    expect(text).toContain('| base + lora | model | not on the Hub |');
    expect(text).toContain('| code | model | not on the Hub |');
    expect(text).not.toMatch(/\.\/out/);
    expect(readModel(join(work, 'out/local')).tensors.size).toBe(4);
  });
});
