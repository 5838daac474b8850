/** From +0 to −0 is a change of bits and of no size: it counts where changes are counted, and adds nothing to sums. */
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { library } from '../run/library.js';
import { writeModel } from '../support/safetensors.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const NAME = 'model.layers.0.mlp.up_proj.weight';

it.each(['BF16', 'F16', 'F32'])('flips of zeros (%s)', async (dtype) => {
  const folder = temporaryFolder();
  const write = (name: string, values: readonly number[]): void =>
    writeModel(join(folder, name), [{ name: NAME, dtype, shape: [values.length], values }], { config: {} });
  // The last element of b and c moves by a step of its size; that of d and a cancels exactly.
  write('base', [0, 0, 0, 0, 1, 1, 1]);
  write('a', [-0, -0, -0, -0, 1, 1.5, 1]);
  write('b', [-0, -0, -0, -0, 1, 0.5, 1.125]);
  write('c', [-0, 0, 0, 0, 1, 1, 1.125]);
  const models = ['a', 'b', 'c'].map((model) => ({ model, parameters: { weight: 1 } }));
  const text = JSON.stringify({ merge_method: 'task_arithmetic', base_model: 'base', models });
  const { global } = await library.geometry(library.parseRecipe(text, { file: 'group', folder }));
  // Changed by two or more: four zeros, the one that cancels, the one that does not.
  expect(global.changed_by_k).toEqual([1, 0, 5, 1]);
  expect(global.exact_cancellation_on_overlap).toBe(5 / 6);
  expect(global.experts.a!.changed_fraction).toBe(5 / 7);
  for (const { ulp_histogram: classes, changed_fraction: changed } of Object.values(global.experts)) {
    expect(classes.reduce((sum, count) => sum + count)).toBe(Math.round(changed * 7));
  }
  expect(global.experts.a!.ulp_histogram[0]).toBe(4);
  expect(global.pairs['a|b']).toMatchObject({ overlap: 5, dot: -0.25, sign_conflict_on_overlap: 1 / 5 });
});
