/** Names of variants are names of folders: no file system takes them at any length. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { expandSweep } from '../../src/sweep/expand.js';
import { readSweep } from '../../src/sweep/load.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const recipeOf = (models: readonly string[]): string => `merge_method: task_arithmetic
base_model: /m/base
models:
${models.map((model) => `  - {model: /m/${model}, parameters: {weight: 1}}`).join('\n')}
`;

const namesOf = (models: readonly string[]): string[] => {
  const settings = models.map((model, i) => `models.${model}.weight: [0.${i + 1}, 0.9]`).join(', ');
  const text = `${recipeOf(models)}sweep: {parameters: {${settings}}}\n`;
  return expandSweep(text, {}, readSweep(text, {}, []).section).map(({ name }) => name);
};

it('are cut where many settings make them long, and stay names of their own', () => {
  const models = Array.from({ length: 6 }, (_, i) => `an-expert-with-a-rather-long-name-${i}`);
  const names = namesOf(models);
  expect(new Set(names).size).toBe(2 ** models.length);
  for (const name of names)
    expect(name).toMatch(/^models\.an-expert-with-a-rather-long-name-0\.weight-.*-[0-9a-f]{8}$/);
  expect(Math.max(...names.map(({ length }) => length))).toBeLessThanOrEqual(80);
  const folder = temporaryFolder();
  for (const name of names) mkdirSync(join(folder, name));
});

it('are whole where they are short', () => {
  expect(namesOf(['a'])).toEqual(['models.a.weight-0.1', 'models.a.weight-0.9']);
});
