/** Stacks of models that differ in depth or head, and what their configs then say of the layers. */
import { describe, expect, it } from 'vitest';
import { type Merged, mergeFolder, valuesOf } from '../run/merge-folder.js';
import { EMBED, HEAD, type LayeredModel, layerTensor, NORM, PLACES, writeLayered } from '../support/layered-models.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const A = 1000;
const B = 2000;
const LAYERS = 4;

function folderOf(models: Readonly<Record<string, Partial<LayeredModel>>>): string {
  const folder = temporaryFolder();
  const offsets: Readonly<Record<string, number>> = { a: A, b: B };
  for (const [name, model] of Object.entries(models)) {
    writeLayered(folder, name, { offset: offsets[name]!, layers: LAYERS, ...model });
  }
  return folder;
}

const first = (merged: Merged, tensor: string): number => valuesOf(merged, tensor)[0]!;

type Part = readonly [model: string, begin: number, end: number];

const slicesOf = (method: string, ...slices: readonly (readonly Part[])[]): string => {
  const lines = slices.map((parts) => {
    const sources = parts.map(([model, begin, end]) => `{model: ${model}, layer_range: [${begin}, ${end}]}`);
    return `  - sources: [${sources.join(', ')}]\n`;
  });
  return `merge_method: ${method}\nparameters: {weight: 1}\nslices:\n${lines.join('')}`;
};

const passthrough = (...parts: readonly Part[]): string =>
  slicesOf('passthrough', ...parts.map((part) => [part])).replace('parameters: {weight: 1}\n', '');

describe('models of different depth', () => {
  it('are stacked one after the other', async () => {
    const folder = folderOf({ a: { layers: 3 }, b: { layers: 5 } });
    const merged = await mergeFolder(folder, passthrough(['a', 0, 3], ['b', 3, 5]));
    const layers = [0, 1, 2, 3, 4].map((index) => first(merged, layerTensor(index)));
    expect(layers).toEqual([A + 10, A + 20, A + 30, B + 40, B + 50]);
    expect(merged.model.config).toMatchObject({ num_hidden_layers: 5 });
  });

  it('are merged in one slice, where it takes equally many layers of both', async () => {
    const folder = folderOf({ a: { layers: 3 }, b: { layers: 5 } });
    const recipe = slicesOf('linear', [
      ['a', 1, 3],
      ['b', 3, 5],
    ]);
    const merged = await mergeFolder(folder, recipe);
    expect([0, 1].map((index) => first(merged, layerTensor(index)))).toEqual([
      (A + 20 + B + 40) / 2,
      (A + 30 + B + 50) / 2,
    ]);
    expect(first(merged, NORM)).toBe((A + B) / 2 + PLACES.norm);
    expect(merged.model.config).toMatchObject({ num_hidden_layers: 2 });
  });
});

describe('a head', () => {
  it('that only the model of a slice between others has unties the merged one as well', async () => {
    const folder = folderOf({ a: {}, b: { head: true } });
    const merged = await mergeFolder(folder, passthrough(['a', 0, 1], ['b', 1, 2], ['a', 2, 3]));
    // That of the last slice, whose model has its embedding in its place.
    expect(first(merged, HEAD)).toBe(A + PLACES.embed);
    expect(first(merged, EMBED)).toBe(A + PLACES.embed);
    expect(merged.model.config).toMatchObject({ tie_word_embeddings: false });
  });

  it('is the embedding where any part of the config says so of the text', async () => {
    const config = { tie_word_embeddings: false, text_config: { tie_word_embeddings: true } };
    const folder = folderOf({ a: { config }, b: { head: true } });
    const recipe = 'merge_method: linear\nmodels: [{model: a}, {model: b}]\nparameters: {weight: 1}\n';
    const merged = await mergeFolder(folder, recipe);
    expect(first(merged, HEAD)).toBe((A + PLACES.embed + B + PLACES.head) / 2);
  });

  it('that the last model lacks, though its config says that it is not tied, is missing', async () => {
    const folder = folderOf({ a: { head: true }, b: { config: { tie_word_embeddings: false } } });
    const missing = { kind: 'tensor-missing', facts: { tensor: HEAD, model: 'b', presentIn: 'a' } };
    const stacks = [passthrough(['a', 0, 2], ['b', 2, 4]), passthrough(['a', 0, 2], ['b', 1, 1])];
    for (const recipe of stacks) await expect(mergeFolder(folder, recipe)).rejects.toMatchObject(missing);
    // Without any head there is nothing to miss.
    const { model } = await mergeFolder(folder, passthrough(['b', 0, 2], ['b', 2, 4]));
    expect(model.tensors.has(HEAD)).toBe(false);
  });

  it('that is merged otherwise than the embedding is not tied to it, whatever the models were', async () => {
    const folder = folderOf({ a: { head: true, config: { tie_word_embeddings: true } }, b: {} });
    const tieOf = async (recipe: string) => (await mergeFolder(folder, recipe)).model.config?.tie_word_embeddings;
    const linear = (weight: string) =>
      `merge_method: linear\nmodels: [{model: a, parameters: {weight: ${weight}}}, {model: b, parameters: {weight: 1}}]\n`;
    const scaled = (scale: string) =>
      `merge_method: passthrough\nmodels: [{model: a, parameters: {scale: ${scale}}}]\n`;
    expect(await tieOf(linear('2'))).toBe(true);
    expect(await tieOf(linear('[{filter: lm_head, value: 2}, {value: 1}]'))).toBe(false);
    expect(await tieOf(scaled('2'))).toBe(true);
    expect(await tieOf(scaled('[{filter: embed, value: 2}, {value: 1}]'))).toBe(false);
  });
});

describe('vocabularies of a stack', () => {
  it.each([
    ['untied', true],
    ['tied', false],
  ])('that differ are refused, also where the first model is %s', async (_, head) => {
    const folder = folderOf({ a: { head }, b: { head: true, vocabulary: 6 } });
    await expect(mergeFolder(folder, passthrough(['a', 0, 2], ['b', 2, 4]))).rejects.toMatchObject({
      kind: 'shape-mismatch',
      facts: { tensor: EMBED, model: 'b', shape: [6, 2], expected: [4, 2], expectedIn: 'a' },
    });
  });

  it('that are cut in the first slice are not those of the last', async () => {
    const folder = folderOf({ a: { head: true }, b: { head: true, vocabulary: 6 } });
    const recipe = slicesOf(
      'linear',
      [
        ['b', 0, 2],
        ['a', 0, 2],
      ],
      [['b', 2, 4]],
    );
    await expect(mergeFolder(folder, recipe)).rejects.toMatchObject({
      kind: 'shape-mismatch',
      facts: { tensor: EMBED, model: 'b', shape: [6, 2], expected: [4, 2], expectedIn: 'a' },
    });
  });

  it('are those of the first where no model has a head', async () => {
    const folder = folderOf({ a: {}, b: { vocabulary: 6 } });
    const { model } = await mergeFolder(folder, passthrough(['a', 0, 2], ['b', 2, 4]));
    expect([model.tensors.get(EMBED)!.shape, model.config]).toMatchObject([[4, 2], { vocab_size: 4 }]);
  });

  it('may differ between embedding and head where they do in each model', async () => {
    const wide = { name: HEAD, dtype: 'F32', shape: [6, 2], values: new Array(12).fill(1) } as const;
    const config = { tie_word_embeddings: false };
    const folder = folderOf({ a: { extra: [wide], config }, b: { extra: [wide], config } });
    const { model } = await mergeFolder(folder, passthrough(['a', 0, 2], ['b', 2, 4]));
    expect([EMBED, HEAD].map((name) => model.tensors.get(name)!.shape)).toEqual([
      [4, 2],
      [6, 2],
    ]);
  });
});

describe('the config of a stack', () => {
  const parts = [
    ['a', 0, 2],
    ['a', 1, 4],
  ] as const;

  it('has the number of the last layer with experts where that was the last layer', async () => {
    const folder = folderOf({ a: { config: { moe_layer_end_index: LAYERS - 1 } } });
    const { model } = await mergeFolder(folder, passthrough(...parts));
    expect(model.config).toMatchObject({ num_hidden_layers: 5, moe_layer_end_index: 4 });
  });

  it.each([LAYERS - 2, LAYERS])('keeps the number of another layer: %d', async (last) => {
    const folder = folderOf({ a: { config: { moe_layer_end_index: last } } });
    const { model } = await mergeFolder(folder, passthrough(...parts));
    expect(model.config).toMatchObject({ moe_layer_end_index: last });
  });

  it.each([
    ['the base has another', { torch_dtype: 'float16' }, 'torch_dtype'],
    ['the base states none', {}, 'dtype'],
  ])('says the dtype of weights that are all copied, where %s', async (_, config, key) => {
    const folder = folderOf({ a: { config }, b: {} });
    const slice = '{sources: [{model: b, layer_range: [0, 4]}]}';
    const { model } = await mergeFolder(
      folder,
      `merge_method: slerp\nbase_model: a\nslices: [${slice}]\nparameters: {t: 0.5}\n`,
    );
    expect(model.config).toMatchObject({ [key]: 'float32' });
  });

  it('that says the new depth already is right, and nothing is warned of', async () => {
    const folder = folderOf({ a: { config: { num_hidden_layers: 5 } } });
    const merged = await mergeFolder(folder, passthrough(...parts));
    expect(merged.model.config).toMatchObject({ num_hidden_layers: 5 });
    expect(merged.warnings).toEqual([]);
  });

  it('that says some other depth stays, which is told', async () => {
    const folder = folderOf({ a: { config: { num_hidden_layers: 7 } } });
    const merged = await mergeFolder(folder, passthrough(...parts));
    expect(merged.warnings.map(({ kind }) => kind)).toEqual(['depth-unwritten']);
  });
});
