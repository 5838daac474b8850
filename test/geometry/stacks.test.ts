/** A vision language model whose vision tower has more layers than its language model: layers are the latter's. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { library } from '../run/library.js';
import { writeModel } from '../support/safetensors.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const TEXT = [0, 1].map((layer) => `model.layers.${layer}.mlp.up_proj.weight`);
const VISION = [0, 1, 2].map((layer) => `visual.blocks.${layer}.mlp.up_proj.weight`);

function write(folder: string, name: string, step: number): void {
  const tensors = [...TEXT, ...VISION].map((tensor) => {
    const shape = TEXT.includes(tensor) ? [16, 8] : [4, 4];
    const values = Array.from({ length: shape[0]! * shape[1]! }, (_, i) => 1 + (i % 8) / 8 + step);
    return { name: tensor, dtype: 'BF16', shape, values };
  });
  writeModel(join(folder, name), tensors, { config: {} });
}

it('are those of the language model in geometry, reports and the page', async () => {
  const folder = temporaryFolder();
  for (const [i, name] of ['base', 'a', 'b'].entries()) write(folder, name, i / 64);
  const models = ['a', 'b'].map((model) => ({ model, parameters: { weight: 1 } }));
  const text = JSON.stringify({ merge_method: 'task_arithmetic', base_model: 'base', models });
  const recipe = library.parseRecipe(text, { file: 'recipe', folder });
  const geometry = await library.geometry(recipe);
  const output = join(folder, 'out');
  const { report } = await library.merge(recipe, { output, report: true });
  for (const { layers, global } of [geometry, report!]) {
    expect(Object.keys(layers)).toEqual(['0', '1']);
    expect(layers['0']!.parameters).toBe(16 * 8);
    expect(global.parameters).toBe(2 * 16 * 8 + 3 * 4 * 4);
  }
  const page = readFileSync(join(output, 'geometry.html'), 'utf8');
  const map = /"map":{"modules":\["up"\],"layers":(\[[^\]]*\])/.exec(page);
  expect(map?.[1]).toBe('[0,1]');
});
