/** Layers numbered beyond a model's depth, which predict further tokens (DeepSeek-V3, GLM-4.5), through whole merges. */
import { expect, it } from 'vitest';
import { type Merged, mergeFolder, valuesOf } from '../run/merge-folder.js';
import { layerTensor, writeLayered } from '../support/layered-models.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const DEPTH = 3;
const A = 1000;
/** Tensors that only a further layer has beside those of every layer. */
const EMBED_BEYOND = `model.layers.${DEPTH}.embed_tokens.weight`;

const config = { num_hidden_layers: DEPTH, num_nextn_predict_layers: 1, layer_types: ['a', 'b', 'c'] };

/** base and b with the further layer, a without it, as tools write it that do not load it. */
function models(): string {
  const folder = temporaryFolder();
  const withFurther = (name: string, offset: number) =>
    writeLayered(folder, name, {
      offset,
      layers: DEPTH + 1,
      config,
      extra: [{ name: EMBED_BEYOND, dtype: 'F32', shape: [4, 2], values: new Array(8).fill(offset + 5) }],
    });
  withFurther('base', 0);
  withFurther('b', 2 * A);
  writeLayered(folder, 'a', { offset: A, layers: DEPTH, config });
  return folder;
}

const first = (merged: Merged, tensor: string): number => valuesOf(merged, tensor)[0]!;

it('are no part of the depth that gradients go over', async () => {
  const recipe =
    'merge_method: task_arithmetic\nbase_model: base\nmodels: [{model: b, parameters: {weight: [0, 1]}}]\n';
  const merged = await mergeFolder(models(), recipe);
  const layers = [0, 1, 2].map((index) => first(merged, layerTensor(index)));
  expect(layers).toEqual([10, 20 + A, 30 + 2 * A]);
  // As all that is outside of the layers, they are merged with the first value.
  expect(first(merged, layerTensor(DEPTH))).toBe(40);
  expect(merged.warnings).toEqual([]);
});

it('stay as the base has them where a model lacks them, which is told', async () => {
  const recipe = 'merge_method: task_arithmetic\nbase_model: base\nmodels: [{model: a, parameters: {weight: 1}}]\n';
  const merged = await mergeFolder(models(), recipe);
  expect(first(merged, layerTensor(2))).toBe(30 + A);
  expect(first(merged, layerTensor(DEPTH))).toBe(40);
  expect(first(merged, EMBED_BEYOND)).toBe(5);
  expect(merged.warnings.map(({ kind }) => kind)).toEqual(['partial-tensor']);
});

it('come after the layers of a stacked model, whose config has its new depth', async () => {
  const slice = (model: string, range: string) => `  - {sources: [{model: ${model}, layer_range: ${range}}]}\n`;
  const recipe = `merge_method: passthrough\nslices:\n${slice('base', '[0, 3]')}${slice('b', '[1, 3]')}`;
  const merged = await mergeFolder(models(), recipe);
  const layers = [0, 1, 2, 3, 4].map((index) => first(merged, layerTensor(index)));
  expect(layers).toEqual([10, 20, 30, 20 + 2 * A, 30 + 2 * A]);
  expect(first(merged, layerTensor(5))).toBe(40 + 2 * A);
  expect(first(merged, 'model.layers.5.embed_tokens.weight')).toBe(5 + 2 * A);
  expect(merged.model.tensors.size).toBe(2 + 6 * 2 + 1);
  expect(merged.model.config).toMatchObject({
    num_hidden_layers: 5,
    num_nextn_predict_layers: 1,
    layer_types: ['a', 'b', 'c', 'b', 'c'],
  });
});

it('cannot be cut out as a layer', async () => {
  const recipe = 'merge_method: passthrough\nslices: [{sources: [{model: base, layer_range: [3, 4]}]}]\n';
  await expect(mergeFolder(models(), recipe)).rejects.toMatchObject({ kind: 'recipe-invalid' });
});
