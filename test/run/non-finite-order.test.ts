/** Warnings of NaN and infinite values come in the order of the recipe, whichever tensor shows them first. */
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { writeModel } from '../support/safetensors.js';
import { temporaryFolder } from '../support/temporary-folder.js';
import { mergeFolder } from './merge-folder.js';

const FIRST = 'model.layers.0.mlp.weight';
const LAST = 'model.layers.1.mlp.weight';

it('the base, then the models, then what was merged', async () => {
  const folder = temporaryFolder();
  const write = (name: string, ofFirst: number, ofLast: number): void =>
    writeModel(join(folder, name), [
      { name: FIRST, dtype: 'F32', shape: [2], values: [1, ofFirst] },
      { name: LAST, dtype: 'F32', shape: [2], values: [1, ofLast] },
    ]);
  write('base', 0, Number.NaN);
  write('a', 0, Number.POSITIVE_INFINITY);
  write('b', Number.NaN, 0);
  const { warnings } = await mergeFolder(
    folder,
    'merge_method: task_arithmetic\nbase_model: base\nmodels: [{model: a}, {model: b}]\nparameters: {weight: 1}\n',
  );
  expect(warnings).toEqual([
    { kind: 'non-finite-input', facts: { model: 'base', tensor: LAST, values: 1, tensors: 1 } },
    { kind: 'non-finite-input', facts: { model: 'a', tensor: LAST, values: 1, tensors: 1 } },
    { kind: 'non-finite-input', facts: { model: 'b', tensor: FIRST, values: 1, tensors: 1 } },
    { kind: 'non-finite-output', facts: { tensor: FIRST, values: 2, tensors: 2 } },
  ]);
});
