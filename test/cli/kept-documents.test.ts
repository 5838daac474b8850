/** What is asked for beside the weights of documents: a second run makes what the first was not asked for, or says no. */
import { existsSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { m2merge } from '../support/command.js';
import { createWorkplace, DOCUMENTS, RECIPE } from './workplace.js';

it.each(['--report', '--sha256'])('models without what %s asks for are not kept', async (option) => {
  const folder = createWorkplace(DOCUMENTS);
  const run = (...more: string[]) => m2merge(['recipe.yaml', 'out', ...more], folder);
  expect((await run()).status).toBe(0);
  expect(await run(option)).toMatchObject({ status: 5, stderr: expect.stringContaining('already exists') });
  expect((await run(option, '--overwrite')).status).toBe(0);
  const again = await run(option);
  expect(again.status).toBe(0);
  expect(again.stderr.match(/is there already/g)).toHaveLength(2);
  expect(existsSync(join(folder, 'out-intermediate/sum/geometry.json'))).toBe(option === '--report');
});

it('a plan counts what a report reads of experts without weight, so that the merge is the one that was planned', async () => {
  const folder = createWorkplace(`${RECIPE.replace(/(b, parameters: \{weight: )1/, '$10')}report: true\n`);
  const planned = await m2merge(['plan', 'recipe.yaml', 'out', '--strict', '--json'], folder);
  expect(planned).toMatchObject({ status: 0, stderr: '' });
  expect(await m2merge(['recipe.yaml', 'out', '--strict', '--quiet'], folder)).toMatchObject({ status: 0, stderr: '' });
  const manifest = JSON.parse(readFileSync(join(folder, 'out/m2merge_manifest.json'), 'utf8'));
  expect(manifest.plan).toBe(JSON.parse(planned.stdout).planHash);
  expect(existsSync(join(folder, 'out/geometry.json'))).toBe(true);
});

it('a document is made anew when a file that goes along with it was written to', async () => {
  const folder = createWorkplace(DOCUMENTS);
  const file = join(folder, 'base/tokenizer_config.json');
  writeFileSync(file, '{"v": 1}');
  expect((await m2merge(['recipe.yaml', 'out', '--quiet'], folder)).status).toBe(0);
  writeFileSync(file, '{"v": 2}');
  utimesSync(file, new Date(1000), new Date(1000));
  expect((await m2merge(['recipe.yaml', 'out', '--quiet'], folder)).status).toBe(5);
  expect((await m2merge(['recipe.yaml', 'out', '--quiet', '--overwrite'], folder)).status).toBe(0);
  expect(readFileSync(join(folder, 'out/tokenizer_config.json'), 'utf8')).toBe('{"v": 2}');
});

it('a plan of documents says which of their models a merge would keep', async () => {
  const folder = createWorkplace(DOCUMENTS);
  const planned = async (...more: string[]) => {
    const { status, stdout, stderr } = await m2merge(['recipe.yaml', 'out', '--plan', '--json', ...more], folder);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    const { documents } = JSON.parse(stdout) as { documents: { name?: string; kept?: true; outputRefused?: string }[] };
    return documents.map(({ name = 'last', kept = false, outputRefused = '' }) => [name, kept, outputRefused]);
  };
  expect(await planned()).toEqual([
    ['sum', false, ''],
    ['last', false, ''],
  ]);
  expect((await m2merge(['recipe.yaml', 'out', '--quiet'], folder)).status).toBe(0);
  expect(await planned()).toEqual([
    ['sum', true, ''],
    ['last', true, ''],
  ]);
  const { stdout } = await m2merge(['plan', 'recipe.yaml', 'out'], folder);
  expect(stdout.match(/is there already, made by the same plan; a merge keeps it/g)).toHaveLength(2);
  expect(stdout).not.toContain('refused');
  expect(await planned('--overwrite')).toEqual([
    ['sum', false, ''],
    ['last', false, ''],
  ]);
  // With another "a" the first is made anew, and so is what is made of it.
  utimesSync(join(folder, 'a/model.safetensors'), new Date(1000), new Date(1000));
  const taken = expect.stringContaining('already exists');
  expect(await planned()).toEqual([
    ['sum', false, taken],
    ['last', false, taken],
  ]);
});
