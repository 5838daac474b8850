/** A folder with three small models, and what must be true of it after a run that failed. */
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { m2merge } from '../support/command.js';
import { type TensorToWrite, writeModel } from '../support/safetensors.js';
import { temporaryFolder } from '../support/temporary-folder.js';

export const f32 = (name: string, shape: readonly number[], ...values: number[]): TensorToWrite => ({
  name,
  dtype: 'F32',
  shape,
  values,
});

const model = (...values: number[]): TensorToWrite[] => [
  f32('layer.weight', [2, 2], ...values),
  f32('norm.weight', [3], 1, 1, 1),
];

/** Task arithmetic over models `a` and `b` with weight 1, base `base`. */
export const RECIPE = `merge_method: task_arithmetic
base_model: base
models:
  - {model: a, parameters: {weight: 1}}
  - {model: b, parameters: {weight: 1}}
`;

/** The same as a document, and one that doubles what it makes. */
export const DOCUMENTS = `merge_method: linear
models: [{model: sum, parameters: {weight: 2}}]
parameters: {normalize: false}
---
name: sum
${RECIPE}`;

/** Makes a folder with recipe.yaml and the models base (zeros), a (1, 2, 3, 4) and b (10, 20, 30, 40). */
export function createWorkplace(recipe = RECIPE): string {
  const folder = temporaryFolder();
  writeModel(join(folder, 'base'), model(0, 0, 0, 0), { config: { torch_dtype: 'float32' } });
  writeModel(join(folder, 'a'), model(1, 2, 3, 4));
  writeModel(join(folder, 'b'), model(10, 20, 30, 40));
  writeFileSync(join(folder, 'recipe.yaml'), recipe);
  return folder;
}

/** Every file and folder below a folder, files with their contents. */
export function contentsOf(folder: string): Record<string, string> {
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort();
  return Object.fromEntries(
    names.map((name) => {
      const path = join(folder, name);
      return [name, statSync(path).isFile() ? readFileSync(path, 'base64') : 'folder'];
    }),
  );
}

export interface Refusal {
  readonly status: number;
  /** What the message has to name. */
  readonly says: readonly (string | RegExp)[];
}

/** Runs `m2merge` and expects one message, nothing on stdout, and not one file or folder changed. */
export async function expectRefusal(folder: string, args: readonly string[], { status, says }: Refusal): Promise<void> {
  const before = contentsOf(folder);
  const run = await m2merge(args, folder);
  for (const text of says) expect(run.stderr).toMatch(text);
  expect(run).toMatchObject({ status, stdout: '' });
  expect(run.stderr.match(/^error: /gm)).toHaveLength(1);
  expect(run.stderr).not.toMatch(/defect|^ +at /m);
  expect(contentsOf(folder)).toEqual(before);
}
