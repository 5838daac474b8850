/** SCE's selection in the account of a merge: only where the selection is for the merge, something was removed. */
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { library } from '../run/library.js';
import { writeModel } from '../support/safetensors.js';
import { temporaryFolder } from '../support/temporary-folder.js';

it.each([
  // Two of the three elements that vary are selected: the first two, with 32 of 34 and 8 of 9.
  ['merge', 1 / 17, 1 / 9],
  ['weights', 0, 0],
])('selection_for: %s', async (selectionFor, ofA, ofB) => {
  const folder = temporaryFolder();
  const write = (name: string, values: readonly number[]): void =>
    writeModel(join(folder, name), [{ name: 'w', dtype: 'F32', shape: [4], values }], { config: {} });
  write('base', [0, 0, 0, 0]);
  write('a', [4, 4, 1, 1]);
  write('b', [2, 2, 0, 1]);
  const models = [{ model: 'a' }, { model: 'b' }];
  const parameters = { select_topk: 0.67, selection_for: selectionFor };
  const text = JSON.stringify({ merge_method: 'sce', base_model: 'base', models, parameters });
  const recipe = library.parseRecipe(text, { file: 'recipe', folder });
  const { report } = await library.merge(recipe, { output: join(folder, 'merged'), report: true });
  const { removed } = report!.merge_accounting['sce -> F32']!;
  expect(removed.a!.trimmed).toBeCloseTo(ofA, 6);
  expect(removed.b!.trimmed).toBeCloseTo(ofB, 6);
});
