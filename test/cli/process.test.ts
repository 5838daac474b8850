/** What most tests see of the command line inside their own process is what a process of its own prints and ends with. */
import { expect, it } from 'vitest';
import { m2mergeProcess } from '../support/cli.js';
import { m2merge } from '../support/command.js';
import { createWorkplace } from './workplace.js';

const COMMANDS: readonly (readonly [title: string, args: readonly string[], status: number])[] = [
  ['a plan', ['plan', 'recipe.yaml', 'out'], 0],
  ['a plan for machines', ['plan', 'recipe.yaml', 'out', '--json'], 0],
  ['a merge', ['recipe.yaml', 'out', '--no-report', '--quiet'], 0],
  ['a difference', ['diff', 'a', 'b'], 0],
  ['a measurement', ['geometry', 'recipe.yaml', '--quiet'], 0],
  ['a plan of a sweep', ['sweep', 'recipe.yaml', 'out', '--set', 'lambda=1,2', '--plan'], 0],
  ['a sweep', ['sweep', 'recipe.yaml', 'out', '--set', 'lambda=1,2', '--keep', 'all', '--quiet'], 0],
  ['the methods', ['methods', 'ties'], 0],
  ['the schema', ['schema'], 0],
  ['help', ['--help'], 0],
  ['wrong usage', ['recipe.yaml', 'out', '--threads', 'many'], 2],
  ['a recipe that is not there', ['none.yaml'], 3],
  ['a model that is not there', ['diff', 'a', 'none'], 4],
  ['an output that is there', ['recipe.yaml', 'a', '--quiet'], 5],
  ['the same for machines', ['recipe.yaml', 'a', '--json'], 5],
];

it.each(COMMANDS)('%s', async (_, args, status) => {
  const [inside, alone] = [createWorkplace(), createWorkplace()];
  const run = m2mergeProcess(args, alone);
  expect(run.status).toBe(status);
  const told = JSON.stringify(run).replaceAll(alone, inside);
  // The room on a disk changes while tests run.
  const settled = (text: string): string =>
    text.replace(/[\d.]+ [kMGT]?B free|"diskFree":\d+|\\"diskFree\\": \d+/g, '');
  expect(settled(JSON.stringify(await m2merge(args, inside)))).toBe(settled(told));
});
