/** Which models take part, what is only warned of, and the limits of a recipe's text. */
import { describe, expect, test } from 'vitest';
import { findMethod } from '../../kernels/methods/registry.js';
import { parseRecipe } from '../../src/recipe/parse.js';
import type { Recipe } from '../../src/recipe/recipe.js';
import { createResolver } from '../../src/recipe/resolve.js';
import { describeWarning } from '../../src/warnings.js';
import { problemsOf } from './problems-of.js';

const twoModels = 'models: [{model: math, parameters: {weight: 1}}, {model: code, parameters: {weight: 1}}]';

const warningsOf = (recipe: Recipe): readonly string[] => recipe.warnings.map(describeWarning);

describe('the base', () => {
  const ties = 'merge_method: ties\nbase_model: base\nmodels:\n';

  test('is dropped from the models of a method that subtracts it, as long as the text is the same', () => {
    const recipe = parseRecipe(
      `${ties}  - model: base\n  - {model: ./base, parameters: {weight: 1}}\n  - {model: math, parameters: {weight: 1}}\n`,
    );
    expect(recipe.models.map(({ path, reference }) => [path, reference.text])).toEqual([
      ['models[1]', './base'],
      ['models[2]', 'math'],
    ]);
    expect(recipe.warnings).toEqual([]);
  });

  test('takes no parameters', () => {
    const recipe = parseRecipe(
      `${ties}  - {model: base, parameters: {weight: nonsense}}\n  - {model: math, parameters: {weight: 1}}\n`,
    );
    expect(warningsOf(recipe)).toEqual([
      '<recipe>:4:31: "parameters" is ignored: this model is the base, which takes no parameters',
    ]);
  });

  test('is one more input of a method that does not subtract it', () => {
    const recipe = parseRecipe(`merge_method: linear\nbase_model: base\n${twoModels}\nparameters: {weight: 0.5}`);
    expect(recipe.models.map(({ path, reference }) => [path, reference.text])).toEqual([
      ['models[0]', 'math'],
      ['models[1]', 'code'],
      ['base_model', 'base'],
    ]);
    expect(recipe.modules[0]!.slices[0]!.sources[2]!.levels[0]!.size).toBe(0);
    expect(recipe.warnings).toEqual([{ kind: 'base-appended', facts: { place: '<recipe>:2:13', model: 'base' } }]);
  });

  test.each([
    ['models', 'models: [{model: base}]', 3],
    ['slices', 'slices: [{sources: [{model: base, layer_range: [0, 4]}]}]', 3],
    ['modules', 'modules: {text: {models: [{model: base}]}}', 3],
  ])('alone is a recipe for what it is, which is warned of: %s', (key, text, line) => {
    const recipe = parseRecipe(`merge_method: ties\nbase_model: base\n${text}\n`);
    expect(recipe.models).toEqual([]);
    expect(recipe.bases.map((base) => base.text)).toEqual(['base']);
    const place = `<recipe>:${line}:${key.length + 3}`;
    expect(recipe.warnings).toEqual([{ kind: 'base-alone', facts: { place, model: 'base' } }]);
  });

  test('is not added when it is listed', () => {
    const recipe = parseRecipe(`merge_method: linear\nbase_model: code\n${twoModels}`);
    expect(recipe.models).toHaveLength(2);
    expect(recipe.warnings).toEqual([]);
  });
});

describe('warnings', () => {
  test('unknown keys, with the nearest name', () => {
    const recipe = parseRecipe(
      'merge_method: linear\nmodels:\n  - model: math\n    weigth: 2\n    parameters: {weight: {value: 1, fitler: mlp}}\n' +
        'parameters: {nromalize: true, zzz: 1}\ndtpye: float32\n',
    );
    expect(warningsOf(recipe)).toEqual([
      '<recipe>:4:5: unknown key "weigth" is ignored',
      '<recipe>:5:37: unknown key "fitler" is ignored; did you mean "filter"?',
      '<recipe>:6:14: unknown key "nromalize" is ignored; did you mean "normalize"?',
      '<recipe>:6:31: unknown key "zzz" is ignored',
      '<recipe>:7:1: unknown key "dtpye" is ignored; did you mean "dtype"?',
    ]);
  });

  test('keys that stand beside what holds them', () => {
    const recipe = parseRecipe(
      'merge_method: ties\nbase_model: base\nmodels:\n  - {model: a, density: 0.5, parameters: {weight: 1}}\n' +
        '  - {model: b, revision: v2, lora: c, parameters: {weight: 1}}\nlambda: 0.3\n',
    );
    expect(warningsOf(recipe)).toEqual([
      '<recipe>:4:16: unknown key "density" is ignored; did you mean "parameters: {density: …}"?',
      '<recipe>:5:16: unknown key "revision" is ignored; did you mean "model: name@revision"?',
      '<recipe>:5:30: unknown key "lora" is ignored; did you mean "model: name+adapter"?',
      '<recipe>:6:1: unknown key "lambda" is ignored; did you mean "parameters: {lambda: …}"?',
    ]);
  });

  test('keys that belong elsewhere, or had another name', () => {
    const recipe = parseRecipe(
      'merge_method: slerp\nbase_model: a\nmodels: [{model: a}, {model: b}]\npad_to_multiple_of: 8\nout_path: merged\n' +
        'parameters:\n  dtype: bfloat16\n  filter: mlp\n  t:\n    - {pattern: self_attn, value: 0.2}\n',
    );
    expect(warningsOf(recipe)).toEqual([
      '<recipe>:4:1: unknown key "pad_to_multiple_of" is ignored; did you mean "tokenizer: {pad_to_multiple_of: …}"?',
      '<recipe>:5:1: unknown key "out_path" is ignored; did you mean "output"?',
      '<recipe>:7:3: unknown key "dtype" is ignored; did you mean "dtype: … beside parameters"?',
      '<recipe>:8:3: unknown key "filter" is ignored; did you mean "parameter: [{filter: …, value: …}]"?',
      '<recipe>:10:8: unknown key "pattern" is ignored; did you mean "filter"?',
    ]);
  });

  test('keys that hold what aliases stand for are none, however often one is used, unless they look misspelt', () => {
    const recipe = parseRecipe(
      'tag: &A ./a\ntag: &B ./b\ntag: &HALF 0.5\nshared-env: &env {parameters: {weight: *HALF}}\n' +
        'lists: [1, {deep: &C ./c}]\nnothing: &UNUSED 7\nparamters: &p {weight: 2}\nmerge_method: linear\n' +
        'models:\n  - {model: *A, <<: *env}\n  - {model: *B, parameters: *p}\n  - {model: *C, parameters: {weight: 1}}\n',
    );
    expect(recipe.models.map(({ reference }) => reference.text)).toEqual(['./a', './b', './c']);
    const resolver = createResolver(recipe, findMethod('linear')!);
    const weights = recipe.modules[0]!.slices[0]!.sources.map((source) => resolver.forSource(source, 'w', 0).weight);
    expect(weights).toEqual([0.5, 2, 1]);
    expect(warningsOf(recipe)).toEqual([
      '<recipe>:6:1: unknown key "nothing" is ignored',
      '<recipe>:7:1: unknown key "paramters" is ignored; did you mean "parameters"?',
    ]);
  });

  test('keys of mergekit without effect', () => {
    const recipe = parseRecipe(
      'merge_method: task_arithmetic\nbase_model: base\nmodels:\n' +
        '  - {model: math, parameters: {weight: 1, density: 0.5, lambda: 0.1}}\n' +
        'parameters: {int8_mask: true}\n',
    );
    expect(recipe.warnings).toEqual([
      {
        kind: 'ignored-key',
        facts: {
          place: '<recipe>:4:43',
          key: 'density',
          reason: 'merge_method task_arithmetic does not use it',
        },
      },
      {
        kind: 'ignored-key',
        facts: {
          place: '<recipe>:4:57',
          key: 'lambda',
          reason: 'it has one value for the whole merge, which belongs under the top-level parameters',
        },
      },
      {
        kind: 'ignored-key',
        facts: {
          place: '<recipe>:5:14',
          key: 'int8_mask',
          reason: 'it only saves memory in mergekit; here memory is bounded in any case',
        },
      },
    ]);
    expect([...recipe.modules[0]!.slices[0]!.sources[0]!.levels[0]!.keys()]).toEqual(['weight']);
  });

  test('a lambda that mergekit would ignore, unless its method has one or another preset is meant', () => {
    const warningsOf = (method: string, more = '', lambda = '0.5') => {
      const parameters = `parameters: {lambda: ${lambda}}\n`;
      const models = 'models: [{model: math, parameters: {weight: 1}}]\n';
      const recipe = parseRecipe(`merge_method: ${method}\nbase_model: base\n${parameters}${models}${more}`);
      return recipe.warnings.filter(({ kind }) => kind === 'mergekit-ignores').map(({ facts }) => facts);
    };
    for (const method of ['sce', 'ram', 'ramplus_tl']) {
      expect(warningsOf(method)).toEqual([{ place: '<recipe>:3:22', key: 'lambda', method }]);
      expect(warningsOf(method, 'preset: m2rl\n')).toEqual([]);
      expect(warningsOf(method, '', '1.0')).toEqual([]);
      expect(warningsOf(method, '', '[1, 0.5]')).toHaveLength(1);
    }
    expect(warningsOf('ties')).toEqual([]);
  });

  test('a model that is listed twice counts once, with what its first entry says', () => {
    const recipe = parseRecipe(
      'merge_method: ties\nbase_model: base\nmodels:\n  - {model: a, parameters: {weight: 1}}\n' +
        '  - {model: a, parameters: {weight: 2, density: 0.5}}\n  - {model: b, parameters: {weight: 3}}\n',
    );
    expect(recipe.models.map(({ reference }) => reference.text)).toEqual(['a', 'b']);
    expect(recipe.warnings).toEqual([
      { kind: 'duplicate-model', facts: { place: '<recipe>:5:13', model: 'a', slices: false } },
    ]);
    const resolver = createResolver(recipe, findMethod('ties')!);
    const [first] = recipe.modules[0]!.slices[0]!.sources;
    expect(resolver.forSource(first!, 'w', 0)).toEqual({ weight: 1, density: 0.5 });
  });

  test('keys of every object are not confused with those of JavaScript', () => {
    const recipe = parseRecipe(
      'merge_method: linear\n__proto__: 1\nconstructor: 2\nmodels: [{model: a, toString: 3, parameters: {weight: 1, valueOf: 4}}]\n',
    );
    expect(recipe.warnings.map(({ kind, facts }) => [kind, 'key' in facts && facts.key])).toEqual([
      ['unknown-key', '__proto__'],
      ['unknown-key', 'constructor'],
      ['unknown-key', 'toString'],
      ['unknown-key', 'valueOf'],
    ]);
  });
});

describe('limits', () => {
  test('a text that is too long', () => {
    const [problem] = problemsOf(() => parseRecipe('#'.repeat(262_145))).facts.problems;
    expect(problem?.message).toBe('the recipe is longer than 262144 characters');
  });

  test('long text is cut in messages', () => {
    const { message } = problemsOf(() => parseRecipe(`merge_method: ${'x'.repeat(50_000)}\n${twoModels}`));
    expect(message.length).toBeLessThan(300);
  });

  test.each(['- ', '? ', '[', '{a: ', '{? '])('deep nesting of %j', (opening) => {
    const [problem] = problemsOf(() => parseRecipe(opening.repeat(40_000))).facts.problems;
    expect(problem?.message).toBe('the recipe is nested deeper than 64 levels');
  });
});

test('a slice without layers needs values where it chooses the tensors before or after them, and not between others', () => {
  const slice = (range: string, weight: string) => `  - sources: [{model: a, layer_range: ${range}${weight}}]\n`;
  const valued = ', parameters: {weight: 1}';
  const recipe = (...slices: readonly string[]) => parseRecipe(`merge_method: linear\nslices:\n${slices.join('')}`);
  const { warnings } = recipe(slice('[0, 1]', valued), slice('[1, 1]', ''), slice('[1, 2]', valued));
  expect(warnings.map(({ kind }) => kind)).toEqual(['empty-slice']);
  for (const slices of [
    [slice('[1, 1]', ''), slice('[0, 2]', valued)],
    [slice('[0, 2]', valued), slice('[1, 1]', '')],
  ]) {
    expect(problemsOf(() => recipe(...slices)).message).toContain('model "a" has no value of "weight"');
  }
});
