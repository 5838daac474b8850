/** Folders that a sweep cannot have: it and its plan refuse them alike, and leave nothing there. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { m2merge } from '../support/cli.js';
import { createSweepScene } from '../support/sweep-scene.js';

const { work, sweepRecipe } = createSweepScene();
const recipe = sweepRecipe('parameters: {lambda: [0.2, 0.4]}');

const COMMANDS: readonly (readonly [title: string, command: string, ...options: string[]])[] = [
  ['a run', 'sweep'],
  ['its plan', 'sweep', '--plan'],
  ['plan', 'plan'],
];

describe('a sweep folder inside an input', () => {
  it.each(COMMANDS)('is refused by %s', (_, command, ...options) => {
    const { status, stderr } = m2merge([command, recipe, 'math/swept', ...options], work);
    expect(stderr).toContain('math/swept/lambda-0.2 is, holds or lies inside the input model math');
    expect(status).toBe(5);
    expect(readdirSync(join(work, 'math'))).not.toContain('swept');
  });
});
