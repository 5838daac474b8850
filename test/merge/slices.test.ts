/** Slices through whole merges: which tensor comes from where, t of gradients, names of filters, and the config. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { isM2MergeError } from '../../src/errors.js';
import { describeWarning } from '../../src/warnings.js';
import { type Merged, mergeFolder, valuesOf } from '../run/merge-folder.js';
import { EMBED, HEAD, layerTensor, NORM, PLACES, writeLayered } from '../support/layered-models.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const A = 1000;
const B = 2000;
const BASE = 0;

/** base, a and b: three layers each, heads tied. */
function models(): string {
  const folder = temporaryFolder();
  writeLayered(folder, 'base', { offset: BASE, layers: 3 });
  writeLayered(folder, 'a', { offset: A, layers: 3 });
  writeLayered(folder, 'b', { offset: B, layers: 3 });
  return folder;
}

const first = (merged: Merged, tensor: string): number => valuesOf(merged, tensor)[0]!;

/** The value of the merged layers, in order. */
function layersOf(merged: Merged, kind?: string): number[] {
  const count = [...merged.model.tensors.keys()].filter((name) => name.endsWith('.mlp.up_proj.weight')).length;
  return Array.from({ length: count }, (_, index) => first(merged, layerTensor(index, kind)));
}

const slices = (...lines: string[]): string => `slices:\n${lines.map((line) => `  - ${line}\n`).join('')}`;
const source = (model: string, range: string, parameters?: string): string =>
  `{model: ${model}, layer_range: ${range}${parameters === undefined ? '' : `, parameters: ${parameters}`}}`;

describe('stacking', () => {
  it('renumbers layers, takes the embedding of the first slice and the norm of the last', async () => {
    const recipe = `merge_method: passthrough\n${slices(
      `sources: [${source('a', '[0, 2]')}]`,
      `sources: [${source('b', '[1, 3]')}]`,
      `sources: [${source('a', '[1, 2]')}]`,
      `sources: [${source('b', '[1, 1]')}]`,
    )}`;
    const merged = await mergeFolder(models(), recipe);
    expect(layersOf(merged)).toEqual([A + 10, A + 20, B + 20, B + 30, A + 20]);
    expect(first(merged, EMBED)).toBe(A + PLACES.embed);
    // The empty last slice is there to choose the norm.
    expect(first(merged, NORM)).toBe(B + PLACES.norm);
    expect(merged.model.tensors.size).toBe(2 + 2 * 5);
    expect(merged.model.config).toMatchObject({ num_hidden_layers: 5, tie_word_embeddings: true });
    expect(merged.warnings).toEqual([]);
  });

  it('warns of an empty slice between others, which nothing follows', async () => {
    const recipe = `merge_method: passthrough\n${slices(
      `sources: [${source('a', '[0, 1]')}]`,
      `sources: [${source('b', '[0, 0]')}]`,
      `sources: [${source('a', '[1, 2]')}]`,
    )}`;
    const merged = await mergeFolder(models(), recipe);
    expect(layersOf(merged)).toEqual([A + 10, A + 20]);
    expect(merged.warnings).toEqual([
      { kind: 'empty-slice', facts: { place: expect.stringMatching(/\.yaml:4:14$/), begin: 0 } },
    ]);
  });

  it('may repeat a layer of one model', async () => {
    const recipe = `merge_method: passthrough\n${slices(
      `sources: [${source('a', '[0, 1]')}]`,
      `sources: [${source('a', '[0, 1]', '{scale: 0.5}')}]`,
      `sources: [${source('a', '[0, 1]', '{scale: [{filter: q_proj, value: 0}, {value: 1}]}')}]`,
    )}`;
    const merged = await mergeFolder(models(), recipe);
    expect(layersOf(merged)).toEqual([A + 10, (A + 10) / 2, A + 10]);
    expect(layersOf(merged, 'self_attn.q_proj.weight')).toEqual([A + 10, (A + 10) / 2, 0]);
  });

  it('rewrites lists of the config that have one entry for each layer, by the models they come from', async () => {
    const folder = temporaryFolder();
    const config = (types: string[]) => ({
      layer_types: types,
      max_window_layers: 3,
      eos_token_id: [1, 2, 3],
      mlp_only_layers: [1],
      num_query_heads: [4, 6, 8],
      text_config: { num_hidden_layers: 3, layer_types: types },
      vision_config: { num_hidden_layers: 3 },
    });
    writeLayered(folder, 'a', { offset: A, layers: 3, config: config(['full', 'sliding', 'full']) });
    writeLayered(folder, 'b', { offset: B, layers: 3, config: config(['linear', 'sliding', 'last']) });
    const recipe = `merge_method: passthrough\n${slices(`sources: [${source('a', '[0, 3]')}]`, `sources: [${source('b', '[1, 3]')}]`)}`;
    const merged = await mergeFolder(folder, recipe);
    const types = ['full', 'sliding', 'full', 'sliding', 'last'];
    expect(merged.model.config).toEqual({
      num_hidden_layers: 5,
      vocab_size: 4,
      tie_word_embeddings: true,
      layer_types: types,
      max_window_layers: 5,
      eos_token_id: [1, 2, 3],
      mlp_only_layers: [1, 3],
      num_query_heads: [4, 6, 8, 6, 8],
      text_config: { num_hidden_layers: 5, layer_types: types },
      vision_config: { num_hidden_layers: 3 },
      dtype: 'float32',
    });
  });
});

describe('merged slices', () => {
  it('subtract the base of the slice, from its own layers', async () => {
    const recipe = `merge_method: task_arithmetic\nbase_model: base\n${slices(
      `sources: [${source('base', '[0, 1]')}, ${source('a', '[1, 2]', '{weight: 0.5}')}]`,
      `{base_model: b, sources: [${source('b', '[2, 3]')}, ${source('a', '[0, 1]', '{weight: 1}')}, ${source('base', '[0, 1]', '{weight: 1}')}]}`,
    )}`;
    const merged = await mergeFolder(models(), recipe);
    // 10 + (1020 − 10) / 2, then 2030 + (1010 − 2030) + (10 − 2030).
    expect(layersOf(merged)).toEqual([515, 2030 - 1020 - 2020]);
    expect(first(merged, EMBED)).toBe(1 + 0.5 * A);
    // The last slice has three sources, the first two: as in mergekit, the third takes no part after the layers.
    expect(first(merged, NORM)).toBe(B + PLACES.norm + (A - B));
    expect(merged.warnings.map(describeWarning)).toEqual([
      expect.stringMatching(
        /merge-\d+\.yaml:5:30: what comes after the layers \(final norm, head\) is merged from no more sources than the first slice has \(2\); 1 left out$/,
      ),
    ]);
  });

  it('begin gradients anew; a single layer lies at the end, and what is outside of layers at the beginning', async () => {
    const recipe = `merge_method: passthrough\n${slices(
      `sources: [${source('a', '[0, 2]')}]`,
      `sources: [${source('a', '[0, 3]')}]`,
      `sources: [${source('a', '[2, 3]')}]`,
    )}parameters: {scale: [10, 50]}\n`;
    const merged = await mergeFolder(models(), recipe);
    expect(layersOf(merged)).toEqual([
      (A + 10) * 10,
      (A + 20) * 50,
      (A + 10) * 10,
      (A + 20) * 30,
      (A + 30) * 50,
      (A + 30) * 50,
    ]);
    expect(first(merged, EMBED)).toBe((A + 1) * 10);
    expect(first(merged, NORM)).toBe((A + 2) * 10);
  });

  it('match filters of models with the names of the input, those of the merge with the names of the output', async () => {
    const recipe = `merge_method: linear\n${slices(
      `sources: [${source('a', '[0, 1]')}]`,
      `{sources: [${source('a', '[0, 1]')}], parameters: {weight: [{filter: layers.0., value: 2}, {value: 3}]}}`,
    )}parameters:\n  weight: 5\n  normalize: [{filter: layers.1., value: false}, {value: true}]\n`;
    const merged = await mergeFolder(models(), recipe);
    expect(layersOf(merged)).toEqual([A + 10, 2 * (A + 10)]);
  });

  it('ask the source, then the slice, then the recipe', async () => {
    const recipe = `merge_method: task_arithmetic\nbase_model: base\n${slices(
      `{sources: [${source('base', '[0, 3]')}, ${source('a', '[0, 3]', '{weight: [{filter: layers.0, value: 1}]}')}], parameters: {weight: [{filter: "regex:layers\\\\.1\\\\.", value: 2}], lambda: 0.5}}`,
    )}parameters: {weight: 3, lambda: 9}\n`;
    const merged = await mergeFolder(models(), recipe);
    expect(layersOf(merged)).toEqual([10 + 0.5 * A, 20 + A, 30 + 1.5 * A]);
    expect(first(merged, EMBED)).toBe(1 + 1.5 * A);
  });

  it('take the last layers and the first parameters of a model that is listed twice, and say so', async () => {
    const recipe = `merge_method: linear\n${slices(
      `sources: [${source('a', '[0, 1]', '{weight: 1}')}, ${source('b', '[0, 1]', '{weight: 1}')}, ${source('a', '[2, 3]', '{weight: 9}')}]`,
    )}`;
    const merged = await mergeFolder(models(), recipe);
    expect(layersOf(merged)).toEqual([(A + 30 + B + 10) / 2]);
    expect(merged.warnings.map(({ kind }) => kind)).toEqual(['duplicate-model']);
  });
});

describe('a slice of one model in a method between two', () => {
  const pair = (range: string, models: readonly [string, string]): string =>
    `sources: [${models.map((model) => source(model, range)).join(', ')}]`;

  it.each([
    ['slerp', 'parameters: {t: 0.5}\n'],
    ['arcee_fusion', ''],
  ])('%s: is that model, whether it is the base or not', async (method, parameters) => {
    const recipe = `merge_method: ${method}\nbase_model: base\n${slices(
      `sources: [${source('a', '[0, 1]')}]`,
      pair('[1, 2]', ['base', 'a']),
      `sources: [${source('base', '[2, 3]')}]`,
      `sources: [${source('b', '[2, 3]')}]`,
    )}${parameters}`;
    const merged = await mergeFolder(models(), recipe);
    const [first0, , ...others] = layersOf(merged);
    expect([first0, ...others]).toEqual([A + 10, 30, B + 30]);
    expect(first(merged, EMBED)).toBe(A + PLACES.embed);
    expect(first(merged, NORM)).toBe(B + PLACES.norm);
    expect(merged.warnings).toEqual([]);
    expect(merged.plan.inputs.map(({ reference, role }) => [reference, role])).toEqual([
      ['base', 'base'],
      ['a', 'copied'],
      ['b', 'copied'],
      ['a', 'model'],
    ]);
  });

  it('says of slices that are all such what they are', async () => {
    const recipe = `merge_method: slerp\nbase_model: base\n${slices(
      `sources: [${source('a', '[0, 2]')}]`,
      `sources: [${source('b', '[1, 3]')}]`,
    )}parameters: {t: 0.5}\n`;
    const merged = await mergeFolder(models(), recipe);
    expect(layersOf(merged)).toEqual([A + 10, A + 20, B + 20, B + 30]);
    expect(merged.warnings).toEqual([]);
    expect(readFileSync(join(merged.output, 'README.md'), 'utf8')).toContain('A merge of 2 models with **Spherical');
  });

  it('leaves a report to the others', async () => {
    const recipe = `merge_method: slerp\nbase_model: base\n${slices(
      pair('[0, 2]', ['base', 'a']),
      `sources: [${source('b', '[2, 3]')}]`,
    )}parameters: {t: 0.5}\nreport: true\n`;
    const merged = await mergeFolder(models(), recipe);
    expect(merged.warnings.map(({ kind }) => kind)).toEqual(['report-partial']);
    const geometry = JSON.parse(readFileSync(join(merged.output, 'geometry.json'), 'utf8'));
    expect(Object.keys(geometry.layers)).toEqual(['0', '1']);
    expect(geometry.base).toBe('base');
  });

  it('first: then what comes after the layers is the model that the last slice lists first', async () => {
    const norm = async (order: readonly [string, string]): Promise<number> => {
      const recipe = `merge_method: slerp\nbase_model: base\n${slices(
        `sources: [${source('base', '[0, 1]')}]`,
        pair('[1, 2]', order),
      )}parameters: {t: 0.5}\n`;
      const merged = await mergeFolder(models(), recipe);
      expect(merged.warnings.map(({ kind }) => kind)).toEqual(['sources-left-out']);
      return first(merged, NORM);
    };
    expect(await norm(['base', 'a'])).toBe(PLACES.norm);
    expect(await norm(['a', 'base'])).toBe(A + PLACES.norm);
  });
});

describe('refused before a weight is read', () => {
  const refusal = async (folder: string, recipe: string) => {
    const error = await mergeFolder(folder, recipe).catch((thrown: unknown) => thrown);
    if (!isM2MergeError(error)) throw new Error('expected a refusal');
    return error;
  };

  it('layers that a model does not have', async () => {
    const recipe = `merge_method: passthrough\n${slices(`sources: [${source('a', '[1, 9]')}]`)}`;
    const { message } = await refusal(models(), recipe);
    expect(message).toMatch(
      /\.yaml:3:39: slices\[0\]\.sources\[0\]\.layer_range: ends after layer 8, but "a" has 3 layers \(at most \[0, 3\]\)$/,
    );
  });

  it('whole models of different depth', async () => {
    const folder = models();
    writeLayered(folder, 'deep', { offset: 0, layers: 4 });
    const recipe = 'merge_method: linear\nmodels: [{model: a}, {model: deep}]\nparameters: {weight: 1}\n';
    const { kind, message } = await refusal(folder, recipe);
    expect(kind).toBe('layer-count-mismatch');
    expect(message).toBe('deep has 4 layers in model.layers, but a has 3');
  });

  it('slices of a model that has none, or several stacks', async () => {
    const folder = models();
    const vision = [0, 1].map((index) => ({
      name: `model.visual.blocks.${index}.attn.weight`,
      dtype: 'F32',
      shape: [1],
      values: [index],
    }));
    writeLayered(folder, 'multimodal', { offset: 0, layers: 2, extra: vision });
    writeLayered(folder, 'flat', { offset: 0, layers: 0 });
    const of = (model: string) => `merge_method: passthrough\n${slices(`sources: [${source(model, '[0, 1]')}]`)}`;
    expect((await refusal(folder, of('multimodal'))).message).toContain(
      '"multimodal" has several stacks of layers: model.layers, model.visual.blocks (say which is meant with "modules")',
    );
    expect((await refusal(folder, of('flat'))).message).toContain('"flat" has no layers to cut slices from');
  });
});

it('a head of its own anywhere unties the merged model', async () => {
  const folder = models();
  writeLayered(folder, 'untied', { offset: 3000, layers: 3, head: true });
  const stack = (one: string, other: string) =>
    `merge_method: passthrough\n${slices(`sources: [${source(one, '[0, 1]')}]`, `sources: [${source(other, '[0, 1]')}]`)}`;
  const tied = await mergeFolder(folder, stack('untied', 'a'));
  expect(first(tied, HEAD)).toBe(A + PLACES.embed);
  expect(tied.model.config).toMatchObject({ tie_word_embeddings: false });
  const untied = await mergeFolder(folder, stack('a', 'untied'));
  expect(first(untied, HEAD)).toBe(3000 + PLACES.head);
  expect(untied.model.config).toMatchObject({ tie_word_embeddings: false });
});
