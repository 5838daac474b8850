/** What a sweep says of the geometry of variants in which a model has no part. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { m2merge } from '../support/command.js';
import { createSweepScene } from '../support/sweep-scene.js';

const { work, sweepRecipe, resultOf } = createSweepScene();

async function sweepOf(sweep: string, folder: string) {
  expect((await m2merge(['sweep', sweepRecipe(sweep), folder, '--keep', 'none', '--quiet'], work)).status).toBe(0);
  const text = readFileSync(join(work, folder, 'sweep.md'), 'utf8');
  return { text, told: resultOf(folder).rows.map(({ geometry, unmeasured }) => [geometry !== null, unmeasured]) };
}

it('it names the models whose weight is 0, and the tensors that this leaves out', async () => {
  const weights = '[0, 1, [{filter: mlp, value: 1}, {value: 0}]]';
  const { text, told } = await sweepOf(`parameters: {models.code.weight: ${weights}}`, 'zero');
  expect(told).toEqual([
    [false, { tensors: 2, models: ['code'] }],
    [true, undefined],
    [true, { tensors: 1, models: ['code'] }],
  ]);
  for (const words of ['not measured', '| all: no code |', '| 1 tensor: no code |']) expect(text).toContain(words);
});

it('it says nothing where all is measured, or a method has no base', async () => {
  const { text, told } = await sweepOf('parameters: {merge_method: [ties, linear]}', 'whole');
  expect(told).toEqual([
    [true, undefined],
    [false, undefined],
  ]);
  expect(text).not.toContain('not measured');
});
