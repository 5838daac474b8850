/** How a recipe names models: mergekit's text and its mappings. */
import { describe, expect, test } from 'vitest';
import { parseRecipe } from '../../src/recipe/parse.js';
import { parseReference, REFERENCE_PATTERN } from '../../src/recipe/reference.js';
import { describeWarning } from '../../src/warnings.js';

const recipeOf = (model: string) =>
  parseRecipe(`merge_method: linear\nmodels: [{model: ${model}, parameters: {weight: 1}}]`);

describe('as text', () => {
  test.each([
    ['math', { path: 'math', revision: undefined }, undefined],
    ['org/model@main', { path: 'org/model', revision: 'main' }, undefined],
    ['org/model+org/lora', { path: 'org/model', revision: undefined }, { path: 'org/lora', revision: undefined }],
    ['a/b@c+d/e@f', { path: 'a/b', revision: 'c' }, { path: 'd/e', revision: 'f' }],
    ['C:\\models\\math', { path: 'C:\\models\\math', revision: undefined }, undefined],
  ])('%s', (text, location, adapter) => {
    expect(parseReference(text)).toEqual({ location, adapter });
    expect(text).toMatch(new RegExp(REFERENCE_PATTERN));
  });

  test.each(['a+b+c', 'a@b@c', 'a@', '@b', '+b', 'a+', 'a+b@', 'a+@b', ''])('%j is refused', (text) => {
    expect(parseReference(text)).toHaveProperty('problem');
    expect(text).not.toMatch(new RegExp(REFERENCE_PATTERN));
  });
});

describe('in a recipe', () => {
  test.each([
    ['2024', '2024', '2024', undefined],
    ['org/model@v2', 'org/model@v2', 'org/model', 'v2'],
    ['{model: {path: org/model, revision: 1.10}}', 'org/model@1.10', 'org/model', '1.10'],
    ['{model: {path: org/model, revision: null}}', 'org/model', 'org/model', undefined],
    ['{model: ./c++@home}', './c++@home', './c++@home', undefined],
  ])('%s', (written, text, path, revision) => {
    const { reference } = recipeOf(written).models[0]!;
    expect(reference).toEqual({ text, path, revision, adapter: undefined, position: { line: 2, column: 18 } });
  });

  test.each([
    ['org/model@v2+tuned', 'org/model@v2+tuned', 'v2', { path: 'tuned', revision: undefined }],
    [
      '{model: org/model, lora: {path: org/lora, revision: v1}}',
      'org/model+org/lora@v1',
      undefined,
      { path: 'org/lora', revision: 'v1' },
    ],
  ])('%s has an adapter', (written, text, revision, adapter) => {
    const { reference } = recipeOf(written).models[0]!;
    expect(reference).toMatchObject({ text, path: 'org/model', revision, adapter });
  });

  test('the architecture needs no override', () => {
    const recipe = recipeOf('{model: math, override_architecture: LlamaForCausalLM}');
    expect(recipe.warnings.map(describeWarning)).toEqual([
      '<recipe>:2:55: "override_architecture" is ignored: the layers are found by the names of the tensors, whatever the architecture',
    ]);
  });
});
