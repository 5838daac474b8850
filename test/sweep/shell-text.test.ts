/** What is filled into a shell's text, read by a shell. */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { fillShellText } from '../../src/trial/shell-text.js';
import { m2merge } from '../support/command.js';
import { createSweepScene } from '../support/sweep-scene.js';

const { work, evaluator, sweepRecipe, resultOf } = createSweepScene();

const fill = (text: string, value: string): string =>
  fillShellText(text, (part, write) => part.replaceAll('{model}', () => write(value)));

/** The words that a shell makes of a text. */
function wordsOf(text: string): string[] {
  const { stdout, stderr } = spawnSync('sh', ['-c', `printf '%s\\0' ${text}`], { encoding: 'utf8' });
  expect(stderr).toBe('');
  return stdout.split('\0').slice(0, -1);
}

const VALUES = [
  '/plain/model-0.2',
  '/a b',
  `/it's`,
  '/say "no"',
  '/$HOME/`id`/$(id)',
  '/back\\slash\\',
  '/a;b&c|d>e',
  '/*?\n#~',
];

describe('a value filled into a shell text', () => {
  it.each(VALUES)('%j is itself in one word, wherever it stands', (value) => {
    expect(wordsOf(fill('{model}', value))).toEqual([value]);
    expect(wordsOf(fill('--model={model}/x last', value))).toEqual([`--model=${value}/x`, 'last']);
    expect(wordsOf(fill(`'in {model} single' "in {model} double"`, value))).toEqual([
      `in ${value} single`,
      `in ${value} double`,
    ]);
    expect(wordsOf(fill(`\\' {model} \\" '\\' {model} "\\"{model}"`, value))).toEqual([
      `'`,
      value,
      '"',
      '\\',
      value,
      `"${value}`,
    ]);
    expect(wordsOf(fill(`first # it's {model}\nprintf '%s\\0' {model}`, value))).toEqual(['first', value]);
    expect(wordsOf(fill(`a#it"'s" \\{model}`, value))).toEqual([`a#it's`, value]);
  });

  it('stays as it is where it has no sign that means anything', () => {
    expect(fill('sh -c "python {model}" > {model}.log', '/merged/lambda-0.2')).toBe(
      'sh -c "python /merged/lambda-0.2" > /merged/lambda-0.2.log',
    );
  });
});

it('an evaluator by the shell finds models in folders of any name', async () => {
  const folder = `it's $(touch injected) "a b"; touch injected`;
  const command = JSON.stringify(`sh ${evaluator} {model} ${join(work, 'log')} > {output}`);
  const recipe = sweepRecipe(
    `parameters: {lambda: [0.2]}\nevaluate: {shell: true, command: ${command}, maximize: math}`,
  );
  expect(await m2merge(['sweep', recipe, folder, '--quiet'], work)).toMatchObject({ status: 0, stderr: '' });
  expect(resultOf(folder).rows[0]).toMatchObject({ status: 'evaluated', metrics: { math: expect.any(Number) } });
  expect(existsSync(join(work, 'injected'))).toBe(false);
});
