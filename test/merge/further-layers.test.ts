/** Layers numbered beyond a model's depth, which predict further tokens (DeepSeek-V3, GLM-4.5), through whole merges. */
import { expect, it } from 'vitest';
import { type Merged, mergeFolder, valuesOf } from '../run/merge-folder.js';
import { layerTensor, writeLayered } from '../support/layered-models.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const DEPTH = 3;
const A = 1000;
/** Tensors that only a further layer has beside those of every layer, and what is added for each. */
const BEYOND = { 'embed_tokens.weight': 5, 'eh_proj.weight': 6, 'shared_head.head.weight': 7 } as const;
const beyond = (layer: number, kind: keyof typeof BEYOND): string => layerTensor(layer, kind);

const config = {
  num_hidden_layers: DEPTH,
  num_nextn_predict_layers: 1,
  layer_types: ['a', 'b', 'c'],
  mlp_layer_types: ['dense', 'sparse', 'dense', 'further'],
};

/** base and b with the further layer, a without it, as tools write it that do not load it. */
function models(more: Readonly<Record<string, unknown>> = {}): string {
  const folder = temporaryFolder();
  const withFurther = (name: string, offset: number, own: Readonly<Record<string, unknown>>) =>
    writeLayered(folder, name, {
      offset,
      layers: DEPTH + 1,
      head: true,
      config: { ...config, ...own },
      extra: Object.entries(BEYOND).map(([kind, place]) => {
        return {
          name: layerTensor(DEPTH, kind),
          dtype: 'F32',
          shape: [4, 2],
          values: new Array(8).fill(offset + place),
        };
      }),
    });
  withFurther('base', 0, {});
  withFurther('b', 2 * A, more);
  writeLayered(folder, 'a', { offset: A, layers: DEPTH, head: true, config });
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
  expect(first(merged, beyond(DEPTH, 'embed_tokens.weight'))).toBe(5);
  expect(first(merged, beyond(DEPTH, 'shared_head.head.weight'))).toBe(7);
  expect(merged.warnings.map(({ kind }) => kind)).toEqual(['base-kept']);
});

it('come after the layers of a stacked model, whose config has its new depth', async () => {
  const slice = (model: string, range: string) => `  - {sources: [{model: ${model}, layer_range: ${range}}]}\n`;
  const recipe = `merge_method: passthrough\nslices:\n${slice('base', '[0, 3]')}${slice('b', '[1, 3]')}`;
  const merged = await mergeFolder(models(), recipe);
  const layers = [0, 1, 2, 3, 4].map((index) => first(merged, layerTensor(index)));
  expect(layers).toEqual([10, 20, 30, 20 + 2 * A, 30 + 2 * A]);
  expect(first(merged, layerTensor(5))).toBe(40 + 2 * A);
  expect(first(merged, beyond(5, 'embed_tokens.weight'))).toBe(5 + 2 * A);
  expect(merged.model.tensors.size).toBe(3 + 6 * 2 + 3);
  expect(merged.model.config).toMatchObject({
    num_hidden_layers: 5,
    num_nextn_predict_layers: 1,
    layer_types: ['a', 'b', 'c', 'b', 'c'],
    mlp_layer_types: ['dense', 'sparse', 'dense', 'sparse', 'dense', 'further'],
  });
});

it('are told by their tensors, whatever a config says', async () => {
  const folder = models({ num_nextn_predict_layers: undefined, num_hidden_layers: DEPTH + 1 });
  const recipe =
    'merge_method: linear\nmodels: [{model: base, parameters: {weight: 1}}, {model: b, parameters: {weight: 1}}]\n';
  const merged = await mergeFolder(folder, recipe);
  expect(first(merged, layerTensor(DEPTH))).toBe(40 + A);
  expect(merged.warnings).toEqual([]);
});

it('leave no head behind where the last model of a stack has none of them', async () => {
  const slice = (model: string, range: string) => `  - {sources: [{model: ${model}, layer_range: ${range}}]}\n`;
  const recipe = `merge_method: passthrough\nslices:\n${slice('base', '[0, 2]')}${slice('a', '[1, 3]')}`;
  const merged = await mergeFolder(models(), recipe);
  expect([...merged.model.tensors.keys()].filter((name) => /layers\.[4-9]/.test(name))).toEqual([]);
  expect(merged.model.tensors.size).toBe(3 + 4 * 2);
});

it('cannot be cut out as a layer', async () => {
  const recipe = 'merge_method: passthrough\nslices: [{sources: [{model: base, layer_range: [3, 4]}]}]\n';
  await expect(mergeFolder(models(), recipe)).rejects.toMatchObject({ kind: 'recipe-invalid' });
});
