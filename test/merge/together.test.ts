/** Merges that run together write what each writes alone, byte for byte, whatever they share. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { library } from '../run/library.js';
import { temporaryFolder } from '../support/cli.js';
import { randomTensor } from '../support/random-models.js';
import { writeModel } from '../support/safetensors.js';

/** A tensor of two units, a small one, and one that ends inside a lane. */
const SHAPES: readonly (readonly [string, readonly number[]])[] = [
  ['model.embed_tokens.weight', [1_100, 1_000]],
  ['model.layers.0.mlp.up_proj.weight', [37, 41]],
  ['model.norm.weight', [7]],
];

/** Statistics of no, one and two passes, over tensors and over the model, with and without a base, shared and not. */
const VARIANTS = [
  'merge_method: task_arithmetic\nparameters: {weight: 1, lambda: 0.3}',
  'merge_method: task_arithmetic\nparameters: {weight: 1, lambda: 1.0}\nrounding: stochastic',
  'merge_method: ties\nparameters: {weight: 1, density: 0.1}',
  'merge_method: ties\nparameters: {weight: 1, density: 0.4, rescale: l1}',
  'merge_method: ties\nparameters: {weight: 1, density: 0.2, trim_scope: model, zero_sign: majority}',
  'merge_method: ties\nparameters: {weight: 1, density: 0.3, trim_scope: model}',
  'merge_method: dare_linear\nparameters: {weight: 1, density: 0.3}',
  'merge_method: dare_ties\nparameters: {weight: 1, density: 0.6, zero_sign: majority}\nseed: 3',
  'merge_method: linear\nparameters: {weight: 1}',
  'merge_method: linear\nparameters: {weight: [1, 2]}\ndtype: float32',
] as const;

describe('merges that run together', () => {
  const work = temporaryFolder();
  const base = SHAPES.map(([name, shape], i) => randomTensor(name, shape, 10 + i, 0.02));
  writeModel(join(work, 'base'), base);
  const experts = ['a', 'b', 'c'];
  experts.forEach((expert, e) => {
    const updated = SHAPES.map(([name, shape], i) => randomTensor(name, shape, 100 * e + i, 3e-5, base[i]));
    writeModel(join(work, expert), updated, { shards: e + 1 });
  });
  const recipes = VARIANTS.map((variant, i) => {
    // One variant leaves an expert out, so that it reads less than the others.
    const models = i === 3 ? experts.slice(1) : experts;
    const list = models.map((model) => `  - model: ${join(work, model)}`).join('\n');
    return `${variant}\nbase_model: ${join(work, 'base')}\nmodels:\n${list}\nreport: ${i % 2 === 0}\n`;
  });
  const contents = (folder: string) =>
    Object.fromEntries(readdirSync(folder).map((name) => [name, readFileSync(join(folder, name)).toString('latin1')]));

  it('write the same folders', async () => {
    const { merge, mergeTogether, parseRecipe } = library;
    const alone = join(work, 'alone');
    const together = join(work, 'together');
    const parsed = recipes.map((text) => parseRecipe(text));
    const requests = parsed.map((recipe, i) => ({ recipe, output: join(together, `v${i}`) }));
    await mergeTogether(requests, { threads: 2 });
    for (const [i, recipe] of parsed.entries()) {
      await merge(recipe, { output: join(alone, `v${i}`), threads: 1 });
      expect(contents(join(together, `v${i}`))).toEqual(contents(join(alone, `v${i}`)));
    }
  });

  it('report the same when nothing is written', async () => {
    const { merge, mergeTogether, parseRecipe } = library;
    const recipe = parseRecipe(recipes[2]!);
    const output = join(work, 'dry');
    const [dry] = await mergeTogether([{ recipe, output, dry: true }], { report: true });
    const written = await merge(recipe, { output: join(work, 'written'), report: true });
    expect(dry!.report).toEqual(written.report);
    expect(readdirSync(work)).not.toContain('dry');
  });
});
