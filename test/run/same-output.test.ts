/** Merges into the same folder at the same time: one of them is there in the end, and the others say so. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { temporaryFolder } from '../support/cli.js';
import { randomTensor } from '../support/random-models.js';
import { readModel, writeModel } from '../support/safetensors.js';
import { library } from './library.js';

const work = temporaryFolder();
const tensor = randomTensor('layers.0.weight', [64, 64], 1, 0.02);
writeModel(join(work, 'a'), [tensor]);
writeModel(join(work, 'b'), [randomTensor('layers.0.weight', [64, 64], 2, 0.02)]);

const recipe = (weight: number) =>
  library.parseRecipe(
    `merge_method: linear\nmodels: [{model: a, parameters: {weight: ${weight}}}, {model: b, parameters: {weight: 1}}]`,
    { folder: work },
  );

it.each([
  [false, ['fulfilled', 'rejected']],
  [true, ['fulfilled', 'fulfilled']],
] as const)('with overwrite %s', async (overwrite, expected) => {
  const output = join(work, `out-${overwrite}`);
  const ends = await Promise.allSettled([1, 3].map((weight) => library.merge(recipe(weight), { output, overwrite })));
  expect(ends.map(({ status }) => status).sort()).toEqual(expected);
  const refused = ends.find((end) => end.status === 'rejected');
  if (refused !== undefined) expect(refused.reason).toMatchObject({ kind: 'output-exists', facts: { path: output } });
  expect([...readModel(output).tensors.keys()]).toEqual(['layers.0.weight']);
  expect(readdirSync(work).filter((name) => name.includes('m2merge-'))).toEqual([]);
});
