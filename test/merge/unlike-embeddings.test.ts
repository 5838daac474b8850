/** Embeddings of different height beyond plain ones: with an adapter on them, or read by every layer. */
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { mergeFolder } from '../run/merge-folder.js';
import { writeAdapter } from '../support/adapters.js';
import { EMBED, writeLayered } from '../support/layered-models.js';
import type { TensorToWrite } from '../support/safetensors.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const filled = (name: string, shape: readonly [number, number]): TensorToWrite => ({
  name,
  dtype: 'F32',
  shape,
  values: new Array(shape[0] * shape[1]).fill(1),
});

const PER_LAYER = 'model.embed_tokens_per_layer.weight';

const linear = (...models: readonly string[]): string => {
  const list = models.map((model) => `{model: ${model}}`).join(', ');
  return `merge_method: linear\nmodels: [${list}]\nparameters: {weight: 1}\n`;
};

it('rows are not cut off an embedding that an adapter changes', async () => {
  const folder = temporaryFolder();
  writeLayered(folder, 'tall', { offset: 0, layers: 1, vocabulary: 6 });
  writeLayered(folder, 'short', { offset: 0, layers: 1, vocabulary: 4 });
  const module = 'base_model.model.model.embed_tokens';
  const factors = [filled(`${module}.lora_embedding_A`, [4, 6]), filled(`${module}.lora_embedding_B`, [2, 4])];
  writeAdapter(join(folder, 'lora'), factors, { target_modules: ['embed_tokens'] });
  // Without the adapter they are.
  const merged = await mergeFolder(folder, linear('tall', 'short'));
  expect(merged.model.tensors.get(EMBED)!.shape).toEqual([4, 2]);
  await expect(mergeFolder(folder, linear('tall+lora', 'short'))).rejects.toMatchObject({
    kind: 'shape-mismatch',
    facts: { tensor: EMBED },
  });
});

it('a config that does not state the height of what each layer reads is not made to', async () => {
  const folder = temporaryFolder();
  const config = { model_type: 'gemma3n_text' };
  writeLayered(folder, 'a', { offset: 0, layers: 1, extra: [filled(PER_LAYER, [6, 2])], config });
  writeLayered(folder, 'b', { offset: 0, layers: 1, extra: [filled(PER_LAYER, [5, 2])], config });
  const { model } = await mergeFolder(folder, linear('a', 'b'));
  expect(model.tensors.get(PER_LAYER)!.shape).toEqual([5, 2]);
  expect(model.config).toEqual({
    model_type: 'gemma3n_text',
    num_hidden_layers: 1,
    vocab_size: 4,
    tie_word_embeddings: true,
    dtype: 'float32',
  });
});
