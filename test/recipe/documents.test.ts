/** Several recipes in one text: order, texts, positions, and what is refused. */
import { describe, expect, test } from 'vitest';
import { parseRecipes } from '../../src/recipe/documents.js';
import { parseRecipe } from '../../src/recipe/parse.js';
import { problemsOf } from './problems-of.js';

const document = (name: string, model: string) =>
  `${name === '' ? '' : `name: ${name}\n`}merge_method: linear\nmodels: [{model: ${model}, parameters: {weight: 1}}]\n`;

test('come after what they need, the one without a name last; each keeps its text', () => {
  const recipes = parseRecipes(
    `---\n${document('', 'x')}---\n${document('z', 'x@v1')}---\n# y\n${document('y', 'x')}...\n---\n${document('x', 'math')}`,
  );
  expect(recipes.map(({ name }) => name)).toEqual(['z', 'x', 'y', undefined]);
  expect(recipes.map(({ text }) => text)).toEqual([
    document('z', 'x@v1'),
    document('x', 'math'),
    `# y\n${document('y', 'x')}`,
    document('', 'x'),
  ]);
});

test('one document is a recipe like any other, whatever its name', () => {
  for (const text of [document('', 'a'), document('../any name', 'a'), `${document('x', 'a')}---\n`]) {
    expect(parseRecipes(text)).toEqual([parseRecipe(text)]);
  }
});

test('have anchors and warnings of their own', () => {
  const text = `${document('x', '&m a')}zzz: 1\n---\n${document('y', '*m')}`;
  expect(problemsOf(() => parseRecipes(text)).facts.problems).toMatchObject([
    { line: 8, message: 'alias *m has no anchor before it' },
  ]);
  const [x, y] = parseRecipes(text.replace('*m', 'b'));
  expect([x!.warnings.length, y!.warnings.length]).toEqual([1, 0]);
});

describe('refused', () => {
  test.each([
    [
      'two documents without a name',
      `${document('', 'a')}---\n${document('', 'b')}`,
      '<recipe>:4:1: a second document without a name (only one may lack the key "name")',
    ],
    [
      'one name twice',
      `${document('x', 'a')}---\n${document('x', 'b')}`,
      '<recipe>:5:1: name: a second document is called "x"',
    ],
    [
      'a name that is a path',
      `${document('../x', 'a')}---\n${document('y', 'b')}`,
      '<recipe>:1:1: name: "../x" cannot name a folder (letters, digits, ".", "_", "+" and "-")',
    ],
    [
      'a circle',
      `${document('x', 'y')}---\n${document('y', 'x')}`,
      '<recipe>:7:18: the document "x" needs what this one makes (documents cannot need each other in a circle)',
    ],
    [
      'one that needs itself',
      `${document('x', 'x')}---\n${document('y', 'x')}`,
      '<recipe>:3:18: the document "x" needs what this one makes (documents cannot need each other in a circle)',
    ],
    [
      'a mistake in each',
      `${document('x', 'a').replace('weight', 'wieght')}---\n${document('y', 'b').replace('linear', 'liner')}`,
      '<recipe>:3:10: models[0]: model "a" has no value of "weight" (is "wieght" a misspelling of it?)\n<recipe>:6:15: merge_method: there is no merge method "liner" (did you mean "linear"?)',
    ],
  ])('%s', (_title, text, message) => {
    expect(problemsOf(() => parseRecipes(text)).message).toBe(message);
  });

  test('too many', () => {
    const text = Array.from({ length: 101 }, (_, index) => document(`n${index}`, 'a')).join('---\n');
    expect(problemsOf(() => parseRecipes(text)).message).toContain('the file has more than 100 documents');
  });
});
