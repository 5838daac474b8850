/** Which merges a sweep stands for. */
import { describe, expect, it } from 'vitest';
import type { M2MergeError } from '../../src/errors.js';
import { parseRecipe } from '../../src/recipe/parse.js';
import type { Recipe } from '../../src/recipe/recipe.js';
import { expandSweep } from '../../src/sweep/expand.js';
import { readSweep } from '../../src/sweep/load.js';
import { messagesOf } from './messages-of.js';

const RECIPE = `# a comment
merge_method: task_arithmetic
base_model: /m/base
models:
  - model: /m/math
    parameters: {weight: 0.5}
  - model: {model: {path: /m/code, revision: "1.10"}}
parameters: &shared
  weight: 1
  lambda: 0.30
output: elsewhere
`;

const expand = (sweep: string, set: readonly { setting: string; values: readonly string[] }[] = []) => {
  const text = RECIPE + sweep;
  return expandSweep(text, { file: 'recipe.yaml' }, readSweep(text, { file: 'recipe.yaml' }, set).section);
};

describe('the variants of a sweep', () => {
  it('are all combinations, the last setting fastest', () => {
    const variants = expand('sweep: {parameters: {lambda: [0.3, 1e-1], seed: [1, 2]}}');
    expect(variants.map(({ settings }) => settings)).toEqual([
      { lambda: '0.3', seed: '1' },
      { lambda: '0.3', seed: '2' },
      { lambda: '1e-1', seed: '1' },
      { lambda: '1e-1', seed: '2' },
    ]);
    expect(variants.map(({ name }) => name)).toEqual([
      'lambda-0.3_seed-1',
      'lambda-0.3_seed-2',
      'lambda-1e-1_seed-1',
      'lambda-1e-1_seed-2',
    ]);
    expect(variants[3]!.recipe.seed).toBe(2);
    expect(variants[3]!.recipe.output).toBeUndefined();
    expect(variants[3]!.recipeText).not.toContain('sweep');
  });

  it('write what the recipe does not change as it was, numbers and revisions included', () => {
    const [variant] = expand('sweep: {parameters: {lambda: [0.6]}}');
    expect(variant!.recipeText).toContain('0.5');
    expect(variant!.recipe.models.map(({ reference }) => reference.text)).toEqual(['/m/math', '/m/code@1.10']);
  });

  it('tell a model that is called as nothing is spelt from nothing', () => {
    const text = `merge_method: linear
models: [{model: "null", parameters: {weight: 1}}, {model: '~', parameters: {weight: 1}}]
dtype: ~
parameters: null
sweep: {parameters: {seed: [1]}}
`;
    const [variant] = expandSweep(text, {}, readSweep(text, {}, []).section);
    expect(variant!.recipe.models.map(({ reference }) => reference.text)).toEqual(['null', '~']);
    expect(variant!.recipeText).toContain('model: "null"');
    expect(variant!.recipeText).toContain('parameters: null');
  });

  it('have names of their own, also where folders cannot be called like their values', () => {
    const names = expand('sweep: {parameters: {lambda: [1, 1., 1e0], merge_method: [ties, linear]}}').map(
      ({ name }) => name,
    );
    expect(new Set(names).size).toBe(names.length);
    const last = expand('sweep: {parameters: {lambda: [1, 1.]}}').map(({ name }) => name);
    expect(last).toEqual(['lambda-1', expect.stringMatching(/^lambda-1-[0-9a-f]{8}$/)]);
  });

  it('set parameters of one model by its folder', () => {
    const variants = expand('sweep: {parameters: {models.math.weight: [0.1, 0.2], models.code.weight: [[0, 1]]}}');
    expect(variants).toHaveLength(2);
    expect(variants[1]!.settings).toEqual({ 'models.math.weight': '0.2', 'models.code.weight': '["0","1"]' });
    expect(new Set(variants.map(({ name }) => name)).size).toBe(2);
  });

  it('set parameters of one model by the name of its repository, whatever the revision', () => {
    const text = `${RECIPE.replace('/m/math', 'org/math@refs/pr/1')}sweep: {parameters: {models.math.weight: [0.1]}}`;
    const [variant] = expandSweep(text, {}, readSweep(text, {}, []).section);
    expect(variant!.recipeText).toContain('model: org/math@refs/pr/1\n    parameters:\n      weight: 0.1');
  });

  it('can take a key of the recipe away', () => {
    const [variant] = expand('sweep: {variants: [{merge_method: linear, base_model: ~}]}');
    expect(variant!.recipe.base).toBeUndefined();
    // Not "none", which other settings have as a value.
    expect(variant!.settings).toEqual({ merge_method: 'linear', base_model: '~' });
    expect(variant!.name).toMatch(/^merge_method-linear_base_model-[0-9a-f]{8}$/);
  });

  it('leave out what their method does not have, and are each there once', () => {
    const variants = expand(
      'sweep: {variants: [{merge_method: ties}, {merge_method: linear}], parameters: {density: [0.1, 0.2]}}',
    );
    expect(variants.map(({ settings }) => settings)).toEqual([
      { merge_method: 'ties', density: '0.1' },
      { merge_method: 'ties', density: '0.2' },
      { merge_method: 'linear' },
    ]);
  });

  it('put what drops elements in front of methods that take it, and vary its parts', () => {
    const variants = expand(`sweep:
  variants: [{merge_method: ties, sparsify: {method: dare, rescale: density}}, {merge_method: ties}, {merge_method: linear, base_model: ~, sparsify: {method: dare}}]
  parameters: {sparsify.density: [0.5, 0.8]}`);
    const front = { merge_method: 'ties', sparsify: 'method: dare, rescale: density' };
    expect(variants.map(({ settings }) => settings)).toEqual([
      { ...front, 'sparsify.density': '0.5' },
      { ...front, 'sparsify.density': '0.8' },
      { merge_method: 'ties' },
      { merge_method: 'linear', base_model: '~' },
    ]);
    const single = parseRecipe(
      `${RECIPE.replace('task_arithmetic', 'ties')}sparsify: {method: dare, rescale: density, density: 0.8}`,
    );
    const values = ({ parameters }: Recipe) => [...parameters].map(([name, { entries }]) => [name, entries]);
    expect(values(variants[1]!.recipe)).toEqual(values(single));
    expect(variants[1]!.recipe.warnings).toEqual([]);
  });

  it('vary what drops elements where the recipe has it, also among the parameters and of one model', () => {
    const recipe = RECIPE.replace('  lambda: 0.30', '  sparsify: {method: dare, density: 0.9}');
    const sweep = 'sweep: {parameters: {sparsify.density: [0.5], models.math.sparsify.density: [0.25]}}';
    const origin = { file: 'recipe.yaml' };
    const [variant] = expandSweep(recipe + sweep, origin, readSweep(recipe + sweep, origin, []).section);
    const { parameters, modules } = variant!.recipe;
    expect(parameters.get('sparsify.density')!.entries).toEqual([{ values: [0.5] }]);
    const [math] = modules[0]!.slices[0]!.sources;
    expect(math!.levels[0]!.get('sparsify.density')!.entries).toEqual([{ values: [0.25] }]);
    expect(variant!.recipeText.match(/sparsify/g)).toHaveLength(2);
  });

  it('take values of the command line in the place of the recipe’s', () => {
    const variants = expand('sweep: {parameters: {lambda: [0.3, 0.6]}}', [{ setting: 'lambda', values: ['0.9'] }]);
    expect(variants.map(({ settings }) => settings)).toEqual([{ lambda: '0.9' }]);
  });

  it('can be samples of ranges and lists', () => {
    const sweep = 'sweep: {parameters: {lambda: {minimum: 0.1, maximum: 10, log: yes}, seed: [1, 2]}, sample: {n: 32}}';
    const values = expand(sweep).map(({ settings }) => Number(settings.lambda));
    expect(values).toHaveLength(32);
    for (const value of values) expect(value >= 0.1 && value <= 10).toBe(true);
    // Half of the logarithmic range lies below 1; without its zero point the sequence may be off by one.
    const low = values.filter((value) => value < 1).length;
    expect(low >= 15 && low <= 17).toBe(true);
    const first = expand(sweep).filter(({ settings }) => settings.seed === '1').length;
    expect(first >= 15 && first <= 17).toBe(true);
  });

  it.each([
    ['sweep: {}', 'tries nothing'],
    ['sweep: {evaluate: {command: a}}', 'tries nothing'],
    ['sweep: {parameters: {lamda: [1]}}', 'no method of the sweep has the parameter "lamda"'],
    ['sweep: {parameters: {sparsify.density: [0.5]}}', 'no method of the sweep has the parameter "sparsify.density"'],
    ['sweep: {parameters: {models.maths.weight: [1]}}', 'there is no model "maths" in the recipe'],
    ['sweep: {parameters: {lambda: {minimum: 0, maximum: 1}}}', 'lambda is a range, which has no combinations'],
    ['sweep: {parameters: {lambda: {minimum: 2, maximum: 1}}, sample: {n: 3}}', 'the minimum is not below the maximum'],
    ['sweep: {parameters: {lambda: []}}', 'expected a list of values, found an empty list'],
    ['sweep: {parameters: {lambda: [x]}}', 'expected a number, found "x"'],
    [
      'sweep: {parameters: {lambda: [1]}, evaluate: {command: [a], maximize: m, minimize: m}}',
      'either maximizes or minimizes, not both',
    ],
    ['sweep: {parameters: {models.math: [1]}}', 'names no parameter of a model'],
    ['sweep: {variants: [{lambda: 0.5}], parameters: {lambda: [1, 2]}}', '12 sweep.lambda: is set twice'],
    [
      'sweep: {parameters: {lambda: [1, 2], parameters.lambda: [3]}}',
      '12 sweep.parameters.lambda: sets the same as "lambda"',
    ],
    [
      'sweep: {parameters: {models.math.weight: [1], models./m/math.weight: [3]}}',
      'sets the same as "models.math.weight"',
    ],
    ['sweep: {parameters: {lambda: [1]}, evaluate: {command: "  "}}', 'the command names no program'],
    ['sweep: {parameters: {lambda: [1]}, evaluate: {command: "a \'b"}}', "the command has a ' that is not closed"],
    ['sweep: {parameters: {lambda: [1]}, evaluate: {command: a, timeout: 0}}', 'expected a whole number from 1 to'],
    ['sweep: {parameters: {lambda: [1]}, evaluate: {command: a, parallel: 0}}', 'expected a whole number from 1 to'],
    ['sweep: {parameters: {lambda: [1]}, sample: {n: 0}}', 'expected a whole number from 1 to 10000'],
    [
      `sweep: {parameters: {${Array.from({ length: 13 }, (_, i) => `k${i}: [1, 2]`).join(', ')}}, sample: {strategy: sobol, n: 4}}`,
      "samples 13 settings, and Sobol's sequence here spreads over at most 12",
    ],
    ['sweep: {parameters: {lambda: {minimum: 1, maximum: 1}}, sample: {n: 3}}', 'the minimum is not below the maximum'],
    [
      'sweep: {parameters: {lambda: {minimum: 0, maximum: 1, log: yes}}, sample: {n: 3}}',
      'a logarithmic range begins above 0',
    ],
    ['', 'has no sweep'],
  ])('are not there for %s', (sweep, message) => {
    expect(messagesOf(() => expand(sweep)).join()).toContain(message);
  });

  it('without a key, and with what is called none, have folders of their own', () => {
    const variants = expand(
      'sweep: {variants: [{merge_method: ties, zero_sign: ~}, {merge_method: ties, zero_sign: none}]}',
    );
    expect(variants.map(({ settings }) => settings.zero_sign)).toEqual(['~', 'none']);
    expect(new Set(variants.map(({ name }) => name)).size).toBe(2);
  });

  it('of samples stay within their ranges though they are rounded', () => {
    const sweep =
      'sweep: {parameters: {lambda: {minimum: 0.99991, maximum: 0.99999}}, sample: {strategy: random, n: 64}}';
    const values = expand(sweep).map(({ settings }) => Number(settings.lambda));
    for (const value of values) expect(value >= 0.99991 && value <= 0.99999).toBe(true);
  });

  it('of variants and their combinations count together', () => {
    const seeds = Array.from({ length: 200 }, (_, i) => i);
    const variants = Array.from({ length: 60 }, (_, i) => `{lambda: ${1 + i}}`);
    const messages = messagesOf(() =>
      expand(`sweep: {parameters: {seed: [${seeds}]}, variants: [${variants}]}`),
    ).join();
    expect(messages).toMatch(/variants/);
  });

  it('may all be said on the command line, of a sweep that says how to judge', () => {
    const variants = expand('sweep: {evaluate: {command: a}}', [{ setting: 'lambda', values: ['0.3', '0.6'] }]);
    expect(variants.map(({ name }) => name)).toEqual(['lambda-0.3', 'lambda-0.6']);
  });

  it('have places in the file that the user wrote, not in the one that is made of it', () => {
    const wrong = RECIPE.replace('weight: 0.5', 'weight: x');
    const text = `${wrong}sweep: {parameters:\n  {lambda: [y],\n  seed: [1]}}`;
    const origin = { file: 'recipe.yaml' };
    expect(messagesOf(() => expandSweep(text, origin, readSweep(text, origin, []).section))).toEqual([
      '6 models[0].parameters.weight: expected a number, found "x"',
      '13 parameters.lambda: expected a number, found "y"',
    ]);
    const [variant] = expand('unknown: 1\nsweep: {parameters: {lambda: [1]}}');
    expect(variant!.recipe.models.map(({ reference }) => reference.position.line)).toEqual([5, 7]);
    expect(variant!.recipe.warnings.map(({ facts }) => facts)).toEqual([
      { key: 'unknown', place: 'recipe.yaml (lambda=1):12:1' },
    ]);
  });

  it('say at once what is near a name that no method has, and what is wrong alone', () => {
    const hintsOf = (sweep: string): (string | undefined)[] => {
      try {
        expand(sweep);
      } catch (error) {
        return (error as M2MergeError<'recipe-invalid'>).facts.problems.map(({ hint }) => hint);
      }
      return [];
    };
    expect(hintsOf('sweep: {parameters: {lamda: [1]}}')).toEqual(['did you mean "lambda"?']);
    expect(hintsOf('sweep: {parameters: {models.math.weigth: [1]}}')).toEqual(['did you mean "weight"?']);
    expect(hintsOf('sweep: {parameters: {t: [1]}}')).toEqual([undefined]);
    expect(messagesOf(() => expand('sweep: {parameters: {lambda: []}}'))).toHaveLength(1);
    expect(messagesOf(() => expand('sweep: {variants: []}'))).toHaveLength(1);
  });

  it('take the command line in the place of the recipe wherever that sets the same, and once', () => {
    const chosen = [{ setting: 'parameters.lambda', values: ['0.9'] }];
    const sweep = 'sweep: {variants: [{lambda: 0.5}, {merge_method: ties, lambda: 0.7}], parameters: {seed: [1]}}';
    expect(expand(sweep, chosen).map(({ settings }) => settings)).toEqual([
      { seed: '1', 'parameters.lambda': '0.9' },
      { merge_method: 'ties', seed: '1', 'parameters.lambda': '0.9' },
    ]);
    expect(() => expand('', [...chosen, { setting: 'lambda', values: ['1'] }])).toThrow(
      'lambda is set twice on the command line',
    );
    // Nothing of the file is to blame for what the command line says.
    expect(() => expand('', [{ setting: 'lamda', values: ['1'] }])).toThrow(/^command line: sweep.lamda: no method/);
  });

  it('have the parts of what drops elements, wherever they are written', () => {
    const [variant] = expand(
      'sweep: {parameters: {sparsify.density: [0.5], sparsify: [{method: dare, density: 0.8}]}}',
    );
    expect(variant!.recipe.parameters.get('sparsify.density')!.entries).toEqual([{ values: [0.5] }]);
    expect(Object.keys(variant!.settings)).toEqual(['sparsify.density', 'sparsify']);
  });

  it('are without keys that hold what aliases stand for, as a single merge is without a warning of them', () => {
    const recipe = `tag: &code /m/code\nbase: &base {weight: 2}\n${RECIPE.replace('weight: 1\n', '<<: *base\n')}`;
    const text = `${recipe.replace('{path: /m/code,', '{path: *code,')}sweep: {parameters: {seed: [1]}}`;
    const [variant] = expandSweep(text, {}, readSweep(text, {}, []).section);
    expect(variant!.recipe.warnings.map(({ facts }) => facts)).toEqual([]);
    expect(variant!.recipe.models[1]!.reference.text).toBe('/m/code@1.10');
    expect(variant!.recipeText).not.toContain('tag');
  });

  it('are not too many', () => {
    const values = Array.from({ length: 101 }, (_, i) => i).join();
    expect(messagesOf(() => expand(`sweep: {parameters: {lambda: [${values}], seed: [${values}]}}`)).join()).toContain(
      'more than 10000 variants',
    );
  });
});
