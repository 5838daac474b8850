/** Random dropping of some models beside others that stay whole, rescaled to the length that they had. */
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { writeModel } from '../support/safetensors.js';
import { temporaryFolder } from '../support/temporary-folder.js';
import { mergeFolder, valuesOf } from './merge-folder.js';

const ELEMENTS = 3000;

/** Changes of a zero base: `a` has the even places, `b` the odd ones, so that a sum tells them apart. */
const CHANGES = {
  base: () => 0,
  a: (i: number) => (i % 2 === 0 ? 1 + (i % 7) / 8 : 0),
  b: (i: number) => (i % 2 === 0 ? 0 : i % 3 === 0 ? -4 : 4),
};

/** DELLA's probabilities go from 0.35 to 0.65 (epsilon 0.15); the mean rank of what is not 0 is three quarters of all. */
const KEPT_BY_DELLA = 0.35 + 0.3 * ((0.75 * ELEMENTS - 0.5) / (ELEMENTS - 1));

it.each([
  ['dare_linear', 'BF16', 0.5],
  ['dare_linear', 'F32', 0.5],
  ['della_linear', 'BF16', KEPT_BY_DELLA],
])('%s of %s models adds a whole one as it is, and the other at its full length', async (method, dtype, share) => {
  const folder = temporaryFolder();
  for (const [name, change] of Object.entries(CHANGES)) {
    const values = Float32Array.from({ length: ELEMENTS }, (_, i) => change(i));
    writeModel(join(folder, name), [{ name: 'w', dtype, shape: [1, ELEMENTS], values }]);
  }
  const models = '{model: a, parameters: {density: 1}}, {model: b, parameters: {density: 0.5}}';
  const recipe = `merge_method: ${method}\nbase_model: base\nmodels: [${models}]\nparameters: {weight: 1, rescale: l1}\n`;
  const values = valuesOf(await mergeFolder(folder, recipe), 'w');
  const [even, odd] = [0, 1].map((place) => values.flatMap((value, i) => (i % 2 === place ? [value] : [])));
  expect(even).toEqual(even!.map((_, i) => CHANGES.a(2 * i)));
  const kept = odd!.filter((value) => value !== 0);
  // Six standard deviations are 0.077.
  expect(Math.abs(kept.length / odd!.length - share)).toBeLessThan(0.08);
  const size = 4 * (odd!.length / kept.length);
  for (const value of kept) expect(Math.abs(Math.abs(value) / size - 1)).toBeLessThan(2 ** -8);
});
