/** The magnitudes of DoRA are one number for each row, in one dimension: others are refused. */
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { addAdapter } from '../../src/checkpoint/adapter.js';
import { openAdapter } from '../../src/checkpoint/adapter-folder.js';
import { openCheckpoint } from '../../src/checkpoint/folder.js';
import { writeAdapter } from '../support/adapters.js';
import { type TensorToWrite, writeModel } from '../support/safetensors.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const MODULE = 'base_model.model.model.layers.0.q_proj';

const zeros = (name: string, shape: readonly number[]): TensorToWrite => {
  const elements = shape.reduce((product, length) => product * length, 1);
  return { name, dtype: 'F32', shape, values: new Float64Array(elements) };
};

async function joinedWith(magnitudes: readonly number[]) {
  const folder = temporaryFolder();
  writeModel(join(folder, 'base'), [zeros('model.layers.0.q_proj.weight', [2, 3])], { config: {} });
  const factors = [zeros(`${MODULE}.lora_A.weight`, [4, 3]), zeros(`${MODULE}.lora_B.weight`, [2, 4])];
  const tensors = [...factors, zeros(`${MODULE}.lora_magnitude_vector`, magnitudes)];
  writeAdapter(join(folder, 'dora'), tensors, { use_dora: true });
  const names = { model: 'base', adapter: 'dora' };
  return addAdapter(await openCheckpoint(join(folder, 'base')), await openAdapter(join(folder, 'dora')), names);
}

it('as many as rows have their place', async () => {
  const { tensors } = await joinedWith([2]);
  expect(tensors.get('model.layers.0.q_proj.weight')!.lowRank).toHaveProperty('magnitudes');
});

it.each([[[2, 1]], [[1, 2]], [[3]], [[]]])('of shape [%s] they do not', async (shape) => {
  await expect(joinedWith(shape)).rejects.toMatchObject({
    kind: 'adapter-mismatch',
    message: expect.stringContaining(`it has 2 rows but [${shape.join(', ')}] magnitudes`),
  });
});
