/** Whatever the text, reading it gives a recipe or `recipe-invalid`, with places inside the text. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isM2MergeError } from '../../src/errors.js';
import { parseRecipe } from '../../src/recipe/parse.js';

function checkOutcome(text: string): void {
  try {
    expect(parseRecipe(text).models.length).toBeGreaterThan(0);
  } catch (error) {
    if (!isM2MergeError(error, 'recipe-invalid')) throw error;
    const lines = text.split('\n').length;
    expect(error.facts.problems.length).toBeGreaterThan(0);
    for (const { line, column, message } of error.facts.problems) {
      expect(line).toBeGreaterThanOrEqual(1);
      expect(line).toBeLessThanOrEqual(lines);
      expect(column).toBeGreaterThanOrEqual(1);
      expect(message.length).toBeLessThan(400);
    }
  }
}

const pieces = [
  ...['merge_method', 'models', 'model', 'parameters', 'base_model', 'weight', 'value', 'filter', 'dtype', 'slices'],
  ...[
    'linear',
    'ties',
    'mlp',
    '0.5',
    '1e-5',
    '.nan',
    'true',
    'null',
    '~',
    '""',
    "'",
    '"',
    'é',
    '\u0000',
    '\uFEFF',
    '😀',
  ],
  ...[
    ': ',
    ':',
    '- ',
    '? ',
    '[',
    ']',
    '{',
    '}',
    ', ',
    '&a ',
    '*a',
    '<<: ',
    '!!float ',
    '!x ',
    '| ',
    '> ',
    '# ',
    '%YAML 1.1',
  ],
  ...['\n', '\n  ', '\n    ', '\n- ', '\r\n', '\t', '---\n', '...\n'],
];

describe('any text', () => {
  test('of arbitrary characters', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary', maxLength: 60 }), checkOutcome), { numRuns: 300 });
  });

  test('of the words and signs of recipes', () => {
    const text = fc.array(fc.constantFrom(...pieces), { maxLength: 40 }).map((parts) => parts.join(''));
    fc.assert(fc.property(text, checkOutcome), { numRuns: 1000 });
  });

  test('one step away from a recipe', () => {
    const recipe =
      'merge_method: ties\nbase_model: &b base\nmodels:\n- model: *b\n- model: {model: {path: math}}\n  parameters: &p\n' +
      '    weight: [{filter: mlp, value: [0, 1]}, {value: 1}]\n- {model: code, parameters: {<<: *p, density: 0.2}}\n' +
      'parameters: {lambda: 1e-1, rescale: true}\ndtype: float32\nseed: 1\n';
    const change = fc.tuple(fc.nat(recipe.length), fc.nat(8), fc.constantFrom('', ...pieces));
    fc.assert(
      fc.property(change, ([at, removed, added]) =>
        checkOutcome(recipe.slice(0, at) + added + recipe.slice(at + removed)),
      ),
      { numRuns: 500 },
    );
    expect(parseRecipe(recipe).warnings).toEqual([]);
  });

  test('any data written as JSON', () => {
    const key = fc.constantFrom('merge_method', 'models', 'model', 'parameters', 'weight', 'normalize', 'value', 'x');
    const { data } = fc.letrec((tie) => ({
      data: fc.oneof(
        { depthSize: 'medium' },
        fc.constantFrom('linear', 1, true, null, ''),
        fc.array(tie('data'), { maxLength: 3 }),
        fc.dictionary(key, tie('data'), { maxKeys: 4 }),
      ),
    }));
    fc.assert(
      fc.property(data, (value) =>
        checkOutcome(JSON.stringify({ merge_method: 'linear', models: value, parameters: value })),
      ),
      { numRuns: 500 },
    );
  });
});
