/** Two things that drop elements in one merge: one in front of the other, or each in a slice of its own. */
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { createRandom } from '../support/random-models.js';
import { writeModel } from '../support/safetensors.js';
import { temporaryFolder } from '../support/temporary-folder.js';
import { mergeFolder, valuesOf } from './merge-folder.js';

const ELEMENTS = 16_384;
const SHAPE = [128, 128];

const fourSigma = (probability: number): number => 4 * Math.sqrt((probability * (1 - probability)) / ELEMENTS);

/** The merge of an expert that is 1 above a base of zeros, with `front` before the method; DELLA drops without regard to rank. */
async function merged(method: string, front: string, rescale: string): Promise<readonly number[]> {
  const folder = temporaryFolder();
  for (const [name, value] of [['base', 0] as const, ['one', 1] as const]) {
    writeModel(join(folder, name), [{ name: 'w', dtype: 'F32', shape: SHAPE, values: Array(ELEMENTS).fill(value) }]);
  }
  const text = `merge_method: ${method}
base_model: base
models: [{model: one, parameters: {weight: 1, density: 0.5}}]
parameters: {rescale: ${rescale}${method.startsWith('della') ? ', epsilon: 0' : ''}}
sparsify: {method: ${front}, density: 0.5, rescale: ${rescale}}
`;
  return valuesOf(await mergeFolder(folder, text), 'w');
}

it.each([
  ['dare_linear', 'dare'],
  ['della_linear', 'dare'],
  ['dare_linear', 'della'],
  ['dare_ties', 'dare'],
])('%s behind %s drops what it would of all alike, not the same once more', async (method, front) => {
  const kept = await merged(method, front, 'none');
  expect(Math.abs(kept.filter((value) => value !== 0).length / ELEMENTS - 0.25)).toBeLessThan(fourSigma(0.25));
  // What stays is made up for twice, so that the mean is that of the expert: 4 in a quarter of the places.
  const rescaled = await merged(method, front, 'density');
  expect(Math.abs(rescaled.reduce((sum, value) => sum + value, 0) / ELEMENTS - 1)).toBeLessThan(4 * fourSigma(0.25));
});

it('slices with sparsifiers of their own have each its parameters, though the numbers are the same', async () => {
  const folder = temporaryFolder();
  const random = createRandom(3);
  const layers = [0, 1].map((layer) => `model.layers.${layer}.w`);
  const write = (model: string, valueAt: () => number): void => {
    const tensors = layers.map((name) => ({
      name,
      dtype: 'F32',
      shape: [20, 40],
      values: Array.from({ length: 800 }, valueAt),
    }));
    writeModel(join(folder, model), tensors, { config: { num_hidden_layers: 2 } });
  };
  write('base', () => 0);
  write('expert', () => 1 + random());
  const fronts = ['{method: della, density: 0.5, epsilon: 0.1', '{method: breadcrumbs, density: 0.5, gamma: 0.1'];
  const slices = fronts.map((front, layer) => {
    const range = `layer_range: [${layer}, ${layer + 1}]`;
    return `{sources: [{model: base, ${range}}, {model: expert, ${range}}], parameters: {sparsify: ${front}, rescale: none}}}`;
  });
  const text = `merge_method: task_arithmetic\nbase_model: base\nslices: [${slices}]\nparameters: {weight: 1}\n`;
  const result = await mergeFolder(folder, text);
  const kept = layers.map((name) => valuesOf(result, name).filter((value) => value !== 0).length);
  // Breadcrumbs keeps exactly its share.
  expect(kept[1]).toBe(400);
  expect(Math.abs(kept[0]! - 400)).toBeLessThan(80);
});
