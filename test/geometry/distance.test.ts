/** Distances between experts that have nearly everything in common. */
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { library } from '../run/library.js';
import { writeModel } from '../support/safetensors.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const MASK = 'model.layers.0.attn.masked_bias';
const UP = 'model.layers.0.mlp.up_proj.weight';

interface Values {
  readonly mask: number;
  readonly up: readonly number[];
}

async function measure(models: Readonly<Record<'base' | 'a' | 'b', Values>>) {
  const folder = temporaryFolder();
  for (const [name, { mask, up }] of Object.entries(models)) {
    const tensors = [
      { name: MASK, dtype: 'F32', shape: [3], values: [mask, mask, mask] },
      { name: UP, dtype: 'F32', shape: [2, up.length / 2], values: up },
    ];
    writeModel(join(folder, name), tensors, { config: {} });
  }
  const experts = ['a', 'b'].map((model) => ({ model, parameters: { weight: 1 } }));
  const text = JSON.stringify({ merge_method: 'task_arithmetic', base_model: 'base', models: experts });
  return library.geometry(library.parseRecipe(text, { file: 'group', folder }));
}

const ramp = (step: number): number[] => Array.from({ length: 16 }, (_, i) => i + step * (i % 2));

it('sees small differences beside a huge change that two experts have in common', async () => {
  // As of models saved by another version of a library, which writes another number for minus infinity.
  const { global, findings } = await measure({
    base: { mask: -1e4, up: ramp(0) },
    a: { mask: -1e9, up: ramp(1 / 64) },
    b: { mask: -1e9, up: ramp(1 / 32) },
  });
  expect(global.pairs['a|b']!.distance).toBeCloseTo(Math.sqrt(8) / 64, 12);
  expect(findings.map(({ code }) => code)).not.toContain('identical-experts');
});

it('is 0 for equal experts, however large their changes are', async () => {
  const expert = { mask: -1e9, up: ramp(1 / 3) };
  const { global, findings } = await measure({ base: { mask: -1e4, up: ramp(0) }, a: expert, b: expert });
  expect(global.pairs['a|b']!.distance).toBe(0);
  expect(findings.map(({ code }) => code)).toContain('identical-experts');
});

it('of 0 that rounding left is no proof of equal experts', async () => {
  const nearly = (tiny: number) => ({ mask: 1, up: ramp(0).map((_, i) => (i === 0 ? 1 + tiny : 1025)) });
  const models = { base: { mask: 1, up: new Array(16).fill(1) }, a: nearly(2 ** -23), b: nearly(2 ** -21) };
  const { global, findings } = await measure(models);
  expect(global.pairs['a|b']!.distance).toBe(0);
  expect(findings.map(({ code }) => code)).not.toContain('identical-experts');
});

it('counts what one of two changed alone', async () => {
  const { global } = await measure({
    base: { mask: 0, up: ramp(0) },
    a: { mask: 0, up: ramp(1 / 4) },
    b: { mask: 2, up: ramp(0) },
  });
  expect(global.pairs['a|b']!.distance).toBeCloseTo(Math.sqrt(8 / 16 + 3 * 4), 12);
});
