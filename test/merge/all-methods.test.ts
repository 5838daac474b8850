/** Every method through the engine: the same bytes whatever the kernels, the threads and the tiles. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Method } from '../../kernels/method.js';
import { METHODS } from '../../kernels/methods/registry.js';
import type { MergeOptions } from '../../src/index.js';
import { library } from '../run/library.js';
import { temporaryFolder } from '../support/cli.js';
import { randomTensor } from '../support/random-models.js';
import { writeModel } from '../support/safetensors.js';

/** Odd shapes of less than a tile, and for those that take parts of tensors one of two units. */
const SMALL: readonly (readonly [string, readonly number[]])[] = [
  ['model.layers.0.mlp.up_proj.weight', [37, 41]],
  ['model.layers.0.self_attn.q_proj.weight', [64, 48]],
  ['model.layers.1.mlp.up_proj.weight', [5, 130]],
  ['model.norm.weight', [7]],
  ['model.scale', [1]],
];
const LARGE = [...SMALL, ['model.embed_tokens.weight', [1_100, 1_000]]] as const;

const MERGE: Readonly<Record<string, string>> = { slerp: 't: 0.3', nearswap: 't: 0.0001', sce: 'select_topk: 0.5' };
const EXPERTS = ['a', 'b', 'c'];

describe('every method', () => {
  const work = temporaryFolder();
  for (const [size, shapes] of Object.entries({ small: SMALL, large: LARGE })) {
    const base = shapes.map(([name, shape], i) => randomTensor(name, shape, 10 + i, 0.02));
    writeModel(join(work, size, 'base'), base);
    EXPERTS.forEach((expert, e) => {
      const updated = shapes.map(([name, shape], i) => randomTensor(name, shape, 100 * e + i, 3e-5, base[i]));
      writeModel(join(work, size, expert), updated, { shards: e + 1 });
    });
  }

  const recipeText = ({ name, space, operandCount }: Method, size: string, dtype: string): string => {
    const models = EXPERTS.slice(0, operandCount?.maximum ?? 3).map(
      (model, k) => `  - {model: ${join(work, size, model)}, parameters: {weight: ${0.3 + k / 4}, density: 0.4}}`,
    );
    return [
      `merge_method: ${name}`,
      ...(space === 'taskVectors' ? [`base_model: ${join(work, size, 'base')}`] : []),
      'models:',
      ...models,
      `parameters: {${MERGE[name] ?? ''}}`,
      `dtype: ${dtype}`,
      'seed: 3',
    ].join('\n');
  };

  let merges = 0;
  const merged = async (method: Method, size: string, dtype: string, options: MergeOptions): Promise<string> => {
    const recipe = library.parseRecipe(recipeText(method, size, dtype));
    const output = join(work, 'merged', String(++merges));
    await library.merge(recipe, { output, ...options });
    return readFileSync(join(output, 'model.safetensors')).toString('latin1');
  };

  for (const method of METHODS) {
    it(`${method.name}: both kernels, two tiles`, async () => {
      const simd = await merged(method, 'small', 'float16', { tileElements: 1024 });
      const reference = await merged(method, 'small', 'float16', { threads: 1, kernels: 'reference' });
      expect(simd === reference).toBe(true);
    });
    if (method.wholeTensors !== undefined) continue;
    it(`${method.name}: one and three threads over several units`, async () => {
      const alone = await merged(method, 'large', 'bfloat16', { threads: 1, tileElements: 65_536 });
      expect((await merged(method, 'large', 'bfloat16', { threads: 3 })) === alone).toBe(true);
    });
  }
});
