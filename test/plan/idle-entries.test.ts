/** Entries of parameters that decide nothing are told, with their place; the others are not. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { describeWarning } from '../../src/warnings.js';
import { library } from '../run/library.js';
import { temporaryFolder } from '../support/cli.js';
import { writeLayered } from '../support/layered-models.js';

const folder = temporaryFolder();
for (const [name, offset] of [['a', 100] as const, ['b', 200] as const])
  writeLayered(folder, name, { offset, layers: 2 });

async function warned(t: string, rest = ''): Promise<string[]> {
  const text = `merge_method: slerp\nbase_model: a\nmodels: [{model: b}]\nparameters:\n  t: ${t}\n${rest}`;
  writeFileSync(join(folder, 'recipe.yaml'), text);
  const prepared = await library.plan(await library.loadRecipe(join(folder, 'recipe.yaml')));
  return prepared.warnings.map((entry) => describeWarning(entry).replace(/^.*recipe\.yaml:/, ''));
}

it.each([
  '0.5',
  '[0, 0.5, 1]',
  '[{filter: q_proj, value: 1}, {filter: "regex:up|down", value: 0.2}, {value: 0.5}]',
  '[{filter: norm, value: 1}, {filter: "glob:model.layers.*", value: 0}, {filter: "*", value: 0.5}]',
])('nothing of %s', async (t) => {
  expect(await warned(t)).toEqual([]);
});

it('a filter that matches no tensor, with the pattern that it may have been meant as', async () => {
  expect(await warned('[{filter: "q_proj|up_proj", value: 1}, {filter: qproj, value: 1}, {value: 0.5}]')).toEqual([
    '5:6: filter "q_proj|up_proj" of "t" matches no tensor; as a pattern it is "regex:q_proj|up_proj"',
    '5:6: filter "qproj" of "t" matches no tensor',
  ]);
  // Filters are parts of names, and so are their stars.
  expect(await warned('[{filter: "mlp*", value: 1}, {filter: "layers.*q_proj", value: 1}, {value: 0.5}]')).toEqual([
    '5:6: filter "mlp*" of "t" matches no tensor; as a pattern it is "glob:*mlp*"',
    '5:6: filter "layers.*q_proj" of "t" matches no tensor; as a pattern it is "regex:layers.*q_proj"',
  ]);
});

it('what stands after an entry for all tensors', async () => {
  expect(await warned('[{value: 0.5}, {filter: mlp, value: 1}, {value: 0}]')).toEqual([
    '5:6: "t" never comes to its entry for "mlp", since one before it is for all tensors',
    '5:6: "t" never comes to its entry without a filter, since one before it is for all tensors',
  ]);
});
