/** A trim over the whole task vector, of models whose settings differ between tensors. */
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { writeModel } from '../support/safetensors.js';
import { temporaryFolder } from '../support/temporary-folder.js';
import { mergeFolder, valuesOf } from './merge-folder.js';

/** A base of zeros, and an expert whose changes are larger in `x` than in `y`. */
function folderOfTwo(): string {
  const folder = temporaryFolder();
  const write = (name: string, x: readonly number[], y: readonly number[]): void =>
    writeModel(join(folder, name), [
      { name: 'x', dtype: 'F32', shape: [4], values: x },
      { name: 'y', dtype: 'F32', shape: [4], values: y },
    ]);
  write('base', [0, 0, 0, 0], [0, 0, 0, 0]);
  write('a', [8, 7, 6, 0.5], [1, 2, 3, 4]);
  return folder;
}

const recipe = (settings: string): string =>
  `merge_method: ties\nbase_model: base\nmodels: [{model: a, parameters: {${settings}}}]\nparameters: {trim_scope: model}\n`;

it('counts the changes of a tensor in which the model has no weight', async () => {
  const merged = await mergeFolder(folderOfTwo(), recipe('density: 0.5, weight: [{filter: x, value: 0}, {value: 1}]'));
  expect([...valuesOf(merged, 'x')]).toEqual([0, 0, 0, 0]);
  // Three of the four largest are in x.
  expect([...valuesOf(merged, 'y')]).toEqual([0, 0, 0, 4]);
});

it.each([
  [0.25, 0.75],
  [0.75, 0.25],
])('refuses a density of %d in one tensor and of %d in the next', async (first, second) => {
  const densities = `density: [{filter: x, value: ${first}}, {value: ${second}}]`;
  await expect(mergeFolder(folderOfTwo(), recipe(`${densities}, weight: 1`))).rejects.toThrow(
    'each model has one density',
  );
});
