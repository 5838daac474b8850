/** Model cards of merges: what the Hub reads of them, and what they must not say. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import type { MergeOptions } from '../../src/merge.js';
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

  async function cardOf(recipe: object, name: string, more: MergeOptions = {}) {
    const output = join(work, 'out', name);
    const environment = hubEnvironment(hub);
    const { merge, parseRecipe, describeWarning } = library;
    const parsed = parseRecipe(JSON.stringify(recipe, null, 2), { folder: work });
    const { warnings } = await merge(parsed, { output, hub: { environment }, ...more });
    for (const file of ['README.md', 'recipe.yaml', 'm2merge_manifest.json']) {
      expect(readFileSync(join(output, file), 'utf8')).not.toContain(work);
    }
    const card = readFileSync(join(output, 'README.md'), 'utf8');
    const [, yaml] = card.split('---\n') as [string, string];
    const head = parse(yaml) as Record<string, unknown>;
    return { text: card, yaml, head, warnings: warnings.map(describeWarning) };
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

  describe('of licences and languages', () => {
    /** Gives each model a card with these lines before its text, in its folder and on the Hub. */
    function writeCards(heads: Readonly<Record<string, string | undefined>>): void {
      for (const [model, head] of Object.entries(heads)) {
        const card = head === undefined ? '# a model\n' : `---\n${head}\n---\n# a model\n\n---\nlicense: wrong\n---\n`;
        writeFileSync(join(folders[model]!, 'README.md'), card);
        hub.add(`org/${model}`, folderFiles(folders[model]!));
      }
    }
    const recipe = (name: (model: string) => string) => ({
      merge_method: 'task_arithmetic',
      base_model: name('base'),
      models: ['math', 'code'].map((model) => ({ model: name(model), ...weight })),
    });
    const onHub = (model: string) => `org/${model}`;
    const inFolder = (model: string) => folders[model]!;

    it.each([
      ['on the Hub', onHub, {}],
      ['streamed', onHub, { stream: true }],
      ['in folders', inFolder, {}],
    ] as const)('takes over what all sources say, %s', async (where, name, options) => {
      writeCards({
        base: 'license: apache-2.0\nlanguage:\n- en\n- no',
        math: 'license: Apache-2.0\nlanguage: en',
        code: 'license: [apache-2.0]\nlanguage: [zh, 7, "en\\nlicense: mit"]\ntags: [x]',
      });
      const { head, yaml, text, warnings } = await cardOf(recipe(name), `agreed ${where}`, options);
      expect(head.license).toBe('apache-2.0');
      expect(head.language).toEqual(['en', 'no', 'zh']);
      // Python's reader is of YAML 1.1, in which a plain `no` is false.
      expect(parse(yaml, { version: '1.1' }).language).toEqual(['en', 'no', 'zh']);
      expect(text).toMatch(/^\| \S+ \| model \| .* \| apache-2\.0 \|$/m);
      expect(warnings).toEqual([]);
    });

    it('says nothing when sources differ, but why, and warns', async () => {
      writeCards({ base: 'license: apache-2.0', math: 'license: other\nlicense_name: llama3', code: undefined });
      const { head, yaml, text, warnings } = await cardOf(recipe(onHub), 'differing');
      expect(Object.keys(head)).not.toContain('license');
      const found = 'org/base: apache-2.0; org/math: other (llama3); org/code: unknown';
      expect(yaml).toContain(`\n# license: left out, the sources state different ones (${found})\n`);
      expect(warnings).toEqual([expect.stringContaining(found)]);
      expect(text).toMatch(/^\| org\/code \| model \| `\w+` \| unknown \|$/m);
    });

    it('says nothing when one source does not say its licence, and shows no folder', async () => {
      writeCards({ base: 'license: mit', math: 'license: mit', code: '{license: mit' });
      const { head, yaml, warnings } = await cardOf(recipe(inFolder), 'unknown');
      expect(Object.keys(head)).toEqual(['library_name', 'pipeline_tag', 'tags']);
      expect(yaml).toContain('(base: mit; math: mit; code: unknown)');
      expect(warnings).toEqual([]);
    });

    it('keeps name and link of another licence, the link only where it leads somewhere', async () => {
      const other = (link: string) => `license: other\nlicense_name: my-own\nlicense_link: ${link}`;
      const url = 'https://example.org/licence';
      writeCards({ base: other(url), math: other(url), code: other(url) });
      const { head } = await cardOf(recipe(onHub), 'other');
      expect(head).toMatchObject({ license: 'other', license_name: 'my-own', license_link: url });
      writeCards({ base: other(inFolder('base')), math: other(inFolder('base')), code: other(inFolder('base')) });
      expect((await cardOf(recipe(inFolder), 'path')).head).not.toHaveProperty('license_link');
      writeFileSync(join(folders.base!, 'LICENSE'), 'Do as you like.');
      writeCards({ base: other('LICENSE'), math: other('LICENSE'), code: other('LICENSE') });
      expect((await cardOf(recipe(onHub), 'file')).head.license_link).toBe('LICENSE');
    });

    it('does not trust cards', async () => {
      const bomb = `a: &a [x,x,x,x,x,x,x,x,x,x]\nb: &b [${'*a,'.repeat(20)}]\nlicense: [${'*b,'.repeat(20)}]`;
      writeCards({ base: bomb, math: 'license: "mit\\nbase_model: org/evil"', code: '- license: mit' });
      const { yaml, head } = await cardOf(recipe(onHub), 'hostile');
      expect(head.base_model).toEqual(['org/base', 'org/math', 'org/code']);
      expect(yaml).not.toMatch(/license|evil/);
      writeCards({ base: `license: mit\nx: ${'y'.repeat(1_000_001)}`, math: 'license: mit', code: 'license: mit' });
      expect((await cardOf(recipe(onHub), 'huge')).yaml).toContain('org/base: unknown');
    });
  });
});
