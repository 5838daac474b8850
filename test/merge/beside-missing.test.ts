/** What a merged model lacks beside its weights since its base does, or since it is code, is told. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { mergeFolder } from '../run/merge-folder.js';
import { writeLayered } from '../support/layered-models.js';
import { readModel, writeModel } from '../support/safetensors.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const RECIPE = 'merge_method: linear\nmodels: [{model: a}, {model: b}]\nparameters: {weight: 1}\n';

function folderOf(configOfA?: Record<string, unknown>): string {
  const folder = temporaryFolder();
  for (const [name, offset] of [['a', 100] as const, ['b', 200] as const]) {
    writeLayered(folder, name, { offset, layers: 1, ...(name === 'a' && configOfA ? { config: configOfA } : {}) });
  }
  return folder;
}

const besideOf = async (folder: string) =>
  (await mergeFolder(folder, RECIPE)).warnings.filter(
    ({ kind }) => kind === 'beside-missing' || kind === 'code-left-out',
  );

it('nothing where models have the same files', async () => {
  const folder = folderOf();
  expect(await besideOf(folder)).toEqual([]);
  for (const name of ['a', 'b']) writeFileSync(join(folder, name, 'tokenizer.json'), '{}');
  expect(await besideOf(folder)).toEqual([]);
});

it('a config and a tokenizer that only another model has', async () => {
  const folder = folderOf();
  const { tensors } = readModel(join(folder, 'a'));
  const bare = [...tensors].map(([name, { dtype, shape, values }]) => ({ name, dtype, shape, values }));
  writeModel(join(folder, 'c'), bare);
  writeFileSync(join(folder, 'b', 'tokenizer.json'), '{}');
  const merged = await mergeFolder(folder, RECIPE.replace('model: a', 'model: c'));
  expect(merged.warnings).toEqual([
    { kind: 'beside-missing', facts: { what: 'config.json', model: 'c', other: 'b' } },
    { kind: 'beside-missing', facts: { what: 'tokenizer', model: 'c', other: 'b' } },
  ]);
});

it('code that a config names', async () => {
  const folder = folderOf({ auto_map: { AutoModelForCausalLM: 'modeling_x.X' } });
  expect(await besideOf(folder)).toEqual([{ kind: 'code-left-out', facts: { model: 'a' } }]);
});
