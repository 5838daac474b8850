/** Variables that make no sense: one message and exit code 2, whatever asks the Hub first. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { m2merge } from '../support/command.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const RECIPE = 'merge_method: linear\nmodels: [{model: org/a}, {model: org/b}]\nparameters: {weight: 1}\n';

describe.each([
  ['HF_ENDPOINT', 'nowhere', 'HF_ENDPOINT is not the address of a Hub'],
  ['HF_TOKEN', 'hf_ü', 'the token of the Hub holds characters that no token has'],
])('%s', (name, value, message) => {
  it.each([
    ['pull', 'org/a'],
    ['plan', 'recipe.yaml'],
    ['diff', 'org/a', 'org/b'],
    ['recipe.yaml', 'out'],
  ])('%s', async (...args) => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, 'recipe.yaml'), RECIPE);
    const run = await m2merge(args, folder, { HF_HOME: join(folder, 'home'), [name]: value });
    expect(run).toMatchObject({ status: 2, stdout: '' });
    expect(run.stderr).toMatch(new RegExp(`^error: ${message}\nhint: .*\n$`));
  });
});
