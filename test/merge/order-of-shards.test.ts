/** Which file of several a tensor is in: they are filled in the order of names. */
import { expect, it } from 'vitest';
import { mergeFolder } from '../run/merge-folder.js';
import { EMBED, HEAD, layerTensor, NORM, writeLayered } from '../support/layered-models.js';
import { temporaryFolder } from '../support/temporary-folder.js';

it('the first file has the first names, and the last file the last', async () => {
  const folder = temporaryFolder();
  for (const name of ['a', 'b']) writeLayered(folder, name, { offset: 0, layers: 1, head: true });
  const recipe = 'merge_method: linear\nmodels: [{model: a}, {model: b}]\nparameters: {weight: 1}\n';
  // Head and embedding have 32 bytes, each matrix 16, the norm 8.
  const { model } = await mergeFolder(folder, recipe, { shardBytes: 48 });
  expect([...model.files]).toEqual([
    [HEAD, 'model-00001-of-00003.safetensors'],
    [EMBED, 'model-00002-of-00003.safetensors'],
    [layerTensor(0, 'mlp.up_proj.weight'), 'model-00002-of-00003.safetensors'],
    [layerTensor(0, 'self_attn.q_proj.weight'), 'model-00003-of-00003.safetensors'],
    [NORM, 'model-00003-of-00003.safetensors'],
  ]);
});
