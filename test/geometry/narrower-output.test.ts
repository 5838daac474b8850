/** A float32 group merged to 16 bits: what rounding takes of the base is no change, and what it takes of the merge is lost. */
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { library } from '../run/library.js';
import { writeModel } from '../support/safetensors.js';
import { decodeSmallFloat, encodeSmallFloat } from '../support/small-floats.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const ELEMENTS = 300;

/** Base values that 16 bits do not hold; the expert moves two thirds of them, some by less than a step of bf16. */
const base = Array.from({ length: ELEMENTS }, (_, i) => Math.fround(0.01 + Math.sin(i) * 0.005));
const expert = base.map((value, i) => Math.fround(value + [0, 1e-7, 1e-3][i % 3]!));

it.each([
  ['bfloat16', 'BF16', 'nearest'],
  ['float16', 'F16', 'nearest'],
  ['bfloat16', 'BF16', 'stochastic'],
] as const)('%s (%s), rounding %s', async (dtype, stored, rounding) => {
  const folder = temporaryFolder();
  const write = (name: string, values: readonly number[]) =>
    writeModel(join(folder, name), [{ name: 'model.proj.weight', dtype: 'F32', shape: [ELEMENTS], values }], {
      config: {},
    });
  write('base', base);
  write('a', expert);
  const models = [{ model: 'a', parameters: { weight: 1 } }];
  const text = JSON.stringify({ merge_method: 'task_arithmetic', base_model: 'base', models, dtype, rounding });
  const recipe = library.parseRecipe(text, { file: 'recipe', folder });
  const { report } = await library.merge(recipe, { output: join(folder, 'out'), report: true });
  const account = report!.merge_accounting[`task_arithmetic -> ${stored}`]!;
  const updated = expert.filter((value, i) => value !== base[i]).length;
  expect(account.updated_coordinates).toBe(updated);
  expect(account.lost_to_rounding).toBeGreaterThan(0);
  expect(account.rounding_survival).toBe((updated - account.lost_to_rounding) / updated);
  if (rounding === 'stochastic') return;
  const rounded = (value: number) => decodeSmallFloat(stored, encodeSmallFloat(stored, value));
  const change = expert.map((value, i) => rounded(value) - rounded(base[i]!));
  expect(account.lost_to_rounding).toBe(change.filter((x, i) => x === 0 && expert[i] !== base[i]).length);
  expect(account.delta_norm_after_rounding).toBeCloseTo(Math.sqrt(change.reduce((sum, x) => sum + x * x, 0)), 8);
});
