/** NaN and infinite values of a checkpoint: no number of a report may hide them, and a finding names the model. */
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { library } from '../run/library.js';
import { writeModel } from '../support/safetensors.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const TENSORS = ['model.layers.0.mlp.up_proj.weight', 'model.layers.1.mlp.up_proj.weight'];

/** Two layers whose values grow by `step`; the first element of the second layer is `special` where given. */
function write(folder: string, name: string, dtype: string, step: number, special?: number): void {
  const tensors = TENSORS.map((tensor, layer) => {
    const values = Array.from({ length: 32 }, (_, i) => 0.5 + i / 64 + (i % 3 === 0 ? step : 0));
    if (layer === 1 && special !== undefined) values[0] = special;
    return { name: tensor, dtype, shape: [4, 8], values };
  });
  writeModel(join(folder, name), tensors, { config: {} });
}

function measure(folder: string) {
  const models = ['a', 'b'].map((model) => ({ model, parameters: { weight: 1 } }));
  const text = JSON.stringify({ merge_method: 'task_arithmetic', base_model: 'base', models });
  return library.geometry(library.parseRecipe(text, { file: 'group', folder }));
}

it.each(['BF16', 'F32'])('an infinite value that the base (%s) shares with its experts', async (dtype) => {
  const folder = temporaryFolder();
  for (const [i, name] of ['base', 'a', 'b'].entries()) write(folder, name, dtype, i / 8, Infinity);
  const { global, layers, findings } = await measure(folder);
  expect(global.experts.a!.relative_norm).toBeNull();
  expect(layers[0]!.experts.a!.relative_norm).toBeGreaterThan(0);
  // A merge leaves it as it is, so it is no problem.
  expect(findings.map(({ code }) => code)).not.toContain('non-finite-input');
  const found = findings.find(({ code }) => code === 'shared-infinities')!;
  expect(found).toMatchObject({ level: 'note', title: 'base has infinite values that no expert changed' });
  expect(found.evidence).toBe(`in ${TENSORS[1]}`);
});

it.each(['BF16', 'F32'])('an infinite value of one expert (%s)', async (dtype) => {
  const folder = temporaryFolder();
  write(folder, 'base', dtype, 0);
  write(folder, 'a', dtype, 1 / 8);
  write(folder, 'b', dtype, 1 / 4, Infinity);
  const { global, findings } = await measure(folder);
  expect(global.pairs['a|b']).toMatchObject({ dot: NaN, cosine: null, sign_flip_z: null, norm_ratio: null });
  expect(findings.filter(({ code }) => code === 'non-finite-input').map(({ title }) => title)).toEqual([
    'b has NaN or infinite values',
  ]);
});

it.each(['BF16', 'F32'])('a NaN of one expert, where the other changed nothing (%s)', async (dtype) => {
  const folder = temporaryFolder();
  write(folder, 'base', dtype, 0);
  write(folder, 'a', dtype, 1 / 8);
  write(folder, 'b', dtype, 0, NaN);
  const { global } = await measure(folder);
  expect(global.experts.b).toMatchObject({ norm: NaN, max_abs: NaN });
  expect(global.experts.a!.max_abs).toBe(1 / 8);
  expect(global.pairs['a|b']).toMatchObject({ dot: NaN, cosine: null, sign_flip_z: null });
});

it('an infinite value of the base that an expert changed', async () => {
  const folder = temporaryFolder();
  write(folder, 'base', 'BF16', 0, Infinity);
  write(folder, 'a', 'BF16', 1 / 8, Infinity);
  write(folder, 'b', 'BF16', 1 / 4, 1);
  const { findings } = await measure(folder);
  expect(findings[0]).toMatchObject({ code: 'non-finite-input', title: 'base has NaN or infinite values' });
});

it.each([2, 3, 5])('infinities of both signs do not cancel: %i experts', async (experts) => {
  const folder = temporaryFolder();
  const write2x2 = (name: string, values: readonly number[]) =>
    writeModel(join(folder, name), [{ name: TENSORS[0]!, dtype: 'F32', shape: [2, 2], values }], { config: {} });
  write2x2('base', [1, 1, 1, 1]);
  const names = Array.from({ length: experts }, (_, i) => `e${i}`);
  // The first element goes to both infinities, the second one up and down by the same, the third up twice.
  for (const [i, name] of names.entries()) {
    write2x2(name, i === 0 ? [Infinity, 2, 2, 1] : i === 1 ? [-Infinity, 0, 2, 1] : [1, 1, 1, 1]);
  }
  const models = names.map((model) => ({ model, parameters: { weight: 1 } }));
  const text = JSON.stringify({ merge_method: 'task_arithmetic', base_model: 'base', models });
  const { global } = await library.geometry(library.parseRecipe(text, { file: 'group', folder }));
  expect(global.exact_cancellation_on_overlap).toBe(1 / 3);
});
