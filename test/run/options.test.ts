import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, it } from 'vitest';
import { outputFolderOf } from '../../src/output-place.js';
import { writeLayered } from '../support/layered-models.js';
import { temporaryFolder } from '../support/temporary-folder.js';
import { library } from './library.js';
import { mergeFolder } from './merge-folder.js';

it.each([
  [{ threads: Number.NaN }, 'a whole number above 0'],
  [{ threads: 0 }, 'a whole number above 0'],
  [{ tileElements: Number.NaN }, 'a whole number above 0'],
  [{ tileElements: 0.5 }, 'a whole number above 0'],
  [{ shardBytes: Number.NaN }, 'a number of bytes above 0'],
  [{ shardBytes: -1 }, 'a number of bytes above 0'],
  [{ shardBytes: '500K' as unknown as number }, 'a number of bytes above 0'],
  [{ kernels: 'wasm' as 'simd' }, 'expected simd or reference'],
  [{ overwrite: 'same-plans' as 'same-plan' }, 'expected true, false or same-plan'],
])('%o is refused, and nothing is left', async (options, expected) => {
  const folder = temporaryFolder();
  writeLayered(folder, 'a', { offset: 1, layers: 1 });
  const merge = mergeFolder(folder, 'merge_method: passthrough\nmodels: [{model: a}]\n', options);
  await expect(merge).rejects.toMatchObject({ kind: 'usage', message: expect.stringContaining(expected) });
  expect(existsSync(join(folder, 'merged'))).toBe(false);
});

it('what is no recipe, no path and no list of models is told', async () => {
  const { geometry, loadRecipe, merge, mergeTogether, plan, pull } = library;
  const wrong = [
    ['recipe.yaml', /found a value of type string/],
    [{}, /found a value of type object/],
    [null, /found null/],
    [Promise.resolve(), /found a promise/],
  ] as const;
  for (const [given, message] of wrong) {
    const recipe = given as never;
    for (const work of [merge(recipe), plan(recipe), geometry(recipe), mergeTogether([{ recipe }])]) {
      await expect(work).rejects.toMatchObject({ kind: 'usage', message: expect.stringMatching(message) });
    }
  }
  await expect(loadRecipe(undefined as never)).rejects.toMatchObject({ kind: 'usage' });
  await expect(pull('org/model' as never)).rejects.toMatchObject({ kind: 'usage' });
});

it.each([-1, 0, 1.5, Number.NaN, 1e9])('a projection to %d dimensions is refused', async (projection) => {
  const recipe = library.parseRecipe(
    'merge_method: ties\nbase_model: a\nmodels: [{model: b}]\nparameters: {weight: 1}\n',
  );
  await expect(library.geometry(recipe, { projection })).rejects.toMatchObject({ kind: 'usage' });
});

it('a recipe may be named by a file URL, and one without a file has an output that every system can name', async () => {
  const folder = temporaryFolder();
  writeLayered(folder, 'a', { offset: 1, layers: 1 });
  const text = 'merge_method: passthrough\nmodels: [{model: a}]\n';
  writeFileSync(join(folder, 'recipe.yaml'), text);
  expect((await library.loadRecipe(pathToFileURL(join(folder, 'recipe.yaml')))).folder).toBe(folder);
  expect(outputFolderOf(library.parseRecipe(text), undefined)).toBe(resolve('merged/recipe'));
});

it('merges of one run are to go to folders of their own', async () => {
  const folder = temporaryFolder();
  writeLayered(folder, 'a', { offset: 1, layers: 1 });
  const recipe = library.parseRecipe('merge_method: passthrough\nmodels: [{model: a}]\n', { folder });
  const [one, below] = [join(folder, 'out'), join(folder, 'out/below')];
  for (const [first, second] of [
    [one, one],
    [one, below],
    [below, one],
  ]) {
    const requests = [first, second].map((output) => ({ recipe, output: output! }));
    const work = library.mergeTogether(requests, { overwrite: true });
    await expect(work).rejects.toMatchObject({ kind: 'usage', hint: 'give each an output of its own' });
  }
  expect(readdirSync(folder)).toEqual(['a']);
});

it('a merge that is ended while its files are hashed ends with the reason, and leaves nothing', async () => {
  const folder = temporaryFolder();
  writeLayered(folder, 'a', { offset: 1, layers: 3 });
  const stop = new AbortController();
  let written = 0;
  const merge = mergeFolder(folder, 'merge_method: linear\nmodels: [{model: a, parameters: {weight: 1}}]\n', {
    sha256: true,
    signal: stop.signal,
    onPlan: ({ plan }) => {
      written = -plan.jobs.length;
    },
    // After the last tensor there is nothing to do but to write what stands beside the weights.
    onProgress: ({ tensorsDone }) => {
      written += tensorsDone;
      if (written === 0) stop.abort(new Error('enough'));
    },
  });
  await expect(merge).rejects.toThrow('enough');
  expect(readdirSync(folder).sort()).toEqual(['a', expect.stringMatching(/^merge-\d+\.yaml$/)]);
});

it('a signal that was given before anything begins ends it with its reason', async () => {
  const folder = temporaryFolder();
  writeLayered(folder, 'a', { offset: 1, layers: 1 });
  writeLayered(folder, 'b', { offset: 2, layers: 1 });
  const text = 'merge_method: ties\nbase_model: a\nmodels: [{model: b, parameters: {weight: 1}}]\n';
  const recipe = library.parseRecipe(text, { folder });
  const reason = new Error('enough');
  const options = { signal: AbortSignal.abort(reason), output: join(folder, 'merged') };
  await expect(library.plan(recipe, options)).rejects.toBe(reason);
  await expect(library.geometry(recipe, options)).rejects.toBe(reason);
  await expect(library.merge(recipe, options)).rejects.toBe(reason);
  expect(existsSync(join(folder, 'merged'))).toBe(false);
});

it.each([
  ['float32', 1],
  ['bfloat16', 0],
])('stochastic rounding to %s is told of where it does nothing', async (dtype, told) => {
  const folder = temporaryFolder();
  for (const model of ['a', 'b']) writeLayered(folder, model, { offset: 1, layers: 1 });
  const text = `merge_method: linear\nmodels: [{model: a}, {model: b}]\nparameters: {weight: 1}\ndtype: ${dtype}\n`;
  const { warnings } = await library.plan(library.parseRecipe(`${text}rounding: stochastic\n`, { folder }));
  expect(warnings.filter(({ kind }) => kind === 'rounding-unused')).toHaveLength(told);
  expect((await library.plan(library.parseRecipe(text, { folder }))).warnings).toEqual([]);
});
