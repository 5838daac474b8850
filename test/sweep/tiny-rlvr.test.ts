/** The sweep of the quickstart tries what it says it does. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { expandSweep } from '../../src/sweep/expand.js';
import { readSweep } from '../../src/sweep/load.js';
import { library } from '../run/library.js';
import { REPOSITORY } from '../support/cli.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const file = join(REPOSITORY, 'recipes/sweep-tiny-rlvr.yaml');
const origin = { file, folder: join(REPOSITORY, 'recipes') };
const text = readFileSync(file, 'utf8');
const variants = expandSweep(text, origin, readSweep(text, origin, []).section);

const M2RL = ['base_model: tiny-rlvr/sft', 'models:']
  .concat(['math', 'code', 'sci', 'if'].map((expert) => `  - model: tiny-rlvr/${expert}`))
  .concat(['preset: m2rl', 'dtype: bfloat16', ''])
  .join('\n');

it.each([
  ['TIES', 'merge_method: ties'],
  ['TIES + DARE', 'merge_method: ties\nsparsify: {method: dare}'],
  ['task arithmetic + DARE', 'merge_method: task_arithmetic\nsparsify: {method: dare}'],
])('has M2RL’s %s among its variants, to the byte', async (_, method) => {
  const { merge, parseRecipe } = library;
  const isOfPreset = method.includes('ties')
    ? (zeroSign?: string, front?: string) => zeroSign === 'majority' && (front !== undefined) === /dare/.test(method)
    : () => true;
  const [variant, ...others] = variants.filter(
    ({ settings }) =>
      settings.lambda === '1.0' &&
      settings.merge_method === (method.includes('ties') ? 'ties' : 'dare_linear') &&
      isOfPreset(settings.zero_sign, settings.sparsify),
  );
  expect(others).toEqual([]);
  const folder = temporaryFolder();
  await merge(variant!.recipe, { output: join(folder, 'variant') });
  await merge(parseRecipe(`${method}\n${M2RL}`, origin), { output: join(folder, 'preset') });
  const weights = (name: string) => readFileSync(join(folder, name, 'model.safetensors'));
  expect(weights('variant').equals(weights('preset'))).toBe(true);
});
