/** LiNeS: λ keeps the length of the experts outside the layers and in the first, and grows from there to the last. */
import { expect, it } from 'vitest';
import { mergeFolder, valuesOf } from '../run/merge-folder.js';
import { writeModel } from '../support/safetensors.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const TENSORS = ['model.embed_tokens.weight', ...[0, 1, 2].map((i) => `model.layers.${i}.w`), 'model.norm.weight'];

it('adds the increase of its layer to the norm-preserving λ', async () => {
  const folder = temporaryFolder();
  // Two experts that do the same: their sum is twice as long as each, so that λ is 1/2 and λ·Σ is 1.
  for (const [name, value] of [
    ['base', 5],
    ['a', 6],
    ['b', 6],
  ] as const) {
    const tensors = TENSORS.map(
      (tensor) => ({ name: tensor, dtype: 'F32', shape: [2], values: [value, value] }) as const,
    );
    writeModel(`${folder}/${name}`, tensors, { config: { num_hidden_layers: 3 } });
  }
  const recipe = `
merge_method: task_arithmetic
base_model: base
models: [{model: a, parameters: {weight: 1}}, {model: b, parameters: {weight: 1}}]
parameters: {lambda: norm_preserving, lambda_increase: [0, 0.5]}
`;
  const merged = await mergeFolder(folder, recipe);
  expect(TENSORS.map((tensor) => valuesOf(merged, tensor)[0])).toEqual([6, 6, 6.5, 7, 6]);
});
