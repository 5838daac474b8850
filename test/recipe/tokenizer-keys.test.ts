/** What the keys of `tokenizer` mean where they say little. */
import { expect, test } from 'vitest';
import { parseRecipe } from '../../src/recipe/parse.js';

const tokenizerOf = (text: string) =>
  parseRecipe(`merge_method: linear\nmodels: [{model: a, parameters: {weight: 1}}]\ntokenizer: ${text}\n`).tokenizer;

test('tokens are those of all models where no source is given', () => {
  expect(tokenizerOf('{pad_to_multiple_of: 8}')).toMatchObject({ source: 'union', padToMultipleOf: 8 });
});

test('padding to a multiple of nothing is no padding', () => {
  expect(tokenizerOf('{source: base, pad_to_multiple_of: 0}')).toMatchObject({ source: 'base', padToMultipleOf: 1 });
  expect(tokenizerOf('{source: base}')).toMatchObject({ padToMultipleOf: 1 });
});
