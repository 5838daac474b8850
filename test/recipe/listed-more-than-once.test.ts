/** Sources of a slice: the base that is listed twice, and a third one of another length. */
import { expect, test } from 'vitest';
import { parseRecipe } from '../../src/recipe/parse.js';
import { problemsOf } from './problems-of.js';

const source = (model: string, begin: number, end: number): string =>
  `      - {model: ${model}, layer_range: [${begin}, ${end}], parameters: {weight: 1}}\n`;

const slice = (method: string, ...sources: readonly string[]): string =>
  `merge_method: ${method}\nslices:\n  - sources:\n${sources.join('')}`;

test('the layers of a base that is listed twice are those of its last entry, as for any model', () => {
  const base = (begin: number, end: number) => `      - {model: base, layer_range: [${begin}, ${end}]}\n`;
  const sources = [base(0, 2), source('a', 0, 2), base(4, 6), source('a', 6, 8)];
  const recipe = parseRecipe(`base_model: base\n${slice('task_arithmetic', ...sources)}`);
  const [merged] = recipe.modules[0]!.slices;
  expect(merged!.base!.range).toMatchObject({ begin: 4, end: 6 });
  expect(merged!.sources.map(({ range }) => range)).toMatchObject([{ begin: 6, end: 8 }]);
});

test('a third source of another length is refused like a second one', () => {
  const text = slice('linear', source('a', 0, 2), source('b', 2, 4), source('c', 0, 3));
  expect(problemsOf(() => parseRecipe(text)).facts.problems).toMatchObject([
    { line: 6, message: 'has 3 layers, but the first source of the slice has 2' },
  ]);
});
