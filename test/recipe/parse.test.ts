import { describe, expect, test } from 'vitest';
import { parseRecipe } from '../../src/recipe/parse.js';
import type { ParameterTable, Recipe } from '../../src/recipe/recipe.js';
import { problemsOf } from './problems-of.js';

const twoModels = 'models: [{model: math, parameters: {weight: 1}}, {model: code, parameters: {weight: 1}}]';

/** A model's own parameters, where whole models are merged. */
const ownTable = (recipe: Recipe, model: number): ParameterTable =>
  recipe.modules[0]!.slices[0]!.sources[model]!.levels[0]!;

/** The values written for `weight` of the first model. */
function firstWeight(written: string): unknown {
  const recipe = parseRecipe(
    `merge_method: linear\nmodels:\n  - model: math\n    parameters:\n      weight: ${written}\n`,
  );
  return ownTable(recipe, 0).get('weight')?.entries;
}

describe('a whole recipe', () => {
  const text = `
merge_method: ties
base_model: ./base
models:
  - model: ./math
    parameters:
      weight: [0, 0.5]
      density: [{filter: mlp, value: 0.3}, {value: [1, 0.5]}]
  - model: org/code@3f2c1ab
    parameters: {weight: 1.0}
parameters: {lambda: 0.8, rescale: true}
dtype: bfloat16
out_dtype: torch.float16
seed: 42
rounding: stochastic
preset: m2rl
report: yes
output: ./merged
name: my merge
`;
  const recipe = parseRecipe(text, { file: 'merge.yaml', folder: '/recipes' });

  test('has everything that was written', () => {
    expect(recipe).toMatchObject({
      file: 'merge.yaml',
      folder: '/recipes',
      text,
      method: 'ties',
      preset: 'm2rl',
      base: { text: './base', position: { line: 3, column: 13 } },
      outputDtype: 'F16',
      rounding: 'stochastic',
      seed: 42,
      output: './merged',
      report: true,
      warnings: [],
    });
    expect(recipe.models.map(({ path, reference }) => [path, reference.text, reference.position])).toEqual([
      ['models[0]', './math', { line: 5, column: 12 }],
      ['models[1]', 'org/code@3f2c1ab', { line: 9, column: 12 }],
    ]);
  });

  test('has parameters as entries with positions', () => {
    expect(Object.fromEntries(ownTable(recipe, 0))).toEqual({
      weight: {
        entries: [{ values: [0, 0.5] }],
        path: 'models[0].parameters.weight',
        position: { line: 7, column: 15 },
      },
      density: {
        entries: [{ filter: 'mlp', values: [0.3] }, { values: [1, 0.5] }],
        path: 'models[0].parameters.density',
        position: { line: 8, column: 16 },
      },
    });
    expect(Object.fromEntries(recipe.parameters)).toEqual({
      lambda: { entries: [{ values: [0.8] }], path: 'parameters.lambda', position: { line: 11, column: 22 } },
      rescale: { entries: [{ values: ['l1'] }], path: 'parameters.rescale', position: { line: 11, column: 36 } },
    });
  });

  test('is filled up with defaults', () => {
    const plain = parseRecipe(`merge_method: linear\n${twoModels}`);
    expect(plain).toMatchObject({ file: '<recipe>', preset: 'mergekit', rounding: 'nearest', seed: 0, warnings: [] });
    const { folder, base, outputDtype, output, report } = plain;
    expect([folder, base, outputDtype, output, report]).toEqual([
      undefined,
      undefined,
      undefined,
      undefined,
      undefined,
    ]);
  });

  test('may leave optional keys empty', () => {
    const recipe = parseRecipe(
      'merge_method: linear\nmodels: [{model: a, parameters: {weight: 1}}, {model: b, parameters: }]\n' +
        'base_model:\nparameters: {weight: 2}\ndtype: null\nout_dtype: ~\nseed:\n',
    );
    expect(recipe.outputDtype).toBeUndefined();
    expect(recipe.base).toBeUndefined();
    expect(ownTable(recipe, 1).size).toBe(0);
  });
});

describe('scalars', () => {
  test.each([
    ['1', 1],
    ['-2.5', -2.5],
    ['+.5', 0.5],
    ['1.', 1],
    ['1e-5', 0.00001],
    ['1_000.5', 1000.5],
    ['"0.5"', 0.5],
    ["'-1e2'", -100],
    ['!!float 3', 3],
    ['!!str 0.25', 0.25],
    ['true', 1],
    ['No', 0],
    ['[0.1, true]', 'gradient'],
  ])('weight %s', (written, value) => {
    const values = value === 'gradient' ? [0.1, 1] : [value];
    expect(firstWeight(written)).toEqual([{ values }]);
  });

  test('a negative zero is a zero', () => {
    expect(firstWeight('-0.0')).toEqual([{ values: [0] }]);
  });

  test.each([
    ['true', true],
    ['off', false],
    ['"TRUE"', true],
    ['0', false],
    ['0.5', true],
  ])('normalize %s', (written, value) => {
    const recipe = parseRecipe(`merge_method: linear\n${twoModels}\nparameters: {normalize: ${written}}`);
    expect(recipe.parameters.get('normalize')?.entries).toEqual([{ values: [value] }]);
  });

  test.each([
    ['true', 'l1'],
    ['1.0', 'l1'],
    ['no', 'none'],
    ['l1', 'l1'],
  ])('rescale %s', (written, value) => {
    const recipe = parseRecipe(
      `merge_method: dare_ties\nbase_model: base\n${twoModels}\nparameters: {rescale: ${written}}`,
    );
    expect(recipe.parameters.get('rescale')?.entries).toEqual([{ values: [value] }]);
  });

  test('a choice may depend on the tensor', () => {
    const recipe = parseRecipe(
      `merge_method: dare_ties\nbase_model: base\n${twoModels}\nparameters: {rescale: [{filter: mlp, value: no}, {value: l1}]}`,
    );
    expect(recipe.parameters.get('rescale')?.entries).toEqual([
      { filter: 'mlp', values: ['none'] },
      { values: ['l1'] },
    ]);
  });

  test.each([
    ['float32', 'F32'],
    ['fp32', 'F32'],
    ['torch.bfloat16', 'BF16'],
    ['bf16', 'BF16'],
    ['float16', 'F16'],
  ])('dtype %s', (written, dtype) => {
    expect(parseRecipe(`merge_method: linear\n${twoModels}\ndtype: ${written}`).outputDtype).toBe(dtype);
  });

  test('the largest seed is exact', () => {
    expect(parseRecipe(`merge_method: linear\n${twoModels}\nseed: 9007199254740991`).seed).toBe(
      Number.MAX_SAFE_INTEGER,
    );
  });

  test('a condition may stand outside a list, and match by the empty filter', () => {
    expect(firstWeight('{value: 0.5, filter: ""}')).toEqual([{ values: [0.5], filter: '' }]);
    expect(firstWeight('{value: [0, 1], filter: null}')).toEqual([{ values: [0, 1] }]);
  });
});

describe('the same recipe, written differently', () => {
  const block = `
merge_method: linear
models:
  - model: math
    parameters:
      weight:
        - filter: mlp
          value: 0.5
        - value: 1
  - model: code
    parameters:
      weight:
        - filter: mlp
          value: 0.5
        - value: 1
parameters:
  normalize: false
dtype: float32
`;
  const variants = {
    flow: `{merge_method: linear, dtype: float32, parameters: {normalize: false},
      models: [{model: math, parameters: {weight: [{filter: mlp, value: 0.5}, {value: 1}]}},
               {model: code, parameters: {weight: [{filter: mlp, value: 0.5}, {value: 1}]}}]}`,
    json: JSON.stringify({
      merge_method: 'linear',
      models: ['math', 'code'].map((model) => ({
        model,
        parameters: { weight: [{ filter: 'mlp', value: 0.5 }, { value: 1 }] },
      })),
      parameters: { normalize: false },
      dtype: 'float32',
    }),
    anchors: `
merge_method: linear
models:
  - model: math
    parameters: &shared
      weight: [{filter: &f mlp, value: 0.5}, {value: 1}]
  - {model: code, parameters: *shared}
parameters: {normalize: no}
dtype: float32
`,
    merged: `
merge_method: linear
models:
  - {model: math, parameters: {<<: {weight: &w [{filter: mlp, value: 0.5}, {value: 1}]}}}
  - model: code
    parameters:
      <<: [{weight: *w}, {weight: 7}]
parameters: {<<: [{normalize: true}, {normalize: true}], normalize: 0}
dtype: float32
`,
    'byte order mark, CRLF, document markers': `\uFEFF---${block}...\n`.replaceAll('\n', '\r\n'),
    'declared YAML 1.1': `%YAML 1.1\n---${block}`,
    'mapping references': block
      .replace('model: math', 'model: {model: math}')
      .replace('model: code', 'model: {model: {path: code}}'),
  };

  const withoutPlaces = (recipe: Recipe): unknown =>
    JSON.parse(
      JSON.stringify({ ...recipe, text: '' }, (key, value) =>
        key === 'position' ? undefined : value instanceof Map ? [...value] : value,
      ),
    );

  test.each(Object.entries(variants))('%s', (_name, text) => {
    expect(withoutPlaces(parseRecipe(text))).toEqual(withoutPlaces(parseRecipe(block)));
  });

  test('columns after a byte order mark count from the first character of the text', () => {
    const [problem] = problemsOf(() => parseRecipe('\uFEFF[]')).facts.problems;
    expect(problem).toMatchObject({ line: 1, column: 1 });
  });
});
