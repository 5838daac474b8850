/** The estimate of memory has room for what some methods hold beside the weights that go through. */
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { estimateMemory } from '../../src/plan/memory.js';
import { library } from '../run/library.js';
import { writeSparseModel } from '../run/sparse-model.js';
import { temporaryFolder } from '../support/temporary-folder.js';

/** Of the only tensor, a square matrix. */
const ELEMENTS = 2 ** 20;
const INPUTS = 3;
/** All of the tensor at once, so that the room for tiles is the same for each method. */
const TILE = ELEMENTS;

const MODELS = INPUTS - 1;

async function planner() {
  const folder = temporaryFolder();
  const models = Array.from({ length: MODELS }, (_, i) => join(folder, `model-${i}`));
  for (const model of [join(folder, 'base'), ...models]) writeSparseModel(model, 1);
  const list = models.map((model) => `{model: ${model}}`).join(', ');
  return async (method: string, parameters: string) => {
    const text = `merge_method: ${method}\nbase_model: ${folder}/base\nmodels: [${list}]\nparameters: ${parameters}\n`;
    const { plan } = await library.plan(library.parseRecipe(text));
    return (threads: number) => estimateMemory(plan, threads, TILE);
  };
}

it('of random masks that are drawn once for two passes: a bit for each element and model, in each worker', async () => {
  const estimate = await planner();
  const plain = await estimate('della_linear', '{weight: 1, density: 0.5, epsilon: 0.1, rescale: none}');
  const kept = await estimate('della_linear', '{weight: 1, density: 0.5, epsilon: 0.1}');
  for (const threads of [1, 4]) {
    expect(kept(threads) - plain(threads)).toBeGreaterThanOrEqual(threads * MODELS * (ELEMENTS / 8));
  }
});

it('of a matrix that is taken apart: itself and the vectors of both sides in f64, in each worker', async () => {
  const estimate = await planner();
  const plain = await estimate('task_arithmetic', '{weight: 1}');
  const spectral = await estimate('tsv', '{weight: 1}');
  // Whole tensors are one step, for which each input has three vectors of f32.
  const step = INPUTS * 3 * 4 * ELEMENTS;
  for (const threads of [1, 4]) {
    expect(spectral(threads) - plain(threads)).toBeGreaterThanOrEqual(threads * (step + 3 * 8 * ELEMENTS));
  }
});
