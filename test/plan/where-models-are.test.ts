/** Where a recipe's paths lead: the user's folder, the recipe's folder, the working folder; and to files. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { m2mergeBeside } from '../support/cli.js';
import { readModel, writeModel } from '../support/safetensors.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const TENSOR = 'model.norm.weight';

/** A model that is told from others by its only value. */
const writeValue = (folder: string, value: number): void =>
  writeModel(folder, [{ name: TENSOR, dtype: 'F32', shape: [1], values: [value] }]);

const recipeOf = (model: string): string =>
  `merge_method: linear\nmodels: [{model: ${model}, parameters: {weight: 1}}]\n`;

/** Merges `recipes/recipe.yaml` of a folder from within it, with `home` as the user's folder. */
const merge = (folder: string, model: string, home = join(folder, 'nobody')) => {
  mkdirSync(join(folder, 'recipes'), { recursive: true });
  writeFileSync(join(folder, 'recipes/recipe.yaml'), recipeOf(model));
  const variables = { HOME: home, USERPROFILE: home, HF_HUB_OFFLINE: '1' };
  return m2mergeBeside(['recipes/recipe.yaml', 'out', '--quiet'], folder, variables);
};

const mergedValue = (folder: string): number => readModel(join(folder, 'out')).tensors.get(TENSOR)!.values[0]!;

describe('a path of a recipe', () => {
  it('that begins with ~/ starts at the folder of the user', async () => {
    const folder = temporaryFolder();
    const home = temporaryFolder();
    writeValue(join(home, 'models/math'), 7);
    expect(await merge(folder, '~/models/math', home)).toMatchObject({ status: 0, stderr: '' });
    expect(mergedValue(folder)).toBe(7);
  });

  it('starts at the folder of the recipe, whatever is called so in the working folder', async () => {
    const folder = temporaryFolder();
    writeValue(join(folder, 'recipes/math'), 1);
    writeValue(join(folder, 'math'), 2);
    expect(await merge(folder, 'math')).toMatchObject({ status: 0 });
    expect(mergedValue(folder)).toBe(1);
  });

  it('starts at the working folder where the folder of the recipe has nothing of the name', async () => {
    const folder = temporaryFolder();
    writeValue(join(folder, 'math'), 2);
    expect(await merge(folder, './math')).toMatchObject({ status: 0 });
    expect(mergedValue(folder)).toBe(2);
  });

  it.each([
    ['reads like a name on the Hub', 'math/model.safetensors'],
    ['does not', './math/model.safetensors'],
  ])('to a file of the working folder is said to be one, when it %s', async (_, model) => {
    const folder = temporaryFolder();
    writeValue(join(folder, 'math'), 2);
    const { status, stderr } = await merge(folder, model);
    expect(status).toBe(4);
    expect(stderr).toContain(`model "${model}" is a file`);
    expect(stderr).toContain('named by the folder');
  });
});
