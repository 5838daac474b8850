/** Options of the command line that stand for a value which is not written, or that have to reach every variant. */
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { m2merge } from '../support/cli.js';
import { createWorkplace } from './workplace.js';

it('projects to 256 dimensions when `--projection` does not say how many', () => {
  const folder = createWorkplace();
  const projectionOf = (...more: readonly string[]) => {
    const run = m2merge(['geometry', 'a', 'b', '--base', 'base', '--json', ...more], folder);
    expect(run.status).toBe(0);
    return JSON.parse(run.stdout).projection;
  };
  expect(projectionOf('--projection')).toMatchObject({ dimensions: 256 });
  expect(projectionOf('--projection')).toEqual(projectionOf('--projection', '256'));
  expect(projectionOf('--projection', '32')).toMatchObject({ dimensions: 32 });
  expect(projectionOf()).toBeUndefined();
});

it('gives the seed of the command line to each variant of a sweep', () => {
  const folder = createWorkplace();
  const variantsOf = (...more: readonly string[]) => {
    const args = ['sweep', 'recipe.yaml', join(folder, 'out'), '--set', 'lambda=0.5,1', '--plan', '--json', ...more];
    const run = m2merge(args, folder);
    expect(run.status).toBe(0);
    return JSON.parse(run.stdout).variants.map(({ settings }: { settings: object }) => settings);
  };
  expect(variantsOf('--seed', '7')).toEqual([
    { lambda: '0.5', seed: '7' },
    { lambda: '1', seed: '7' },
  ]);
  expect(variantsOf()).toEqual([{ lambda: '0.5' }, { lambda: '1' }]);
});
