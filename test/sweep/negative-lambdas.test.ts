/** A sweep over λ holds one election for all variants where it may: the bytes are those of each merge alone. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { mergeFolder } from '../run/merge-folder.js';
import { m2merge } from '../support/command.js';
import { writeModel } from '../support/safetensors.js';
import { temporaryFolder } from '../support/temporary-folder.js';

it('negative λ leave zeros of the base, of either sign, as a merge of one λ does', async () => {
  const work = temporaryFolder();
  const write = (name: string, values: readonly number[]): void =>
    writeModel(join(work, name), [{ name: 'w', dtype: 'F32', shape: [values.length], values }], { config: {} });
  // Nobody changes the first two; the next two cancel; the last is elected.
  write('base', [-0, 0, -0, 0, 1]);
  write('a', [-0, 0, 2, 2, 3]);
  write('b', [-0, 0, -2, -2, 0]);
  const recipe = `merge_method: ties
base_model: base
models: [{model: a}, {model: b}]
parameters: {weight: 1, zero_sign: none}
`;
  const lambdas = [-1, -0.5, 0, 0.5];
  writeFileSync(join(work, 'sweep.yaml'), `${recipe}sweep: {parameters: {lambda: [${lambdas}]}}\n`);
  expect(await m2merge(['sweep', 'sweep.yaml', 'out', '--quiet'], work)).toMatchObject({ status: 0, stderr: '' });
  const { rows } = JSON.parse(readFileSync(join(work, 'out/sweep.json'), 'utf8'));
  const variants = rows.map(({ variant }: { variant: string }) => variant);
  expect(variants).toHaveLength(lambdas.length);
  for (const [i, lambda] of lambdas.entries()) {
    const alone = await mergeFolder(work, recipe.replace('weight: 1', `weight: 1, lambda: ${lambda}`));
    const bytes = (folder: string): Buffer => readFileSync(join(folder, 'model.safetensors'));
    const swept = bytes(join(work, 'out', variants[i]));
    // Metadata apart, which may name the recipe: the tensor is all at the end.
    expect(swept.subarray(-20)).toEqual(bytes(alone.output).subarray(-20));
  }
});
