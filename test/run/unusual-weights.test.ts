/** Weights and shapes at the border of what methods refuse: these they do not. */
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { writeModel } from '../support/safetensors.js';
import { temporaryFolder } from '../support/temporary-folder.js';
import { mergeFolder, valuesOf } from './merge-folder.js';

it('a linear merge takes the difference of two models where it does not divide by the weights', async () => {
  const folder = temporaryFolder();
  for (const [name, values] of [
    ['a', [5, 7, -1]],
    ['b', [2, 9, -4]],
  ] as const) {
    writeModel(join(folder, name), [{ name: 'w', dtype: 'F32', shape: [3], values }]);
  }
  const recipe = (normalize: boolean) =>
    `merge_method: linear\nmodels: [{model: a, parameters: {weight: 1}}, {model: b, parameters: {weight: -1}}]\nparameters: {normalize: ${normalize}}\n`;
  expect([...valuesOf(await mergeFolder(folder, recipe(false)), 'w')]).toEqual([3, -2, 3]);
  await expect(mergeFolder(folder, recipe(true))).rejects.toThrow('the weights add up to 0');
});

it('nuslerp takes rows of any length, and refuses so many columns only where it goes by columns', async () => {
  const folder = temporaryFolder();
  const columns = 524_289;
  for (const [name, value] of [
    ['a', 1],
    ['b', 3],
  ] as const) {
    const bytes = new Uint8Array(new Float32Array(columns).fill(value).buffer);
    writeModel(join(folder, name), [{ name: 'w', dtype: 'F32', shape: [1, columns], bytes }]);
  }
  const merge = (parameters: string) =>
    mergeFolder(
      folder,
      `merge_method: nuslerp\nmodels: [{model: a}, {model: b}]\nparameters: {weight: 1, ${parameters}}\n`,
    );
  for (const parameters of ['nuslerp_flatten: true', 'nuslerp_flatten: false']) {
    // Parallel vectors are interpolated on the line.
    expect(valuesOf(await merge(parameters), 'w').every((value) => Math.abs(value - 2) < 1e-6)).toBe(true);
  }
  await expect(merge('nuslerp_flatten: false, nuslerp_row_wise: true')).rejects.toThrow(
    'nuslerp_row_wise takes at most 524288 vectors',
  );
});
