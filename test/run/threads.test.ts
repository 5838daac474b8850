/**
 * How worker threads end: by themselves once they have worked, so that none is torn down while V8 compiles for it. Small runs
 * have none.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, readlinkSync, statSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Worker } from 'node:worker_threads';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { temporaryFolder as folderOfFile, REPOSITORY } from '../support/cli.js';
import { randomTensor } from '../support/random-models.js';
import { readModel, writeModel } from '../support/safetensors.js';
import { temporaryFolder } from '../support/temporary-folder.js';
import { library } from './library.js';

const work = folderOfFile();
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

it('of a script that is piped to Node, whatever flags that takes', () => {
  const script = `
    const { merge, parseRecipe } = await import(process.argv[2]);
    const text = 'merge_method: linear\\nparameters: {weight: 1}\\nmodels: [{model: a}, {model: b}]';
    const { output } = await merge(parseRecipe(text, { folder: '.' }), { output: 'out-piped', threads: 1 });
    console.log(output);
  `;
  const entry = pathToFileURL(join(REPOSITORY, 'dist/src/index.js')).href;
  const options = { cwd: work, input: script, encoding: 'utf8' } as const;
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-', entry], options);
  expect({ stdout: stdout.trim(), stderr }).toEqual({ stdout: expect.stringContaining('out-piped'), stderr: '' });
  const [piped, merged] = ['out-piped', 'out-1'].map((folder) => readFileSync(join(work, folder, 'model.safetensors')));
  expect(piped!.equals(merged!)).toBe(true);
});

describe('of a small run', () => {
  const small = folderOfFile();
  const tensors = ['a', 'b'].map((name, seed) => {
    const tensor = randomTensor('layers.0.weight', [1024, 1024], seed + 1, 0.02);
    writeModel(join(small, name), [tensor]);
    return tensor;
  });
  const tiny = folderOfFile();
  for (const name of ['a', 'b']) writeModel(join(tiny, name), [randomTensor('layers.0.weight', [32, 32], 3, 0.02)]);
  const models = '[{model: a, parameters: {weight: 1}}, {model: b, parameters: {weight: 0}}]';
  const one = library.parseRecipe(`merge_method: linear\nmodels: ${models}`, { folder: small });

  /** Files of the models that this process has open; Linux tells. */
  const openFiles = (): string[] =>
    readdirSync('/proc/self/fd').flatMap((descriptor) => {
      try {
        const path = readlinkSync(`/proc/self/fd/${descriptor}`);
        return path.startsWith(small) ? [path] : [];
      } catch {
        return [];
      }
    });

  it('are done without one, and leave no file open', async () => {
    exits.length = started = 0;
    const { output } = await library.merge(one, { output: join(small, 'out') });
    expect(started).toBe(0);
    const [merged] = readModel(output).tensors.values();
    expect(Buffer.from(merged!.bytes).equals(Buffer.from(tensors[0]!.bytes!))).toBe(true);
    if (existsSync('/proc/self/fd')) expect(openFiles()).toEqual([]);
  });

  it.runIf(existsSync('/proc/self/fd'))('leave none open when they fail', async () => {
    const input = join(small, 'b', 'model.safetensors');
    const merge = library.merge(one, {
      output: join(small, 'failed'),
      onPlan: () => truncateSync(input, statSync(input).size - 1),
    });
    await expect(merge).rejects.toMatchObject({ kind: 'input-changed', facts: { path: input } });
    expect(openFiles()).toEqual([]);
    expect(readdirSync(small).sort()).toEqual(['a', 'b', 'out']);
  });

  it('end when they are aborted, between two tasks', async () => {
    const folder = temporaryFolder();
    for (const name of ['a', 'b']) {
      writeModel(
        join(folder, name),
        Array.from({ length: 50 }, (_, i) => randomTensor(`layers.${i}.weight`, [16, 16], i, 0.02)),
      );
    }
    const controller = new AbortController();
    let tensorsDone = 0;
    const merge = library.merge(library.parseRecipe(`merge_method: linear\nmodels: ${models}`, { folder }), {
      output: join(folder, 'aborted'),
      signal: controller.signal,
      onProgress: (progress) => {
        tensorsDone += progress.tensorsDone;
        setImmediate(() => controller.abort(new Error('enough')));
      },
    });
    await expect(merge).rejects.toThrow('enough');
    // The one that was done, and the one whose turn came before the signal.
    expect(tensorsDone).toBeLessThan(3);
    expect(readdirSync(folder).sort()).toEqual(['a', 'b']);
  });

  it('end when they are aborted by what they tell last', async () => {
    const controller = new AbortController();
    const measuring = library.geometry(
      library.parseRecipe(
        'merge_method: task_arithmetic\nbase_model: a\nmodels: [{model: b, parameters: {weight: 1}}]',
        {
          folder: tiny,
        },
      ),
      {
        signal: controller.signal,
        onProgress: ({ tensorsDone }) => {
          if (tensorsDone > 0) controller.abort(new Error('enough'));
        },
      },
    );
    await expect(measuring).rejects.toThrow('enough');
  });

  it('are left to a worker where they would take long, so that signals are heard', async () => {
    const parse = (method: string) =>
      library.parseRecipe(
        `merge_method: ${method}\nbase_model: a\nmodels: [{model: a, parameters: {weight: 1}}, {model: b, parameters: {weight: 1}}]\n`,
        { folder: tiny },
      );
    const runs = [
      () => library.merge(parse('tsv'), { output: join(tiny, 'tsv') }),
      () => library.merge(parse('ties'), { output: join(tiny, 'reference'), kernels: 'reference' }),
      () => library.geometry(parse('ties'), { spectral: true }),
    ];
    for (const run of runs) {
      started = 0;
      await run();
      expect(started).toBe(1);
    }
  });
});
