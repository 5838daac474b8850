/** How worker threads end: by themselves once they have worked, so that none is torn down while V8 compiles for it. */
import { join } from 'node:path';
import type { Worker } from 'node:worker_threads';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { temporaryFolder } from '../support/cli.js';
import { randomTensor } from '../support/random-models.js';
import { writeModel } from '../support/safetensors.js';
import { library } from './library.js';

const work = temporaryFolder();
for (const [seed, name] of ['a', 'b'].entries()) {
  const tensors = Array.from({ length: 3 }, (_, i) => randomTensor(`layers.${i}.weight`, [1024, 1024], seed + 1, 0.02));
  writeModel(join(work, name), tensors);
}
const recipe = library.parseRecipe('merge_method: linear\nparameters: {weight: 1}\nmodels: [{model: a}, {model: b}]', {
  folder: work,
});

/** Exit codes of the threads so far: 0 of one that ended by itself, 1 of one that was terminated. */
const exits: number[] = [];
let started = 0;
const watch = (worker: Worker) => {
  started++;
  worker.once('exit', (code) => exits.push(code));
};
beforeAll(() => void process.on('worker', watch));
afterAll(() => void process.off('worker', watch));

it.each([1, 2, 3])('%i of them, after a merge', async (threads) => {
  exits.length = started = 0;
  await library.merge(recipe, { output: join(work, `out-${threads}`), threads });
  expect({ started, exits }).toEqual({ started: threads, exits: Array(threads).fill(0) });
});

it('in the middle of a merge that is aborted', async () => {
  exits.length = started = 0;
  const controller = new AbortController();
  const merge = library.merge(recipe, {
    output: join(work, 'aborted'),
    threads: 2,
    signal: controller.signal,
    onProgress: () => controller.abort(),
  });
  await expect(merge).rejects.toThrow();
  expect({ started, ended: exits.length }).toEqual({ started: 2, ended: 2 });
});
