/** Small runs of one process take the kernels that the last one left: nothing of it may show, and none has them twice. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { giveBackSimdKernels, takeSimdKernels } from '../../src/run/idle-kernels.js';
import { createSimdKernels, simdModule } from '../kernels/simd-kernels.js';
import { temporaryFolder } from '../support/cli.js';
import { randomTensor } from '../support/random-models.js';
import { writeModel } from '../support/safetensors.js';
import { library } from './library.js';

describe('kernels of the calling thread', () => {
  it('belong to one run at a time, and the next has those of the last', () => {
    const [first, second] = [takeSimdKernels(simdModule), takeSimdKernels(simdModule)];
    expect(first.memory).not.toBe(second.memory);
    giveBackSimdKernels(first);
    expect(takeSimdKernels(simdModule)).toBe(first);
    expect(takeSimdKernels(simdModule)).not.toBe(first);
  });

  it('are not kept with a memory that a large run needed', () => {
    const large = createSimdKernels();
    large.grow(100_000_000);
    giveBackSimdKernels(large);
    expect(takeSimdKernels(simdModule)).not.toBe(large);
  });
});

describe('small merges of one process', () => {
  const work = temporaryFolder();
  const SHAPES = [
    ['model.layers.0.mlp.up_proj.weight', [61, 67]],
    ['model.norm.weight', [7]],
  ] as const;
  for (const [m, model] of ['base', 'math', 'code'].entries()) {
    writeModel(
      join(work, model),
      SHAPES.map(([name, shape], i) => randomTensor(name, shape, 100 * m + i, 0.02)),
    );
  }
  const METHODS = ['ties', 'dare_ties', 'sce', 'della', 'model_stock', 'karcher', 'breadcrumbs', 'task_arithmetic'];
  let merges = 0;
  /** The weights, by a thread of its own where one is asked for. */
  const weightsOf = async (method: string, threads?: number): Promise<Buffer> => {
    const models = ['math', 'code'].map((name) => `{model: ${join(work, name)}}`).join(', ');
    const recipe = library.parseRecipe(
      `merge_method: ${method}\nbase_model: ${join(work, 'base')}\nmodels: [${models}]\nparameters: {weight: 1, density: 0.5}\n`,
    );
    const { output } = await library.merge(recipe, { output: join(work, `out-${++merges}`), threads });
    return readFileSync(join(output, 'model.safetensors'));
  };

  it('write one after the other, and side by side, what each alone writes', async () => {
    const alone = await Promise.all(METHODS.map((method) => weightsOf(method, 1)));
    for (const [i, method] of METHODS.entries()) expect((await weightsOf(method)).equals(alone[i]!)).toBe(true);
    const together = await Promise.all([...METHODS, ...METHODS].map((method) => weightsOf(method)));
    for (const [i, weights] of together.entries()) expect(weights.equals(alone[i % METHODS.length]!)).toBe(true);
  });
});
