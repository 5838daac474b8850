import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { crewFor } from '../../src/run/crew.js';
import { temporaryFolder } from '../support/cli.js';
import { randomTensor } from '../support/random-models.js';
import { writeModel } from '../support/safetensors.js';
import { library } from './library.js';

const work = temporaryFolder();
// Six units each, 24 MB read together: more than a small run.
for (const [seed, name] of ['a', 'b'].entries()) {
  const matrices = Array.from({ length: 6 }, (_, i) =>
    randomTensor(`layers.${i}.weight`, [1024, 1024], seed + 1, 0.02),
  );
  writeModel(join(work, name), matrices);
  writeModel(join(work, `tiny-${name}`), [randomTensor('layers.0.weight', [64, 64], seed + 1, 0.02)]);
}

// Rows of odd length: 64 of them stay together.
for (const name of ['wide-a', 'wide-b'])
  writeModel(join(work, name), [randomTensor('layers.0.weight', [128, 49_999], 1, 0.02)]);

const planned = async (method: string, [a, b]: readonly [string, string]) => {
  const models = `models: [{model: ${b}, parameters: {weight: 1}}]`;
  const text = `merge_method: ${method}\nbase_model: ${a}\n${models}`;
  return [await library.plan(library.parseRecipe(text, { folder: work }))];
};
const large = await planned('task_arithmetic', ['a', 'b']);
const small = await planned('task_arithmetic', ['tiny-a', 'tiny-b']);
const wide = await planned('della', ['wide-a', 'wide-b']);
const narrow = await planned('della', ['a', 'b']);
const whole = await planned('tsv', ['a', 'b']);

const idle = { decomposes: false, isBusy: false };
const helped = { callerHelps: true };

it.each([
  ['a small run needs no worker', small, idle, {}, 0, true],
  ['a small run whose threads are asked for has them', small, idle, { threads: 1 }, 1, false],
  ['more threads than units are of no use', large, idle, { threads: 50 }, 6, false],
  ['the calling thread is one of those asked for', large, idle, { ...helped, threads: 3 }, 2, true],
  ['and may be the only one', large, idle, { ...helped, threads: 1 }, 0, true],
  ['it only hands out tasks to more than three others', large, idle, { ...helped, threads: 5 }, 5, false],
  ['it keeps out when it is busy', large, { ...idle, isBusy: true }, { ...helped, threads: 2 }, 2, false],
  ['it does no long tasks: of spectra', large, { ...idle, decomposes: true }, { ...helped, threads: 2 }, 2, false],
  ['of methods that decompose matrices', whole, idle, { ...helped, threads: 2 }, 2, false],
  ['of wide rows that stay together', wide, idle, { ...helped, threads: 2 }, 2, false],
  ['but those of usual rows', narrow, idle, { ...helped, threads: 2 }, 1, true],
  ['none of the reference kernels', large, idle, { ...helped, threads: 2, kernels: 'reference' }, 2, false],
  ['nor of these when a run is small', small, idle, { kernels: 'reference' }, 1, false],
] as const)('%s', (_, merges, duties, wish, workers, caller) => {
  expect(crewFor(merges, duties, wish)).toEqual({ workers, caller });
});

it('all cores work by default', () => {
  expect(crewFor(large, idle, {}).workers).toBe(Math.min(6, availableParallelism()));
});
