/** What a finished model folder holds beside and inside its weight files. */
import { createHash } from 'node:crypto';
import { cpSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import xxhash from 'xxhash-wasm';
import { parse } from 'yaml';
import { REPOSITORY, temporaryFolder as sharedFolder } from '../support/cli.js';
import { randomTensor } from '../support/random-models.js';
import { readModel, type TensorToWrite, writeModel } from '../support/safetensors.js';
import { temporaryFolder } from '../support/temporary-folder.js';
import { type Merged, mergeFolder } from './merge-folder.js';

const TINY = join(REPOSITORY, 'recipes/tiny-rlvr');

const readText = (...path: string[]): string => readFileSync(join(...path), 'utf8');
const readJson = (...path: string[]) => JSON.parse(readText(...path));

describe('a merge of real models, named by absolute paths', () => {
  const work = sharedFolder();
  const base = join(work, 'models/the-base');
  const copied = {
    'chat_template.jinja': '{{ messages }}',
    'additional_chat_templates/tools.jinja': '{{ tools }}',
    LICENSE: 'Do as you like.',
  };
  const recipeText = [
    'merge_method: task_arithmetic # the usual',
    `base_model: ${base}`,
    'models:',
    `  - {model: ${TINY}/math, parameters: {weight: 0.5}}`,
    `  - {model: ${TINY}/code/, parameters: {weight: 1}}`,
    'dtype: float32',
    `output: ${work}/secret/out`,
    'seed: 3',
    '',
  ].join('\n');
  let merged: Merged;
  beforeAll(async () => {
    cpSync(join(TINY, 'sft'), base, { recursive: true });
    mkdirSync(join(base, 'additional_chat_templates'));
    for (const [name, text] of Object.entries({ ...copied, 'modeling.py': 'exit()', 'notes.txt': 'mine' })) {
      writeFileSync(join(base, name), text);
    }
    merged = await mergeFolder(work, recipeText);
  });

  it('has these files and no others', () => {
    const names = readdirSync(merged.output, { recursive: true, encoding: 'utf8' }).sort();
    expect(names).toEqual(
      [
        ...['LICENSE', 'README.md', 'additional_chat_templates', 'additional_chat_templates/tools.jinja'],
        ...['chat_template.jinja', 'config.json', 'generation_config.json', 'm2merge_manifest.json'],
        ...['model.safetensors', 'recipe.yaml', 'tokenizer.json', 'tokenizer_config.json'],
      ].sort(),
    );
    expect(readdirSync(join(work, 'merged'))).toEqual([expect.stringMatching(/^merge-\d+$/)]);
  });

  it('changes the dtype in the config and not a byte else', () => {
    const before = readText(base, 'config.json');
    expect(before.match(/bfloat16/g)).toHaveLength(1);
    expect(readText(merged.output, 'config.json')).toBe(before.replace('"dtype": "bfloat16"', '"dtype": "float32"'));
  });

  it('copies tokenizer, generation config, templates and licence as they are', () => {
    for (const name of [...Object.keys(copied), 'generation_config.json', 'tokenizer.json', 'tokenizer_config.json']) {
      expect(readFileSync(join(merged.output, name)).equals(readFileSync(join(base, name)))).toBe(true);
    }
  });

  it('names no folder of this machine in any text', () => {
    const texts = readdirSync(merged.output, { withFileTypes: true }).filter((entry) => entry.isFile());
    for (const { name } of texts) {
      const text = readFileSync(join(merged.output, name), 'latin1');
      for (const place of [work, REPOSITORY, TINY, tmpdir(), homedir()]) expect(text, name).not.toContain(`${place}/`);
    }
    const recipe = parse(readText(merged.output, 'recipe.yaml'));
    expect(recipe).toMatchObject({
      base_model: 'the-base',
      models: [{ model: 'math' }, { model: 'code' }],
      output: 'out',
      seed: 3,
    });
    expect(readText(merged.output, 'recipe.yaml')).toContain('# the usual');
  });

  it('has a card with front matter, models and the recipe', () => {
    const card = readText(merged.output, 'README.md');
    const [, frontMatter, body] = card.split(/^---$/m);
    expect(parse(frontMatter!)).toEqual({
      library_name: 'transformers',
      pipeline_tag: 'text-generation',
      tags: ['merge', 'm2merge', 'task_arithmetic'],
    });
    for (const text of ['| the-base | base |', '| math | model |', '| code | model |', 'seed 3', 'in float32']) {
      expect(body).toContain(text);
    }
    expect(body).toContain(`\`\`\`yaml\n${readText(merged.output, 'recipe.yaml').trimEnd()}\n\`\`\``);
  });

  it('keeps tied embeddings tied', () => {
    expect([...merged.model.tensors.keys()].sort()).toEqual([...readModel(base).tensors.keys()].sort());
    expect(merged.model.tensors.has('lm_head.weight')).toBe(false);
    expect(merged.model.config).toMatchObject({ tie_word_embeddings: true });
    expect(merged.model.metadata).toEqual({ format: 'pt' });
  });
});

it('a recipe without folders of this machine is kept verbatim', async () => {
  const work = temporaryFolder();
  writeModel(join(work, 'a'), [{ name: 'w', dtype: 'F32', shape: [1], values: [1] }]);
  const recipe = '# two of a kind\nmerge_method:   linear\nmodels:\n- model: "a"\n  parameters: { weight: 1 }\n';
  const { output } = await mergeFolder(work, recipe);
  expect(readText(output, 'recipe.yaml')).toBe(recipe);
  expect(readdirSync(output).sort()).toEqual([
    'README.md',
    'm2merge_manifest.json',
    'model.safetensors',
    'recipe.yaml',
  ]);
});

describe('shards', () => {
  it('hold every tensor once, as the index says, within the size asked for', async () => {
    const work = temporaryFolder();
    cpSync(TINY, join(work, 'tiny'), { recursive: true });
    const recipe = `merge_method: task_arithmetic
base_model: tiny/sft
models: [{model: tiny/math, parameters: {weight: 1}}, {model: tiny/if, parameters: {weight: 0.5}}]
dtype: bfloat16
`;
    const whole = await mergeFolder(work, recipe);
    const parts = await mergeFolder(work, recipe, { shardBytes: 300_000, sha256: true });
    const index = readJson(parts.output, 'model.safetensors.index.json');
    const files = readdirSync(parts.output).filter((name) => name.endsWith('.safetensors'));
    expect(files.length).toBeGreaterThan(3);
    expect(files).toEqual(files.map((_, i) => `model-0000${i + 1}-of-0000${files.length}.safetensors`));
    expect(index.weight_map).toEqual(Object.fromEntries([...parts.model.files].sort()));
    expect([...parts.model.tensors.keys()].sort()).toEqual([...whole.model.tensors.keys()].sort());
    for (const [name, { dtype, shape, bytes }] of whole.model.tensors) {
      const part = parts.model.tensors.get(name)!;
      expect(part).toMatchObject({ dtype, shape });
      expect(Buffer.compare(part.bytes, bytes), name).toBe(0);
    }
    const bytes = [...whole.model.tensors.values()].reduce((total, tensor) => total + tensor.bytes.length, 0);
    expect(index.metadata.total_size).toBe(bytes);
    for (const file of files) {
      const own = [...parts.model.files].filter(([, name]) => name === file).map(([tensor]) => tensor);
      const size = own.reduce((total, tensor) => total + parts.model.tensors.get(tensor)!.bytes.length, 0);
      expect(size <= 300_000 || own.length === 1).toBe(true);
      const headerBytes = 8 + Number(readFileSync(join(parts.output, file)).readBigUInt64LE(0));
      expect(statSync(join(parts.output, file)).size).toBe(headerBytes + size);
    }
    expectSha256(parts, files);
  });
});

function expectSha256({ output }: Merged, files: readonly string[]): void {
  const { outputs } = readJson(output, 'm2merge_manifest.json');
  const expected = files.map((name) => {
    const bytes = readFileSync(join(output, name));
    return { name, byteLength: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') };
  });
  expect(outputs).toEqual(expected);
}

describe('the manifest', () => {
  const work = sharedFolder();
  const shape = [1_100, 1_000];
  const base = randomTensor('layers.0.weight', shape, 1, 0.02);
  const positions = (start: number): TensorToWrite => {
    const numbers = BigInt64Array.from({ length: 300_000 }, (_, i) => BigInt(start + i));
    return { name: 'positions', dtype: 'I64', shape: [300_000], bytes: new Uint8Array(numbers.buffer) };
  };
  const small = randomTensor('norm.weight', [10], 4, 1);
  let merged: Merged;
  beforeAll(async () => {
    writeModel(join(work, 'base'), [base, positions(0), small], { shards: 2 });
    writeModel(join(work, 'a'), [randomTensor('layers.0.weight', shape, 2, 1e-3, base), positions(7), small]);
    const recipe =
      'merge_method: ties\nbase_model: base\nmodels: [{model: a, parameters: {weight: 1, density: 0.5}}]\n';
    merged = await mergeFolder(work, recipe, { tileElements: 4096 });
  });

  it('identifies the inputs by the sizes and header hashes of their files', () => {
    const inputs = ['base', 'a'].map((reference) => ({
      reference,
      role: reference === 'base' ? 'base' : 'model',
      files: readdirSync(join(work, reference))
        .filter((name) => name.endsWith('.safetensors'))
        .map((name) => {
          const bytes = readFileSync(join(work, reference, name));
          const header = bytes.subarray(0, 8 + Number(bytes.readBigUInt64LE(0)));
          return { name, byteLength: bytes.length, headerSha256: createHash('sha256').update(header).digest('hex') };
        }),
    }));
    expect(readJson(merged.output, 'm2merge_manifest.json').inputs).toEqual(inputs);
  });

  it('has the xxHash64 of every block of 2^20 elements, or 2^21 bytes of what was copied', async () => {
    const { h64Raw } = await xxhash();
    const blocks = (bytes: Uint8Array, blockBytes: number): string[] =>
      Array.from({ length: Math.ceil(bytes.length / blockBytes) }, (_, block) =>
        h64Raw(bytes.subarray(block * blockBytes, (block + 1) * blockBytes))
          .toString(16)
          .padStart(16, '0'),
      );
    const { checksum, tensors } = readJson(merged.output, 'm2merge_manifest.json');
    expect(checksum).toEqual({ algorithm: 'xxh64', blockElements: 2 ** 20, copyBlockBytes: 2 ** 21 });
    expect(tensors.map(({ checksums }: { checksums: string[] }) => checksums.length)).toEqual([2, 1, 2]);
    for (const { tensor, checksums } of tensors) {
      const { bytes } = merged.model.tensors.get(tensor)!;
      expect(checksums).toEqual(blocks(bytes, tensor === 'positions' ? 2 ** 21 : 2 * 2 ** 20));
    }
  });

  it('says what was decided', () => {
    const manifest = readJson(merged.output, 'm2merge_manifest.json');
    expect(manifest).toMatchObject({ method: 'ties', preset: 'mergekit', seed: 0, rounding: 'nearest' });
    expect(manifest.recipe).toBe(readText(merged.output, 'recipe.yaml'));
    const [layer, , copiedTensor] = manifest.tensors;
    expect(manifest.settings[layer.operands[0].settings]).toEqual({ weight: 1, density: 0.5 });
    expect(layer).toMatchObject({ tensor: 'layers.0.weight', dtype: 'BF16', shape, file: 'model.safetensors' });
    expect(copiedTensor).toMatchObject({ tensor: 'positions', dtype: 'I64', copiedFrom: 0 });
  });
});
