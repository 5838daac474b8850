/** What cannot be held together is refused by the plan, from headers alone: the files here are holes. */
import { mkdirSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { temporaryFolder } from '../support/cli.js';
import { m2merge } from '../support/command.js';
import { encodeHeader } from '../support/safetensors.js';

const work = temporaryFolder();

/** A model of one bf16 tensor of zeros, which takes no room on the disk. */
function writeHollowModel(name: string, shape: readonly number[]): void {
  const bytes = shape.reduce((product, length) => product * length, 2);
  const header = encodeHeader(JSON.stringify({ weight: { dtype: 'BF16', shape, data_offsets: [0, bytes] } }));
  mkdirSync(join(work, name));
  const file = join(work, name, 'model.safetensors');
  writeFileSync(file, header);
  truncateSync(file, header.byteLength + bytes);
}

async function plan(method: string, shape: readonly number[], parameters = '{}') {
  const name = `${method}-${shape.join('x')}`;
  for (const model of ['base', 'a', 'b']) writeHollowModel(`${name}-${model}`, shape);
  const models = ['a', 'b'].map((model) => `{model: ${name}-${model}, parameters: {weight: 1}}`).join(', ');
  const recipe = [`merge_method: ${method}`, `base_model: ${name}-base`, `models: [${models}]`];
  writeFileSync(join(work, `${name}.yaml`), [...recipe, `parameters: ${parameters}`].join('\n'));
  return await m2merge(['plan', `${name}.yaml`], work);
}

it('refuses a tensor that a spectral method would have to hold whole', async () => {
  expect((await plan('tsv', [4096, 8192])).status).toBe(0);
  const { status, stderr } = await plan('tsv', [4096, 8224]);
  expect(status).toBe(4);
  expect(stderr).toContain('tsv takes whole tensors, but weight has 33685504 elements (at most 33554432');
  // Stacked matrices are merged as vectors are.
  expect((await plan('tsv', [16, 4096, 1024])).status).toBe(0);
  const [, mean] = /parameters: (.*)/.exec(stderr)!;
  expect((await plan('tsv', [4096, 8225], mean)).status).toBe(0);
});

it('refuses rows that are too long for a method of rows, and leaves them to one of elements', async () => {
  // Sixteen of these rows end at a multiple of 64 elements.
  const rows = [20, 300_004] as const;
  const { status, stderr } = await plan('della', rows, '{density: 0.5, epsilon: 0.1}');
  expect(status).toBe(4);
  expect(stderr).toContain('della takes whole rows, but 4800064 elements of weight would have to stay together');
  expect((await plan('ties', rows, '{density: 0.5}')).status).toBe(0);
});

it('refuses more vectors along the first dimension than there is room for the sums of', async () => {
  const settings = '{nuslerp_flatten: false, nuslerp_row_wise: true}';
  expect((await plan('nuslerp', [4, 512, 1024], settings)).status).toBe(0);
  const { status, stderr } = await plan('nuslerp', [4, 513, 1024], settings);
  expect(status).toBe(3);
  expect(stderr).toContain('at most 524288 vectors of a tensor; one of [4, 513, 1024] has 525312');
});
