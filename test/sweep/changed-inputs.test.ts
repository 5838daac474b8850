/** Models that are written anew between two runs: what was made of the old ones is neither kept nor ranked unasked. */
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { createWorkplace, DOCUMENTS, f32, RECIPE } from '../cli/workplace.js';
import { m2merge } from '../support/command.js';
import { readModel, writeModel } from '../support/safetensors.js';

const retrain = (folder: string, model: string, value: number): void =>
  writeModel(join(folder, model), [
    f32('layer.weight', [2, 2], value, value, value, value),
    f32('norm.weight', [3], 1, 1, 1),
  ]);

const valuesIn = (...parts: string[]) => readModel(join(...parts)).tensors.get('layer.weight')!.values;

/** The evaluator gives a model's first weight as its score. */
function createSweep(): string {
  const folder = createWorkplace(`${RECIPE}sweep: {parameters: {lambda: [1, 2]}}\n`);
  const script = `const b = fs.readFileSync(process.argv[2] + '/model.safetensors'); const n = Number(b.readBigUInt64LE());
console.log(JSON.stringify({ score: b.readFloatLE(8 + n) }));`;
  writeFileSync(join(folder, 'score.mjs'), `import fs from 'node:fs';\n${script}`);
  return folder;
}

const SWEEP = ['sweep', 'recipe.yaml', 'out', '--evaluate', 'node score.mjs {model}'];

const rowsOf = (folder: string) =>
  JSON.parse(readFileSync(join(folder, 'out', 'sweep.json'), 'utf8')).rows as { metrics: { score: number } }[];
const scoresOf = (folder: string) => rowsOf(folder).map(({ metrics }) => metrics.score);

it('a sweep refuses to go on with their results, and makes them anew with --overwrite', async () => {
  const folder = createSweep();
  expect((await m2merge(SWEEP, folder)).status).toBe(0);
  expect(scoresOf(folder)).toEqual([11, 22]);
  retrain(folder, 'a', 5);
  for (const args of [SWEEP, [...SWEEP, '--plan']]) {
    const { status, stderr } = await m2merge(args, folder);
    expect({ status, stderr }).toEqual({
      status: 5,
      stderr: expect.stringMatching(/2 results in .*out are of models that were written to since\nhint: .*--overwrite/),
    });
  }
  expect(scoresOf(folder)).toEqual([11, 22]);
  expect((await m2merge([...SWEEP, '--overwrite'], folder)).status).toBe(0);
  expect(scoresOf(folder)).toEqual([15, 30]);
  expect(valuesIn(folder, 'out', 'lambda-2')).toEqual([30, 50, 70, 90]);
  // Now they are of the models that are there.
  expect((await m2merge(SWEEP, folder)).status).toBe(0);
  expect(rowsOf(folder).every((row) => !('inputs' in row))).toBe(true);
});

it('a sweep that is done is shown though its models are gone', async () => {
  const folder = createSweep();
  await m2merge(SWEEP, folder);
  const before = scoresOf(folder);
  rmSync(join(folder, 'a'), { recursive: true });
  rmSync(join(folder, 'out/sweep.json'));
  expect(await m2merge(SWEEP, folder)).toMatchObject({ status: 0, stderr: '' });
  expect(scoresOf(folder)).toEqual(before);
});

it('a sweep goes by the chat template of the recipe too', async () => {
  const folder = createSweep();
  writeFileSync(join(folder, 'chat.jinja'), 'one');
  writeFileSync(
    join(folder, 'recipe.yaml'),
    `${readFileSync(join(folder, 'recipe.yaml'), 'utf8')}chat_template: chat.jinja\n`,
  );
  expect((await m2merge(SWEEP, folder)).status).toBe(0);
  writeFileSync(join(folder, 'chat.jinja'), 'another');
  expect(await m2merge(SWEEP, folder)).toMatchObject({
    status: 5,
    stderr: expect.stringContaining('written to since'),
  });
});

it('the best is merged of what is there, and that it was judged before is told', async () => {
  const folder = createSweep();
  await m2merge(SWEEP, folder);
  expect(await m2merge(['sweep', 'recipe.yaml', 'out', '--best', '--quiet'], folder)).toMatchObject({
    stdout: '',
    stderr: '',
  });
  retrain(folder, 'b', 1);
  const again = await m2merge(['sweep', 'recipe.yaml', 'out', '--best', '--overwrite'], folder);
  expect(again).toMatchObject({ status: 0, stderr: expect.stringContaining('written to since lambda-2 was judged') });
  expect(valuesIn(folder, 'out', 'best')).toEqual([4, 6, 8, 10]);
});

it('a document is not taken for made when its models, or the document that it needs, are others', async () => {
  const folder = createWorkplace(DOCUMENTS);
  const run = (...more: string[]) => m2merge(['recipe.yaml', 'out', ...more], folder);
  expect((await run()).status).toBe(0);
  expect(valuesIn(folder, 'out')).toEqual([22, 44, 66, 88]);
  expect((await run()).stderr).toMatch(
    /sum: .* is there already.*\n.*the document without a name: .* is there already/,
  );
  retrain(folder, 'a', 5);
  expect(await run()).toMatchObject({
    status: 5,
    stderr: expect.stringMatching(/already exists: .*out-intermediate.sum/),
  });
  expect((await run('--overwrite')).status).toBe(0);
  expect(valuesIn(folder, 'out')).toEqual([30, 50, 70, 90]);
  // The plan of the second is as before: only what the first made differs.
  writeFileSync(
    join(folder, 'recipe.yaml'),
    DOCUMENTS.replace('b, parameters: {weight: 1}', 'b, parameters: {weight: 0}'),
  );
  rmSync(join(folder, 'out-intermediate'), { recursive: true });
  const partly = await run();
  expect(partly).toMatchObject({
    status: 5,
    stderr: expect.stringMatching(/^error: .*already exists: .*out\n/),
  });
  // That is found out before the first is merged for nothing.
  expect(existsSync(join(folder, 'out-intermediate'))).toBe(false);
  rmSync(join(folder, 'out'), { recursive: true });
  expect((await run()).status).toBe(0);
  expect(valuesIn(folder, 'out')).toEqual([10, 10, 10, 10]);
});
