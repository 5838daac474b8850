/** Merges of which the calling thread does a share. */
import { existsSync, readdirSync, readFileSync, readlinkSync, statSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import type { Worker } from 'node:worker_threads';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { temporaryFolder as folderOfFile } from '../support/cli.js';
import { randomTensor } from '../support/random-models.js';
import { writeModel } from '../support/safetensors.js';
import { temporaryFolder } from '../support/temporary-folder.js';
import { library } from './library.js';

/** Three models of four tensors of a unit each and one of two, so that every thread has its turn. */
function writeModels(folder: string): void {
  for (const [seed, name] of ['base', 'a', 'b'].entries()) {
    const matrices = Array.from({ length: 4 }, (_, i) =>
      randomTensor(`layers.${i}.weight`, [1024, 1024], 100 * seed + i, 0.02),
    );
    writeModel(join(folder, name), [...matrices, randomTensor('embed.weight', [2048, 1024], 100 * seed + 50, 0.02)]);
  }
}

const recipeIn = (folder: string, method: string, parameters = '') =>
  library.parseRecipe(
    `merge_method: ${method}\nbase_model: base\nseed: 3\nparameters: {weight: 0.5, density: 0.3${parameters}}\nmodels: [{model: a}, {model: b}]`,
    { folder },
  );

const work = folderOfFile();
writeModels(work);

let started = 0;
const watch = (_: Worker) => void started++;
beforeAll(() => void process.on('worker', watch));
afterAll(() => void process.off('worker', watch));

const weightsIn = (folder: string) => readFileSync(join(folder, 'model.safetensors'));

it.each([
  ['task_arithmetic', ''],
  ['dare_linear', ''],
  ['ties', ', trim_scope: model'],
])('%s%s writes the same with as many threads, of which it is one', async (method, parameters) => {
  const recipe = recipeIn(work, method, parameters);
  const outputOf = (name: string) => join(work, `${method}-${name}`);
  await library.merge(recipe, { output: outputOf('worker'), threads: 1 });
  const expected = weightsIn(outputOf('worker'));
  for (const threads of [1, 2, 4]) {
    started = 0;
    const output = outputOf(String(threads));
    await library.merge(recipe, { output, threads, callerHelps: true });
    expect(started).toBe(threads - 1);
    expect(weightsIn(output).equals(expected)).toBe(true);
  }
});

it('adds up what a report measures, and leaves the merging to others', async () => {
  started = 0;
  await library.merge(recipeIn(work, 'ties'), {
    output: join(work, 'report'),
    threads: 2,
    callerHelps: true,
    report: true,
  });
  expect(started).toBe(2);
});

/** Files of a folder that this process has open; Linux tells. */
const openFiles = (folder: string): string[] =>
  readdirSync('/proc/self/fd').flatMap((descriptor) => {
    try {
      const path = readlinkSync(`/proc/self/fd/${descriptor}`);
      return path.startsWith(folder) ? [path] : [];
    } catch {
      return [];
    }
  });

it.each([1, 2])('%i thread(s): hears between two tasks that the merge is aborted', async (threads) => {
  const controller = new AbortController();
  let tensorsDone = 0;
  const merge = library.merge(recipeIn(work, 'task_arithmetic'), {
    output: join(work, 'aborted'),
    threads,
    callerHelps: true,
    signal: controller.signal,
    onProgress: (progress) => {
      tensorsDone += progress.tensorsDone;
      setImmediate(() => controller.abort(new Error('enough')));
    },
  });
  await expect(merge).rejects.toThrow('enough');
  expect(tensorsDone).toBeLessThan(5);
  expect(existsSync(join(work, 'aborted'))).toBe(false);
  if (existsSync('/proc/self/fd')) expect(openFiles(work)).toEqual([]);
});

it.each([1, 2])('%i thread(s): tells what it could not read', async (threads) => {
  const folder = temporaryFolder();
  writeModels(folder);
  const input = join(folder, 'b', 'model.safetensors');
  const merge = library.merge(recipeIn(folder, 'task_arithmetic'), {
    output: join(folder, 'failed'),
    threads,
    callerHelps: true,
    onPlan: () => truncateSync(input, statSync(input).size / 2),
  });
  await expect(merge).rejects.toMatchObject({ kind: 'input-changed', facts: { path: input } });
  expect(readdirSync(folder).sort()).toEqual(['a', 'b', 'base']);
  if (existsSync('/proc/self/fd')) expect(openFiles(folder)).toEqual([]);
});
