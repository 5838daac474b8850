/** A document whose tokens are those of another document's model comes after it. */
import { expect, test } from 'vitest';
import { parseRecipes } from '../../src/recipe/documents.js';
import { problemsOf } from './problems-of.js';

const document = (name: string, model: string, more = '') =>
  `name: ${name}\nmerge_method: linear\nmodels: [{model: ${model}, parameters: {weight: 1}}]\n${more}`;

const namesOf = (text: string) => parseRecipes(text).map(({ name }) => name);

test.each(['{source: tokens}', '{source: "model:tokens"}', '{source: {model: tokens}}'])(
  'a tokenizer that another document makes is needed: %s',
  (tokenizer) => {
    const first = document('first', 'a', `tokenizer: ${tokenizer}\n`);
    expect(namesOf(`${first}---\n${document('tokens', 'b')}`)).toEqual(['tokens', 'first']);
  },
);

test('one that no document makes changes nothing', () => {
  const first = document('first', 'a', 'tokenizer: {source: elsewhere}\n');
  expect(namesOf(`${first}---\n${document('tokens', 'b')}`)).toEqual(['first', 'tokens']);
});

test('documents that need each other by their tokenizers are a circle', () => {
  const first = document('first', 'a', 'tokenizer: {source: second}\n');
  const { message } = problemsOf(() => parseRecipes(`${first}---\n${document('second', 'first')}`));
  expect(message).toContain('needs what this one makes');
});
