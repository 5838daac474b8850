/** What decides how the whole merge is measured cannot be different for a part of it. */
import { expect, it } from 'vitest';
import { mergeFolder } from '../run/merge-folder.js';
import { writeLayered } from '../support/layered-models.js';
import { temporaryFolder } from '../support/temporary-folder.js';

async function merge(parameters: string) {
  const folder = temporaryFolder();
  writeLayered(folder, 'base', { offset: 0, layers: 2 });
  writeLayered(folder, 'a', { offset: 1000, layers: 2 });
  const models = 'base_model: base\nmodels: [{model: a, parameters: {weight: 1}}]';
  return mergeFolder(folder, `merge_method: task_arithmetic\n${models}\nparameters: ${parameters}\n`);
}

it.each([
  '{lambda: [{filter: mlp, value: norm_preserving}, {value: 0.5}]}',
  '{lambda: [{filter: mlp, value: 0.5}, {value: norm_preserving}]}',
])('a word for some tensors and a number for others is refused: %s', async (parameters) => {
  const error = await merge(parameters).catch((reason) => reason);
  expect(error).toMatchObject({ kind: 'recipe-invalid' });
  expect(error.facts.problems).toMatchObject([{ line: 4, path: 'parameters.lambda' }]);
  expect(error.message).toContain('varies by tensor, but the whole merge takes one value of it');
});

it('a number may be another for some tensors, and the word is one for all', async () => {
  const numbers = merge('{lambda: [{filter: mlp, value: 0.25}, {value: 0.5}]}');
  await expect(numbers).resolves.toMatchObject({ warnings: [] });
  await expect(merge('{lambda: norm_preserving}')).resolves.toMatchObject({ warnings: [] });
});
