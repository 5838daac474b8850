/** Every file of `bad/` is a recipe with a mistake; the `.txt` beside it is the message a user gets, word for word. */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parseRecipe } from '../../src/recipe/parse.js';
import { problemsOf } from './problems-of.js';

const folder = join(import.meta.dirname, 'bad');
const recipes = readdirSync(folder).filter((name) => name.endsWith('.yaml'));

function messageOf(name: string): string {
  const text = readFileSync(join(folder, name), 'utf8');
  return `${problemsOf(() => parseRecipe(text, { file: name })).message}\n`;
}

test('every expected message has its recipe', () => {
  const orphans = readdirSync(folder).filter((name) => !existsSync(join(folder, name.replace(/\.txt$/, '.yaml'))));
  expect(orphans).toEqual([]);
});

describe('bad recipes', () => {
  test.each(recipes)('%s', (name) => {
    const expectedFile = join(folder, name.replace(/\.yaml$/, '.txt'));
    const message = messageOf(name);
    if (process.env.UPDATE_GOLDEN === '1') writeFileSync(expectedFile, message);
    expect(message).toBe(readFileSync(expectedFile, 'utf8'));
  });

  test.each(recipes)('%s points into the file, in its order', (name) => {
    const text = readFileSync(join(folder, name), 'utf8');
    const { problems } = problemsOf(() => parseRecipe(text)).facts;
    const lines = text.split('\n');
    for (const { line, column } of problems) {
      expect(line).toBeLessThanOrEqual(lines.length);
      expect(column).toBeLessThanOrEqual(lines[line - 1]!.length + 1);
    }
    const places = problems.map(({ line, column }) => line * 10_000 + column);
    expect(places).toEqual([...places].sort((a, b) => a - b));
  });
});
