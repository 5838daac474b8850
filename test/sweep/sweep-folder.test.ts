/** Folders that a sweep cannot have: it and its plan refuse them alike, and leave nothing there. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { m2merge } from '../support/command.js';
import { createSweepScene } from '../support/sweep-scene.js';

const { work, sweepRecipe } = createSweepScene();
const recipe = sweepRecipe('parameters: {lambda: [0.2, 0.4]}');

type Command = readonly [title: string, command: string, ...options: string[]];

const COMMANDS: readonly Command[] = [
  ['a run', 'sweep'],
  ['its plan', 'sweep', '--plan'],
  ['plan', 'plan'],
];

describe('a sweep folder that is a file, or below one', () => {
  const others: readonly Command[] = [
    ['its best', 'sweep', '--best'],
    ['questions', 'sweep', '--ask-tell'],
  ];
  it.each([...COMMANDS, ...others])('is refused by %s', async (_, command, ...options) => {
    writeFileSync(join(work, 'taken'), 'mine');
    for (const folder of ['taken', 'taken/below']) {
      const { status, stderr } = await m2merge([command, recipe, folder, ...options], work);
      expect(stderr).toContain(`cannot write ${join(work, folder)}: ENOTDIR`);
      expect(stderr).toContain('hint: a file has the place of a folder');
      expect(status).toBe(5);
    }
    expect(readFileSync(join(work, 'taken'), 'utf8')).toBe('mine');
  });
});

describe('a sweep folder inside an input', () => {
  it.each(COMMANDS)('is refused by %s', async (_, command, ...options) => {
    const { status, stderr } = await m2merge([command, recipe, 'math/swept', ...options], work);
    expect(stderr).toContain('math/swept/lambda-0.2 is, holds or lies inside the input model math');
    expect(status).toBe(5);
    expect(readdirSync(join(work, 'math'))).not.toContain('swept');
  });
});
