/** What a program in TypeScript sees of the library. */
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { REPOSITORY } from '../support/cli.js';
import { temporaryFolder } from '../support/temporary-folder.js';

it('declarations need no types but those of ES2022 and of Node', () => {
  const folder = temporaryFolder();
  const index = join(REPOSITORY, 'dist/src/index.js');
  const source = `export * as library from ${JSON.stringify(index)};\n`;
  writeFileSync(join(folder, 'program.mts'), source);
  const options = '--noEmit --strict --target es2022 --lib es2022 --module nodenext --types node --skipLibCheck false';
  const types = join(REPOSITORY, 'node_modules/@types');
  const compiler = join(REPOSITORY, 'node_modules/typescript/bin/tsc');
  const args = [compiler, ...options.split(' '), '--typeRoots', types, 'program.mts'];
  const { status, stdout } = spawnSync(process.execPath, args, { cwd: folder, encoding: 'utf8' });
  expect(stdout).toBe('');
  expect(status).toBe(0);
});
