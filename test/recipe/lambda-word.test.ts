/** `lambda: norm_preserving`: a word in the place of a number, where a method has it. */
import { expect, it } from 'vitest';
import { parseRecipe } from '../../src/recipe/parse.js';
import { problemsOf } from './problems-of.js';

const recipe = (method: string, lambda: string) =>
  parseRecipe(`merge_method: ${method}
base_model: b
models: [{model: x, parameters: {weight: 1}}]
parameters: {lambda: ${lambda}}`);

it('is a value of task arithmetic', () => {
  expect(recipe('task_arithmetic', 'norm_preserving').parameters.get('lambda')!.entries).toEqual([
    { values: ['norm_preserving'] },
  ]);
});

it('is none of methods without it, of lists, or misspelt', () => {
  for (const [method, lambda] of [
    ['ties', 'norm_preserving'],
    ['task_arithmetic', '[0.5, norm_preserving]'],
    ['task_arithmetic', 'norm-preserving'],
  ] as const) {
    const { message } = problemsOf(() => recipe(method, lambda));
    expect(message).toContain('expected a number');
  }
});
