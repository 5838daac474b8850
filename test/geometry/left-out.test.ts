/** Reports on models that are not alike: what only some experts have is left out, and said to be. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { isM2MergeError } from '../../src/errors.js';
import type { MergeOptions } from '../../src/index.js';
import { library } from '../run/library.js';
import { type Merged, mergeFolder } from '../run/merge-folder.js';
import { createRandom } from '../support/random-models.js';
import { type TensorToWrite, writeModel } from '../support/safetensors.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const BIASES = [0, 1].map((layer) => `model.layers.${layer}.self_attn.q_proj.bias`);

interface Kind {
  readonly bias?: boolean;
  readonly rows?: number;
}

/** Two layers whose values begin with those of the base and move by a seeded third of `seed` steps. */
function write(folder: string, name: string, seed: number, { bias = true, rows = 6 }: Kind = {}): void {
  const tensor = (tensorName: string, shape: readonly number[], place: number): TensorToWrite => {
    const random = createRandom(100 * seed + place);
    const elements = shape.reduce((product, length) => product * length, 1);
    const values = Array.from({ length: elements }, (_, i) => {
      const moves = seed > 0 && random() < 1 / 3;
      return 0.5 + Math.sin(i + place) / 4 + (moves ? (random() - 0.5) / 8 : 0);
    });
    return { name: tensorName, dtype: 'F32', shape, values };
  };
  const layers = BIASES.flatMap((biasName, layer) => [
    tensor(`model.layers.${layer}.self_attn.q_proj.weight`, [4, 4], 10 * layer + 1),
    ...(bias ? [tensor(biasName, [4], 10 * layer + 2)] : []),
    tensor(`model.layers.${layer}.mlp.up_proj.weight`, [8, 4], 10 * layer + 3),
  ]);
  const tensors = [tensor('model.embed_tokens.weight', [rows, 4], 50), ...layers, tensor('model.norm.weight', [4], 60)];
  writeModel(join(folder, name), tensors, { config: { num_hidden_layers: 2, vocab_size: rows } });
}

function group(models: Readonly<Record<string, Kind>>): string {
  const folder = temporaryFolder();
  for (const [seed, [name, kind]] of Object.entries(models).entries()) write(folder, name, seed, kind);
  return folder;
}

const recipeOf = (method: string, experts: readonly string[]): string =>
  JSON.stringify({
    merge_method: method,
    base_model: 'base',
    models: experts.map((model) => ({ model, parameters: { weight: 1, density: 0.5 } })),
  });

function measure(folder: string, experts: readonly string[], base = 'base') {
  const text = recipeOf('task_arithmetic', experts).replace('"base"', JSON.stringify(base));
  return library.geometry(library.parseRecipe(text, { file: 'group', folder }), { spectral: true });
}

const report = (folder: string, recipe: string, options: MergeOptions = {}) =>
  mergeFolder(folder, recipe, { report: true, ...options });

it.each(['task_arithmetic', 'ties', 'dare_linear'])(
  '%s with a report where an expert has no biases',
  async (method) => {
    const folder = group({ base: {}, a: {}, b: { bias: false } });
    const merged = await report(folder, recipeOf(method, ['a', 'b']));
    expect(merged.warnings.filter(({ kind }) => kind.startsWith('report'))).toEqual([
      { kind: 'report-partial', facts: { tensor: BIASES[0], count: 2, models: ['b'] } },
    ]);
    const { global, left_out, findings, tensors } = merged.report!;
    expect(left_out).toEqual({ [BIASES[0]!]: ['b'], [BIASES[1]!]: ['b'] });
    expect(Object.keys(tensors)).toHaveLength(6);
    expect(findings.find(({ code }) => code === 'left-out-tensors')!.evidence).toMatch(/bias \(2\); .*: b$/);
    for (const name of ['geometry.json', 'geometry.md', 'geometry.html']) {
      expect(readFileSync(join(merged.output, name), 'utf8')).toContain('2 of 8 tensors are in none of these numbers');
    }
    // Numbers are those of a group without the biases, and the model is that of a merge without a report.
    const plain = await report(
      group({ base: { bias: false }, a: { bias: false }, b: { bias: false } }),
      recipeOf(method, ['a', 'b']),
    );
    expect(plain.report!.left_out).toBeUndefined();
    expect(global).toEqual(plain.report!.global);
    expect(merged.report!.merge_accounting).toEqual(plain.report!.merge_accounting);
    const without = await report(folder, recipeOf(method, ['a', 'b']), { report: false });
    expect(merged.model.tensors).toEqual(without.model.tensors);
  },
);

it('geometry without a merge leaves the same out', async () => {
  const folder = group({ base: {}, a: {}, b: { bias: false } });
  const { left_out, findings, ...measured } = await measure(folder, ['a', 'b']);
  expect(Object.keys(left_out!)).toEqual(BIASES);
  expect(findings.map(({ code }) => code)).toContain('left-out-tensors');
  const merged = await report(folder, recipeOf('task_arithmetic', ['a', 'b']));
  expect(measured.layers).toEqual(merged.report!.layers);
});

it('geometry takes the rows of an embedding that all have', async () => {
  const short = await measure(group({ base: {}, a: { rows: 4 }, b: { rows: 8 } }), ['a', 'b']);
  expect(short.tensors['model.embed_tokens.weight']!.parameters).toBe(16);
  const alike = await measure(group({ base: { rows: 4 }, a: { rows: 4 }, b: { rows: 4 } }), ['a', 'b']);
  expect(short).toEqual(alike);
});

it('says why there is no report', async () => {
  const names = Array.from({ length: 9 }, (_, i) => `expert-${i}`);
  const folder = group({ base: {}, ...Object.fromEntries(names.map((name) => [name, {}])) });
  const many = await report(folder, recipeOf('task_arithmetic', names));
  expect(many.report).toBeUndefined();
  const reasons = (merged: Merged) =>
    merged.warnings.filter(({ kind }) => kind === 'report-unavailable').map(library.describeWarning);
  expect(reasons(many)).toEqual(['no report: it compares at most 8 models, not 9']);
  const linear = await report(
    folder,
    JSON.stringify({ ...JSON.parse(recipeOf('linear', names)), base_model: undefined }),
  );
  expect(reasons(linear)[0]).toMatch(/^no report: linear merges weights without a base/);
});

it('refuses a geometry of models that have nothing in common', async () => {
  const folder = temporaryFolder();
  const bias = { name: BIASES[0]!, dtype: 'F32', shape: [2], values: [1, 2] };
  writeModel(join(folder, 'base'), [bias], { config: {} });
  writeModel(join(folder, 'a'), [{ ...bias, name: 'visual.merger.bias' }], { config: {} });
  const error = await measure(folder, ['a']).catch((thrown: unknown) => thrown);
  expect(isM2MergeError(error) && error.kind).toBe('tensor-missing');
});

it('keeps the experts apart where slices name them in another order', async () => {
  const folder = group({ base: {}, a: {}, b: {} });
  const slice = (models: readonly string[], layer: number) => ({
    sources: models.map((model) => ({ model, layer_range: [layer, layer + 1] })),
  });
  const sliced = (method: string, last: readonly string[]) => {
    const slices = [slice(['base', 'a', 'b'], 0), slice(last, 1)];
    const parameters = { weight: 1, density: [0.3, 0.9] };
    return report(folder, JSON.stringify({ merge_method: method, base_model: 'base', slices, parameters }));
  };
  for (const method of ['task_arithmetic', 'ties']) {
    const [other, usual] = [await sliced(method, ['b', 'base', 'a']), await sliced(method, ['base', 'a', 'b'])];
    for (const scope of ['global', 'layers', 'merge_accounting'] as const) {
      expect(other.report![scope]).toEqual(usual.report![scope]);
    }
  }
});

it('says that slices are not what geometry measures', async () => {
  const folder = group({ base: {}, a: {} });
  const slice = (layer: number) => ({
    sources: ['base', 'a'].map((model) => ({ model, layer_range: [layer, layer + 1] })),
  });
  const text = (form: object) =>
    JSON.stringify({ merge_method: 'task_arithmetic', base_model: 'base', parameters: { weight: 1 }, ...form });
  const warningsOf = async (form: object) => {
    const kinds: string[] = [];
    await library.geometry(library.parseRecipe(text(form), { file: 'group', folder }), {
      onPlan: ({ warnings }) => kinds.push(...warnings.map(({ kind }) => kind)),
    });
    return kinds;
  };
  expect(await warningsOf({ slices: [slice(1), slice(0)] })).toEqual(['slices-unmeasured']);
  expect(await warningsOf({ models: [{ model: 'a' }] })).toEqual([]);
});
