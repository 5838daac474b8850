/** What a terminal is shown while a merge runs, in a pseudo-terminal that `script` (util-linux) makes. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, it, type TestContext } from 'vitest';
import { MAIN, REPOSITORY } from '../support/cli.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const CYAN = '\u001b[36m';

/** Bytes that a slow merge of the embedded group writes to its terminal. */
function merged(context: TestContext, settings: Readonly<Record<string, string>>): string {
  const recipe = join(REPOSITORY, 'recipes/quickstart.yaml');
  const command = [process.execPath, MAIN, recipe, join(temporaryFolder(), 'out'), '--kernels', 'reference'];
  const { NO_COLOR: _, FORCE_COLOR: __, ...env } = process.env;
  const line = `stty cols 80; ${command.map((word) => `'${word}'`).join(' ')}`;
  const run = spawnSync('script', ['-qec', line, '/dev/null'], {
    env: { ...env, TERM: 'xterm', ...settings },
    encoding: 'utf8',
  });
  if (run.error !== undefined || run.status !== 0) context.skip(`no pseudo-terminal: ${run.error ?? run.stderr}`);
  return run.stdout;
}

it('a spinner turns, in colour unless NO_COLOR is set', (context) => {
  const [plain, coloured] = [merged(context, { NO_COLOR: '1' }), merged(context, {})];
  for (const text of [plain, coloured]) expect(text).toMatch(/\d+ % +\d+\/\d+ tensors/);
  expect(coloured).toContain(CYAN);
  expect(plain).not.toContain(CYAN);
});
