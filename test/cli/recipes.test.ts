/** The recipes that come with the project are valid and can be planned. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { REPOSITORY } from '../support/cli.js';
import { m2merge } from '../support/command.js';

const RECIPES = join(REPOSITORY, 'recipes');

for (const name of readdirSync(RECIPES).filter((file) => file.endsWith('.yaml'))) {
  it(`recipes/${name} can be planned`, async () => {
    const { status, stdout, stderr } = await m2merge(['plan', join(RECIPES, name), '--json'], REPOSITORY);
    expect(stderr).toBe('');
    expect(status).toBe(0);
    const { plan, variants } = JSON.parse(stdout);
    // Eleven tensors in each of four layers (six in the stack), the embedding and the final norm.
    if (name.startsWith('sweep-')) expect(variants.length).toBeGreaterThan(20);
    else expect(plan.jobs).toHaveLength(name === 'stack.yaml' ? 68 : 46);
  });
}
