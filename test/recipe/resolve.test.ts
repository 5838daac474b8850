/** mergekit's rules of lookup, with numbers worked out by hand. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Method } from '../../kernels/method.js';
import { findMethod } from '../../kernels/methods/registry.js';
import type { Settings } from '../../kernels/parameters.js';
import { parseRecipe } from '../../src/recipe/parse.js';
import type { Recipe } from '../../src/recipe/recipe.js';
import { createResolver, layerFraction } from '../../src/recipe/resolve.js';
import { problemsOf } from './problems-of.js';

const MLP = 'model.layers.2.mlp.up_proj.weight';
const ATTENTION = 'model.layers.2.self_attn.q_proj.weight';

/** Lookups in the only slice of a recipe that merges whole models. */
interface Lookup {
  forModel(index: number, tensor: string, t: number): Settings;
  forMerge(tensor: string, t: number): Settings;
}

function lookup(recipe: Recipe, method: Method): Lookup {
  const resolver = createResolver(recipe, method);
  const slice = recipe.modules[0]!.slices[0]!;
  return {
    forModel: (index, tensor, t) => resolver.forSource(slice.sources[index]!, tensor, t),
    forMerge: (tensor, t) => resolver.forSlice(slice, tensor, t),
  };
}

function resolverOf(text: string): Lookup {
  const recipe = parseRecipe(text, { file: 'merge.yaml' });
  return lookup(recipe, findMethod(recipe.method)!);
}

/** A linear merge of `a` and `b`, with `weight` of `a` as written and top-level parameters as written. */
const linear = (weight: string | undefined, shared = '{weight: 1}'): string =>
  `merge_method: linear\nmodels:\n  - {model: a, parameters: ${weight === undefined ? '{}' : `{weight: ${weight}}`}}\n` +
  `  - {model: b, parameters: {weight: 1}}\nparameters: ${shared}\n`;

const weightAt = (text: string, tensor: string, t: number): unknown => resolverOf(text).forModel(0, tensor, t).weight;

describe('layer positions', () => {
  test('run from 0 to 1', () => {
    expect([0, 1, 2, 3].map((index) => layerFraction(index, 4))).toEqual([0, 1 / 3, 2 / 3, 1]);
  });

  test('a single layer is the last', () => {
    expect(layerFraction(0, 1)).toBe(1);
  });
});

describe('gradients', () => {
  const overLayers = (weight: string, count: number): unknown[] =>
    Array.from({ length: count }, (_, index) => weightAt(linear(weight), MLP, layerFraction(index, count)));

  test('two values over three layers', () => {
    expect(overLayers('[10, 50]', 3)).toEqual([10, 30, 50]);
    expect(overLayers('[10, 50]', 2)).toEqual([10, 50]);
    expect(overLayers('[10, 50]', 1)).toEqual([50]);
  });

  test('three values over four layers: positions 0, 2/3, 4/3 and 2', () => {
    const [first, second, third, last] = overLayers('[0.0, 0.5, 1.0]', 4) as number[];
    expect(first).toBe(0);
    expect(second).toBeCloseTo(1 / 3, 15);
    expect(third).toBeCloseTo(2 / 3, 15);
    expect(last).toBe(1);
  });

  test('a hat over five layers', () => {
    expect(overLayers('[0, 1, 0]', 5)).toEqual([0, 0.5, 1, 0.5, 0]);
  });

  test('tensors outside the layers take the first value', () => {
    expect(weightAt(linear('[10, 50]'), 'lm_head.weight', 0)).toBe(10);
  });

  test('one value alone is constant', () => {
    expect(overLayers('[0.5]', 3)).toEqual([0.5, 0.5, 0.5]);
  });

  test('work inside a condition', () => {
    expect(weightAt(linear('[{filter: mlp, value: [0, 4]}, {value: 9}]'), MLP, 0.25)).toBe(1);
    expect(weightAt(linear('[{filter: mlp, value: [0, 4]}, {value: 9}]'), ATTENTION, 0.25)).toBe(9);
  });

  test('of a flag are mixed as numbers, and only 0 is false', () => {
    const resolver = resolverOf(linear('1', '{normalize: [0, 1, no]}'));
    expect([0, 0.1, 0.5, 0.9, 1].map((t) => resolver.forMerge(MLP, t).normalize)).toEqual([
      false,
      true,
      true,
      true,
      false,
    ]);
  });

  test('stay between their neighbours', () => {
    const value = fc.double({ min: -1e30, max: 1e30, noNaN: true });
    fc.assert(
      fc.property(
        fc.array(value, { minLength: 2, maxLength: 5 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (values, t) => {
          const weight = weightAt(linear(`[${values.join(', ')}]`), MLP, t) as number;
          const left = Math.min(Math.floor(t * (values.length - 1)), values.length - 2);
          const pair = [values[left]!, values[left + 1]!];
          expect(weight).toBeGreaterThanOrEqual(Math.min(...pair));
          expect(weight).toBeLessThanOrEqual(Math.max(...pair));
        },
      ),
      { numRuns: 100 },
    );
  });
});

describe('filters', () => {
  test('the first that matches decides', () => {
    const text = linear(
      '[{filter: up_proj, value: 1}, {filter: mlp, value: 2}, {value: 3}, {filter: self_attn, value: 4}]',
    );
    expect(weightAt(text, MLP, 0)).toBe(1);
    expect(weightAt(text, 'model.layers.0.mlp.down_proj.weight', 0)).toBe(2);
    expect(weightAt(text, ATTENTION, 0)).toBe(3);
  });

  test('are plain parts of names, not patterns', () => {
    const text = linear('[{filter: "q_proj|k_proj", value: 1}, {filter: "layers..", value: 2}, {value: 3}]');
    expect(weightAt(text, ATTENTION, 0)).toBe(3);
  });

  test.each(['"*"', '""', 'null'])('%s matches everything', (filter) => {
    expect(weightAt(linear(`[{filter: ${filter}, value: 7}, {value: 8}]`), 'anything', 0)).toBe(7);
  });

  test('that match nothing leave it to the next level', () => {
    const text = linear('[{filter: mlp, value: 0.9}]', '{weight: [{filter: self_attn, value: 0.3}, {value: 0.45}]}');
    expect(weightAt(text, MLP, 0)).toBe(0.9);
    expect(weightAt(text, ATTENTION, 0)).toBe(0.3);
    expect(weightAt(text, 'model.norm.weight', 0)).toBe(0.45);
  });
});

describe('precedence', () => {
  const ties = (preset: string, model: string, shared: string): Lookup =>
    resolverOf(
      `merge_method: ties\npreset: ${preset}\nbase_model: base\nmodels: [{model: base}, {model: a, parameters: ${model}}]\nparameters: ${shared}\n`,
    );

  test('model, then top level, then preset, then the method', () => {
    expect(ties('m2rl', '{density: 0.7}', '{density: 0.6}').forModel(0, MLP, 0)).toMatchObject({ density: 0.7 });
    expect(ties('m2rl', '{}', '{density: 0.6}').forModel(0, MLP, 0)).toMatchObject({ density: 0.6 });
    expect(ties('m2rl', '{}', '{}').forModel(0, MLP, 0)).toMatchObject({ density: 0.2, weight: 1 });
    expect(ties('mergekit', '{weight: 2}', '{}').forModel(0, MLP, 0)).toEqual({ density: 1, weight: 2 });
  });

  test('a condition of the top level falls through to the preset', () => {
    const resolver = ties(
      'm2rl',
      '{}',
      '{density: [{filter: mlp, value: 0.5}], trim_scope: [{filter: mlp, value: tensor}]}',
    );
    expect(resolver.forModel(0, MLP, 0).density).toBe(0.5);
    expect(resolver.forModel(0, ATTENTION, 0).density).toBe(0.2);
    expect(resolver.forMerge(MLP, 0).trim_scope).toBe('tensor');
    expect(resolver.forMerge(ATTENTION, 0).trim_scope).toBe('model');
  });

  test('every declared parameter of the scope is there, and no other', () => {
    const resolver = ties('mergekit', '{weight: 1}', '{}');
    const names = (scope: string): string[] =>
      findMethod('ties')!
        .parameters.filter((parameter) => parameter.scope === scope)
        .map(({ name }) => name)
        // Those of `sparsify` are there where the recipe has it.
        .filter((name) => !name.startsWith('sparsify.'));
    expect(Object.keys(resolver.forModel(0, MLP, 0)).sort()).toEqual(names('model').sort());
    expect(Object.keys(resolver.forMerge(MLP, 0)).sort()).toEqual(names('merge').sort());
  });

  test('per-merge values under a model do not count', () => {
    expect(ties('mergekit', '{weight: 1, lambda: 0.1}', '{lambda: 0.5}').forMerge(MLP, 0).lambda).toBe(0.5);
  });
});

describe('equal settings', () => {
  test('are one frozen object, across tensors and models', () => {
    const resolver = resolverOf(linear('[{filter: mlp, value: 1}, {value: [0, 2]}]'));
    const settings = resolver.forModel(0, MLP, 0.3);
    expect(resolver.forModel(1, ATTENTION, 0.9)).toBe(settings);
    expect(resolver.forModel(0, ATTENTION, 0.5)).toBe(settings);
    expect(resolver.forModel(0, ATTENTION, 0.25)).not.toBe(settings);
    expect(Object.isFrozen(settings)).toBe(true);
    expect(resolver.forMerge(MLP, 0)).toBe(resolver.forMerge(ATTENTION, 1));
  });
});

describe('a required value that no entry gives', () => {
  test('of a model is reported at the list that lacks a catch-all', () => {
    const resolver = resolverOf(
      'merge_method: ties\nbase_model: base\nmodels:\n  - model: base\n  - model: math\n    parameters:\n      weight:\n' +
        '        - {filter: mlp, value: 1}\n',
    );
    expect(resolver.forModel(0, MLP, 0).weight).toBe(1);
    const { message } = problemsOf(() => resolver.forModel(0, 'lm_head.weight', 0));
    expect(message).toBe(
      'merge.yaml:8:9: models[1].parameters.weight: no value of "weight" matches tensor "lm_head.weight" of model "math" (add an entry without a filter)',
    );
  });

  test('at the top level is reported there', () => {
    const resolver = resolverOf(linear(undefined, '{weight: [{filter: mlp, value: 1}]}'));
    const { message } = problemsOf(() => resolver.forModel(0, ATTENTION, 0));
    expect(message).toBe(
      `merge.yaml:5:22: parameters.weight: no value of "weight" matches tensor "${ATTENTION}" of model "a" (add an entry without a filter)`,
    );
  });

  test('of the merge names no model', () => {
    const blend: Method = {
      ...findMethod('linear')!,
      parameters: [{ name: 't', scope: 'merge', kind: 'number', summary: 'share of the second model' }],
    };
    const resolver = lookup(parseRecipe(linear('1'), { file: 'merge.yaml' }), blend);
    const { facts } = problemsOf(() => resolver.forMerge(MLP, 0));
    expect(facts.problems).toEqual([
      {
        line: 3,
        column: 3,
        path: 'models',
        message: `no value of "t" matches tensor "${MLP}"`,
        hint: 'add an entry without a filter',
      },
    ]);
  });
});
