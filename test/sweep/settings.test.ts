/** Settings of a sweep: which model one is of, and which of them a variant has. */
import { describe, expect, it } from 'vitest';
import { expandSweep } from '../../src/sweep/expand.js';
import { readSweep } from '../../src/sweep/load.js';
import { messagesOf } from './messages-of.js';

describe('settings', () => {
  it('leave out what their sparsifier does not have, and are each there once', () => {
    const sweep = 'sweep: {parameters: {sparsify.method: [dare, della], sparsify.epsilon: [0.1, 0.2]}}';
    const recipe = `merge_method: task_arithmetic\nbase_model: b\nmodels: [{model: x}]\nparameters: {weight: 1, sparsify: {method: dare, density: 0.5}}\n`;
    const text = recipe + sweep;
    const variants = expandSweep(text, {}, readSweep(text, {}, []).section);
    expect(variants.map(({ settings }) => settings)).toEqual([
      { 'sparsify.method': 'dare' },
      { 'sparsify.method': 'della', 'sparsify.epsilon': '0.1' },
      { 'sparsify.method': 'della', 'sparsify.epsilon': '0.2' },
    ]);
    expect(variants.flatMap((variant) => variant.recipe.warnings)).toEqual([]);
  });

  it('of a dozen settings may be spread by Sobol’s sequence', () => {
    const weights = Array.from({ length: 6 }, (_, i) => `models.m${i}.weight: [1, 2], models.m${i}.density: [0.5, 1]`);
    const models = Array.from({ length: 6 }, (_, i) => `{model: m${i}}`);
    const recipe = `merge_method: ties\nbase_model: b\nmodels: [${models}]\nparameters: {weight: 1}\n`;
    const text = `${recipe}sweep: {parameters: {${weights}}, sample: {n: 8}}`;
    const { section } = readSweep(text, {}, []);
    expect(expandSweep(text, {}, section)).toHaveLength(8);
  });

  it.each([
    ['[./math/checkpoint-5, ./code/checkpoint-5]', 'checkpoint-5', 'there are 2 models "checkpoint-5" in the recipe'],
    [
      '[{model: {model: ./sft, lora: ./a}}, {model: {model: ./sft, lora: ./b}}]',
      'sft',
      'there are 2 models "sft" in the recipe',
    ],
  ])('of a model are refused where it is not clear which: %s', (models, name, message) => {
    const text = `merge_method: ties\nbase_model: b\nmodels: ${models}\nsweep: {parameters: {models.${name}.weight: [1]}}\n`;
    const refused = messagesOf(() => expandSweep(text, {}, readSweep(text, {}, []).section));
    expect(refused.join()).toContain(message);
  });

  it('of the only model with an adapter go by its base as well', () => {
    const models = '[{model: {model: ./sft, lora: ./a}}, {model: ./other}]';
    const head = `merge_method: ties\nbase_model: base\nmodels: ${models}\nparameters: {weight: 1}\n`;
    const text = `${head}sweep: {parameters: {models.sft.weight: [0.5]}}\n`;
    const [variant] = expandSweep(text, {}, readSweep(text, {}, []).section);
    expect(variant!.recipeText).toMatch(/lora: \.\/a.*weight: 0\.5/s);
  });

  it('of a dozen and more settings are taken from who asks', () => {
    const axes = Array.from({ length: 13 }, (_, i) => `models.m${i}.weight: [1, 2]`);
    const text = `merge_method: ties\nbase_model: b\nmodels: [{model: x}]\nsweep: {parameters: {${axes}}, sample: {n: 4}}\n`;
    expect(readSweep(text, {}, [], true).section.axes).toHaveLength(13);
  });

  it('of a model with an adapter go by the adapter', () => {
    const models = '[{model: {model: ./sft, lora: ./a}}, {model: ./sft+./b}]';
    const head = `merge_method: ties\nbase_model: base\nmodels: ${models}\nparameters: {weight: 1}\n`;
    const text = `${head}sweep: {parameters: {models.a.weight: [0.5], models.b.weight: [2]}}\n`;
    const [variant] = expandSweep(text, {}, readSweep(text, {}, []).section);
    expect(variant!.recipeText).toMatch(/lora: \.\/a.*weight: 0\.5.*sft\+\.\/b.*weight: 2/s);
  });
});
