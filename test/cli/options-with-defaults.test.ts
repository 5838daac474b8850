/** Options of the command line that stand for a value which is not written, or that have to reach every variant. */
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { m2merge } from '../support/command.js';
import { createWorkplace } from './workplace.js';

it('projects to 256 dimensions when `--projection` does not say how many', async () => {
  const folder = createWorkplace();
  const projectionOf = async (...more: readonly string[]) => {
    const run = await m2merge(['geometry', 'a', 'b', '--base', 'base', '--json', ...more], folder);
    expect(run.status).toBe(0);
    return JSON.parse(run.stdout).projection;
  };
  expect(await projectionOf('--projection')).toMatchObject({ dimensions: 256 });
  expect(await projectionOf('--projection')).toEqual(await projectionOf('--projection', '256'));
  expect(await projectionOf('--projection', '32')).toMatchObject({ dimensions: 32 });
  expect(await projectionOf()).toBeUndefined();
});

it('gives the seed of the command line to each variant of a sweep', async () => {
  const folder = createWorkplace();
  const variantsOf = async (...more: readonly string[]) => {
    const args = ['sweep', 'recipe.yaml', join(folder, 'out'), '--set', 'lambda=0.5,1', '--plan', '--json', ...more];
    const run = await m2merge(args, folder);
    expect(run.status).toBe(0);
    return JSON.parse(run.stdout).variants.map(({ settings }: { settings: object }) => settings);
  };
  expect(await variantsOf('--seed', '7')).toEqual([
    { lambda: '0.5', seed: '7' },
    { lambda: '1', seed: '7' },
  ]);
  expect(await variantsOf()).toEqual([{ lambda: '0.5' }, { lambda: '1' }]);
});
