/** What a program in TypeScript sees of the library. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { REPOSITORY } from '../support/cli.js';
import { temporaryFolder } from '../support/temporary-folder.js';

/** Compiles a program strictly; returns what the compiler says. */
function compile(source: string, options: string): string {
  const folder = temporaryFolder();
  mkdirSync(join(folder, 'node_modules'));
  symlinkSync(REPOSITORY, join(folder, 'node_modules/m2merge'), 'junction');
  writeFileSync(join(folder, 'program.mts'), source);
  const strictly = '--strict --target es2022 --lib es2022 --module nodenext --types node --skipLibCheck false';
  const types = join(REPOSITORY, 'node_modules/@types');
  const compiler = join(REPOSITORY, 'node_modules/typescript/bin/tsc');
  const args = [compiler, ...`${strictly} ${options}`.split(' '), '--typeRoots', types, 'program.mts'];
  const { status, stdout } = spawnSync(process.execPath, args, { cwd: folder, encoding: 'utf8' });
  expect(status === 0).toBe(stdout === '');
  return stdout;
}

it('declarations need no types but those of ES2022 and of Node', () => {
  const index = join(REPOSITORY, 'dist/src/index.js');
  expect(compile(`export * as library from ${JSON.stringify(index)};\n`, '--noEmit')).toBe('');
});

it('what the library gives has types that declarations of others can name', () => {
  const program = `import { METHODS, geometry, isM2MergeError, merge, plan, pull, readCheckpoint, type Recipe } from 'm2merge';
export const ties = METHODS.find((method) => method.name === 'ties');
export const parameters = METHODS.flatMap((method) => method.parameters);
export const modelsOf = (recipe: Recipe) => recipe.models;
export const slicesOf = (recipe: Recipe) => recipe.modules.flatMap((module) => module.slices);
export const tableOf = (recipe: Recipe) => recipe.parameters;
export const baseOf = (recipe: Recipe) => recipe.base;
export const jobsOf = async (recipe: Recipe) => (await plan(recipe)).plan.jobs;
export const inputsOf = async (recipe: Recipe) => (await plan(recipe)).plan.inputs;
export const outcomeOf = async (recipe: Recipe) => (await merge(recipe)).report;
export const scopesOf = async (recipe: Recipe) => (await geometry(recipe)).tensors;
export const pairsOf = async (recipe: Recipe) => (await geometry(recipe)).global.pairs;
export const tensorsOf = async (folder: string) => (await readCheckpoint(folder)).tensors;
export const problemsOf = (error: unknown) => (isM2MergeError(error, 'recipe-invalid') ? error.facts.problems : []);
export const pulled = () => pull(['org/model']);
`;
  expect(compile(program, '--declaration --preserveSymlinks')).toBe('');
});
