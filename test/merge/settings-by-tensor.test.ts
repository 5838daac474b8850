/**
 * Settings of the merge may differ between tensors, by filters and slices, also those that decide what has to be known of a
 * tensor beforehand: a tensor then is what a merge with its value for all tensors makes of it.
 */
import { describe, expect, it } from 'vitest';
import { mergeFolder } from '../run/merge-folder.js';
import { temporaryFolder } from '../support/cli.js';
import { layerTensor } from '../support/layered-models.js';
import { randomTensor } from '../support/random-models.js';
import { writeModel } from '../support/safetensors.js';

const QUERY = 'self_attn.q_proj.weight';
const LAYERS = 2;
const SHAPES = Array.from({ length: LAYERS }, (_, layer): readonly (readonly [string, readonly number[]])[] => [
  [layerTensor(layer), [12, 10]],
  [layerTensor(layer, QUERY), [10, 10]],
]).flat();

function models(): string {
  const folder = temporaryFolder();
  const base = SHAPES.map(([name, shape], i) => randomTensor(name, shape, 10 + i, 0.1));
  writeModel(`${folder}/base`, base);
  ['a', 'b', 'c'].forEach((model, m) => {
    const updated = SHAPES.map(([name, shape], i) => randomTensor(name, shape, 100 * (m + 1) + i, 0.05, base[i]));
    writeModel(`${folder}/${model}`, updated);
  });
  return folder;
}

const folder = models();

interface Case {
  readonly method: string;
  readonly experts?: readonly string[];
  readonly parameter: string;
  readonly values: readonly [unknown, unknown];
  readonly also?: string;
}

const CASES: readonly Case[] = [
  { method: 'sce', parameter: 'select_topk', values: [0.3, 0.8] },
  { method: 'sce', parameter: 'select_topk', values: [1, 0.5] },
  { method: 'model_stock', parameter: 'filter_wise', values: [true, false] },
  { method: 'nuslerp', experts: ['a', 'b'], parameter: 'nuslerp_flatten', values: [true, false] },
  {
    method: 'nuslerp',
    experts: ['a', 'b'],
    parameter: 'nuslerp_row_wise',
    values: [false, true],
    also: 'nuslerp_flatten: false, ',
  },
  { method: 'breadcrumbs', parameter: 'rescale', values: [true, false] },
  { method: 'dare_linear', parameter: 'rescale', values: ['l1', 'density'] },
  { method: 'ties', parameter: 'trim_rule', values: ['threshold', 'exact'] },
  { method: 'task_arithmetic', parameter: 'sparsify.method', values: ['magnitude', 'dare'] },
];

/** A recipe in which the parameter has this value, written in YAML's flow style, at the top. */
function recipeOf({ method, experts = ['a', 'b', 'c'], parameter, also = '' }: Case, value: string): string {
  const [outer, inner] = parameter.split('.');
  const given = inner === undefined ? `${outer}: ${value}` : `${outer}: {${inner}: ${value}, density: 0.5}`;
  return [
    `merge_method: ${method}`,
    'base_model: base',
    'models:',
    ...experts.map((name) => `  - {model: ${name}, parameters: {weight: 0.7, density: 0.5, gamma: 0.2}}`),
    `parameters: {${also}${given}}`,
    'dtype: float32',
    '',
  ].join('\n');
}

/** The same recipe with a slice for each layer, the value given in each. */
function slicedRecipeOf({ method, experts = ['a', 'b', 'c'], parameter, values, also = '' }: Case): string {
  const slices = values.map((value, layer) => {
    const sources = ['base', ...experts].map(
      (model) =>
        `{model: ${model}, layer_range: [${layer}, ${layer + 1}], parameters: {weight: 0.7, density: 0.5, gamma: 0.2}}`,
    );
    return `  - {sources: [${sources}], parameters: {${also}${parameter}: ${value}}}`;
  });
  return `merge_method: ${method}\nbase_model: base\nslices:\n${slices.join('\n')}\ndtype: float32\n`;
}

type Values = Record<string, readonly number[]>;

async function mergedValues(recipe: string): Promise<Values> {
  const { model } = await mergeFolder(folder, recipe);
  return Object.fromEntries([...model.tensors].map(([name, { values }]) => [name, [...values]]));
}

describe('a setting of the merge that decides which statistics a tensor needs', () => {
  for (const one of CASES) {
    const [first, second] = one.values;
    const name = `${one.method} ${one.parameter}: ${first} or ${second}`;
    it(`by filter: ${name}`, async () => {
      const merged = await mergedValues(recipeOf(one, `[{filter: self_attn, value: ${first}}, {value: ${second}}]`));
      const [withFirst, withSecond] = [
        await mergedValues(recipeOf(one, String(first))),
        await mergedValues(recipeOf(one, String(second))),
      ];
      const expected = SHAPES.map(([tensor]) => [
        tensor,
        tensor.includes('self_attn') ? withFirst[tensor] : withSecond[tensor],
      ]);
      expect(merged).toEqual(Object.fromEntries(expected));
      expect(withFirst).not.toEqual(withSecond);
    });
    if (one.parameter.includes('.')) continue;
    it(`by slice: ${name}`, async () => {
      const merged = await mergedValues(slicedRecipeOf(one));
      const alone = [
        await mergedValues(recipeOf(one, String(first))),
        await mergedValues(recipeOf(one, String(second))),
      ];
      const expected = SHAPES.map(([tensor]) => [tensor, alone[tensor.includes('.1.') ? 1 : 0]![tensor]]);
      expect(merged).toEqual(Object.fromEntries(expected));
    });
  }

  it('changes over the layers with a gradient', async () => {
    const sce = CASES[0]!;
    const merged = await mergedValues(recipeOf(sce, '[0.3, 0.8]'));
    const alone = [await mergedValues(recipeOf(sce, '0.3')), await mergedValues(recipeOf(sce, '0.8'))];
    const expected = SHAPES.map(([tensor]) => [tensor, alone[tensor.includes('.1.') ? 1 : 0]![tensor]]);
    expect(merged).toEqual(Object.fromEntries(expected));
  });

  it('is refused with its place where a statistic is over the whole model, also when only slices give it', async () => {
    const majority = { ...CASES[7]!, parameter: 'zero_sign', values: ['majority', 'positive'] } as const;
    const refusal = await mergeFolder(folder, slicedRecipeOf(majority)).catch((error: unknown) => error);
    expect((refusal as Error).message).toMatch(/\.yaml:4:\d+: slices\[0\]\.parameters\.zero_sign: varies by tensor/);
  });
});
