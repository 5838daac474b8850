/** Experts of weight 0: reports measure them, and the model stays what it is without a report. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { library } from '../run/library.js';
import { writeModel } from '../support/safetensors.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const TENSORS = ['model.layers.0.self_attn.q_proj.weight', 'model.layers.0.mlp.up_proj.weight'];
const SHAPE = [16, 24];
const ELEMENTS = 16 * 24;
const EXPERTS = ['left-out', 'a', 'b'];

/** Values of one tensor; those of experts move by some steps of bf16, in either direction. */
function valuesOf(expert: number, tensor: number): number[] {
  return Array.from({ length: ELEMENTS }, (_, i) => {
    const base = 1 + ((i * 37 + tensor) % 64) / 128;
    return expert === 0 ? base : base + (((i * (expert + 6) + tensor) % 7) - 3) / 128;
  });
}

/** A base and its experts in bf16; `special` stands in each tensor of the expert that is left out, where given. */
function write(folder: string, special?: number): void {
  for (const [expert, name] of ['base', ...EXPERTS].entries()) {
    const tensors = TENSORS.map((tensor, t) => {
      const values = valuesOf(expert, t);
      if (expert === 1 && special !== undefined) values[5] = special;
      return { name: tensor, dtype: 'BF16', shape: SHAPE, values };
    });
    writeModel(join(folder, name), tensors, { config: {} });
  }
}

/** Merges with weight 0 for the first expert, everywhere or in MLPs alone. */
async function merge(folder: string, method: string, parameters: object, where: 'all' | 'mlp', report: boolean) {
  const nothing = where === 'all' ? 0 : [{ filter: 'mlp', value: 0 }, { value: 1 }];
  const models = EXPERTS.map((model, i) => ({ model, parameters: { weight: i === 0 ? nothing : 1 } }));
  const text = JSON.stringify({ merge_method: method, base_model: 'base', models, parameters, dtype: 'bfloat16' });
  const output = join(folder, `${method}-${report}`);
  const recipe = library.parseRecipe(text, { file: 'recipe', folder });
  const result = await library.merge(recipe, { output, report });
  return { weights: readFileSync(join(output, 'model.safetensors')), report: result.report };
}

const CASES = [
  ['task_arithmetic', { lambda: 'norm_preserving' }],
  ['consensus', {}],
  ['ties', { density: 0.5 }],
  ['dare_ties', { density: 0.5 }],
  ['della', { density: 0.5 }],
] as const;

describe.each(['all', 'mlp'] as const)('weight 0 in %s of an expert', (where) => {
  it.each(CASES)('%s writes the same with a report', async (method, parameters) => {
    const folder = temporaryFolder();
    write(folder);
    const plain = await merge(folder, method, parameters, where, false);
    const reported = await merge(folder, method, parameters, where, true);
    expect(reported.weights.equals(plain.weights)).toBe(true);
    expect(Object.keys(reported.report!.tensors).sort()).toEqual([...TENSORS].sort());
  });
});

it.each(CASES)('%s takes no NaN from an expert of weight 0', async (method, parameters) => {
  const folder = temporaryFolder();
  write(folder, Number.NaN);
  const plain = await merge(folder, method, parameters, 'all', false);
  const reported = await merge(folder, method, parameters, 'all', true);
  expect(reported.weights.equals(plain.weights)).toBe(true);
  const [account] = Object.values(reported.report!.merge_accounting);
  expect(account!.non_finite).toBe(0);
});

it('accounts for an expert of weight 0 like for any other, but nothing of it is trimmed', async () => {
  const folder = temporaryFolder();
  write(folder);
  const { report } = await merge(folder, 'ties', { density: 0.5, normalize: false }, 'all', true);
  const account = report!.merge_accounting['ties -> BF16']!;
  expect(account.density).toEqual({ 'left-out': 1, a: 0.5, b: 0.5 });
  const changes = EXPERTS.map((_, k) => {
    return TENSORS.map((_, t) => valuesOf(k + 1, t).map((value, i) => value - valuesOf(0, t)[i]!));
  });
  const [unmerged, ...merged] = changes;
  const kept = merged.map((tensors) =>
    tensors.map((x) => {
      const order = x.map((_, i) => i).sort((i, j) => Math.abs(x[j]!) - Math.abs(x[i]!) || i - j);
      return new Set(order.slice(0, ELEMENTS / 2));
    }),
  );
  let [energy, dot, against, nowhere] = [0, 0, 0, 0];
  unmerged!.forEach((x, t) => {
    x.forEach((value, i) => {
      const survivors = merged.map((tensors, k) => (kept[k]![t]!.has(i) ? tensors[t]![i]! : 0));
      const vote = survivors.reduce((sum, one) => sum + one, 0);
      const delta = survivors.reduce((sum, one) => (one > 0 === vote >= 0 ? sum + one : sum), 0);
      energy += value ** 2;
      dot += value * delta;
      if (value * delta < 0) against += value ** 2;
      if (delta === 0) nowhere += value ** 2;
    });
  });
  expect(account.retained_projection['left-out']).toBeCloseTo(dot / energy, 6);
  const { trimmed, outvoted, cancelled } = account.removed['left-out']!;
  expect(trimmed).toBe(0);
  expect(outvoted).toBeCloseTo(against / energy, 6);
  expect(cancelled).toBeCloseTo(nowhere / energy, 6);
});

it('nothing of it is trimmed either where it has its part in a trim over the whole model', async () => {
  const folder = temporaryFolder();
  write(folder);
  const parameters = { density: 0.5, normalize: false };
  const { report } = await merge(folder, 'ties', { ...parameters, trim_scope: 'model' }, 'all', true);
  const account = report!.merge_accounting['ties -> BF16']!;
  expect(account.density).toEqual({ 'left-out': 1, a: 0.5, b: 0.5 });
  const { trimmed, outvoted, cancelled } = account.removed['left-out']!;
  expect(trimmed).toBe(0);
  expect(outvoted! + cancelled!).toBeGreaterThan(0);
  expect(account.removed.a!.trimmed).toBeGreaterThan(0);
});
