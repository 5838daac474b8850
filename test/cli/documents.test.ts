/** Several recipes in one file: order, places, plans ahead, what is kept, and what is refused. */
import { existsSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { m2merge } from '../support/command.js';
import { readModel } from '../support/safetensors.js';
import { createWorkplace, expectRefusal } from './workplace.js';

// The second document is needed by the first, and the third by both.
const DOCUMENTS = `# the final model
merge_method: linear
models: [{model: half, parameters: {weight: 1}}, {model: sum, parameters: {weight: 1}}]
dtype: float32
---
name: half
merge_method: linear
models: [{model: sum, parameters: {weight: 0.5}}]
parameters: {normalize: false}
---
name: sum
merge_method: task_arithmetic
base_model: base
models: [{model: a}, {model: b}]
parameters: {weight: 1}
`;

const valuesIn = (folder: string) => readModel(folder).tensors.get('layer.weight')!.values;

describe('documents', () => {
  it('are merged in the order of their needs, named ones beside the output', async () => {
    const folder = createWorkplace(DOCUMENTS);
    const run = await m2merge(['recipe.yaml', 'out'], folder);
    expect(run.status).toBe(0);
    expect(run.stderr).toMatch(/^sum: \.\/out-intermediate\/sum is next\n.*half: .*the document without a name: /s);
    expect(valuesIn(join(folder, 'out-intermediate/sum'))).toEqual([11, 22, 33, 44]);
    expect(valuesIn(join(folder, 'out-intermediate/half'))).toEqual([5.5, 11, 16.5, 22]);
    expect(valuesIn(join(folder, 'out'))).toEqual([8.25, 16.5, 24.75, 33]);
    expect(readFileSync(join(folder, 'out-intermediate/half/recipe.yaml'), 'utf8')).toBe(
      'name: half\nmerge_method: linear\nmodels: [{model: sum, parameters: {weight: 0.5}}]\nparameters: {normalize: false}\n',
    );
  });

  it('that are there by the same plan are kept; others are not replaced unasked', async () => {
    const folder = createWorkplace(DOCUMENTS);
    expect((await m2merge(['recipe.yaml', 'out', '--intermediate-dir', 'steps', '--quiet'], folder)).status).toBe(0);
    const made = statSync(join(folder, 'steps/sum/model.safetensors')).mtimeMs;
    rmSync(join(folder, 'out'), { recursive: true });
    writeFileSync(join(folder, 'recipe.yaml'), DOCUMENTS.replace('weight: 0.5', 'weight: 0.25'));
    const run = await m2merge(['recipe.yaml', 'out', '--intermediate-dir', 'steps'], folder);
    expect(run.status).toBe(5);
    expect(run.stderr).toContain('sum: ./steps/sum is there already, made by the same plan\n');
    expect(run.stderr).toMatch(/output folder already exists: .*steps\/half/);
    expect(existsSync(join(folder, 'out'))).toBe(false);
    rmSync(join(folder, 'steps/half'), { recursive: true });
    const events = (await m2merge(['recipe.yaml', 'out', '--intermediate-dir', 'steps', '--json'], folder)).stdout;
    const documents = events.split('\n').filter((line) => line.includes('"document"'));
    expect(documents.map((line) => JSON.parse(line))).toMatchObject([
      { name: 'sum', kept: true },
      { name: 'half', kept: false },
      { kept: false },
    ]);
    expect(valuesIn(join(folder, 'out'))).toEqual([6.875, 13.75, 20.625, 27.5]);
    expect(statSync(join(folder, 'steps/sum/model.safetensors')).mtimeMs).toBe(made);
  });

  it('are planned before any is made, with the plans that the merges have', async () => {
    const folder = createWorkplace(DOCUMENTS);
    const plan = JSON.parse((await m2merge(['plan', 'recipe.yaml', 'out', '--json'], folder)).stdout);
    expect(existsSync(join(folder, 'out-intermediate'))).toBe(false);
    expect((await m2merge(['recipe.yaml', 'out', '--quiet'], folder)).status).toBe(0);
    const hashes = ['out-intermediate/sum', 'out-intermediate/half', 'out'].map(
      (output) => JSON.parse(readFileSync(join(folder, output, 'm2merge_manifest.json'), 'utf8')).plan,
    );
    expect(plan.documents.map(({ planHash }: { planHash: string }) => planHash)).toEqual(hashes);
    expect((await m2merge(['plan', 'recipe.yaml', 'out'], folder)).stdout).toMatch(
      /^=== sum\n.*^=== half\n.*^=== the document/ms,
    );
  });

  it('with a mistake in the last leave nothing of the first', async () => {
    const folder = createWorkplace(DOCUMENTS.replace('model: half, parameters', 'model: hlaf, parameters'));
    await expectRefusal(folder, ['recipe.yaml', 'out'], {
      status: 4,
      says: ['recipe.yaml:3:18: model "hlaf" not found'],
    });
  });
});
