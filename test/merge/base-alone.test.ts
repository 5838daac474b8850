/** Recipes that name no model but the base: the way people write a model with its adapter added. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { mergeFolder, valuesOf } from '../run/merge-folder.js';
import { writeAdapter } from '../support/adapters.js';
import { m2merge } from '../support/command.js';
import { EMBED, layerTensor, NORM, PLACES, writeLayered } from '../support/layered-models.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const QUERY = 'self_attn.q_proj.weight';

/** A base of two layers, and an adapter that adds 2 · B·A to the queries of the first: A = [1, 2], B = [3, 4]ᵀ. */
function models(): string {
  const folder = temporaryFolder();
  writeLayered(folder, 'base', { offset: 100, layers: 2 });
  writeLayered(folder, 'expert', { offset: 200, layers: 2 });
  const module = `base_model.model.${layerTensor(0, QUERY).replace(/\.weight$/, '')}`;
  const factors = [
    { name: `${module}.lora_A.weight`, dtype: 'F32', shape: [1, 2], values: [1, 2] },
    { name: `${module}.lora_B.weight`, dtype: 'F32', shape: [2, 1], values: [3, 4] },
  ] as const;
  writeAdapter(join(folder, 'lora'), factors, { r: 1, lora_alpha: 2, target_modules: ['q_proj'] });
  return folder;
}

const adaptedQueries = [6, 12, 8, 16].map((added) => 100 + PLACES.layer(0) + added);

describe('a recipe of the base alone', () => {
  const recipe =
    'base_model: base+lora\nmerge_method: task_arithmetic\nparameters: {normalize: false}\n' +
    'slices:\n- sources:\n  - layer_range: [0, 2]\n    model: base+lora\n    parameters: {weight: 1.0}\n';

  it('gives the base with its adapter added', async () => {
    const merged = await mergeFolder(models(), recipe);
    expect(valuesOf(merged, layerTensor(0, QUERY))).toEqual(adaptedQueries);
    expect(valuesOf(merged, layerTensor(1, QUERY))).toEqual(Array(4).fill(100 + PLACES.layer(1)));
    expect(valuesOf(merged, NORM)).toEqual([100 + PLACES.norm, 100 + PLACES.norm]);
    expect(merged.model.config).toMatchObject({ num_hidden_layers: 2 });
    expect(merged.warnings.map(({ kind }) => kind)).toEqual(['base-alone', 'ignored-key']);
  });

  it.each(['ties', 'dare_ties', 'model_stock', 'sce', 'slerp', 'arcee_fusion'])('by %s too', async (method) => {
    const whole = `merge_method: ${method}\nbase_model: base\nmodels: [{model: base}]\nparameters: {t: 0.5}\n`;
    const merged = await mergeFolder(models(), whole);
    expect(valuesOf(merged, EMBED)).toEqual(Array(8).fill(100 + PLACES.embed));
    expect(valuesOf(merged, layerTensor(1))).toEqual(Array(4).fill(100 + PLACES.layer(1)));
  });
});

it('says what was merged and why there is no report, and names the base once', async () => {
  const folder = models();
  writeFileSync(join(folder, 'r.yaml'), 'base_model: base+lora\nmerge_method: ties\nmodels: [{model: base+lora}]\n');
  const run = await m2merge(['r.yaml', 'out', '--report'], folder);
  const textOf = (name: string): string => readFileSync(join(folder, 'out', name), 'utf8');
  expect(run.status).toBe(0);
  expect(run.stdout).toMatch(/^merged +the base alone with ties/m);
  expect(run.stderr).toContain('no model but the base is named, so the merged model is "base+lora" as it is');
  expect(run.stderr).toContain('no report: it compares models with the base, and there is none besides it');
  expect(textOf('README.md')).toContain('A merge of the base alone with **');
  expect(JSON.parse(textOf('m2merge_manifest.json')).inputs).toEqual([expect.objectContaining({ role: 'base' })]);
});
