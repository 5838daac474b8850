/** What cannot be held together is refused by the plan, from headers alone: the files here are holes. */
import { mkdirSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { m2merge, temporaryFolder } from '../support/cli.js';
import { encodeHeader } from '../support/safetensors.js';

const work = temporaryFolder();

/** A model of one bf16 matrix of zeros, which takes no room on the disk. */
function writeHollowModel(name: string, shape: readonly [number, number]): void {
  const bytes = 2 * shape[0] * shape[1];
  const header = encodeHeader(JSON.stringify({ weight: { dtype: 'BF16', shape, data_offsets: [0, bytes] } }));
  mkdirSync(join(work, name));
  const file = join(work, name, 'model.safetensors');
  writeFileSync(file, header);
  truncateSync(file, header.byteLength + bytes);
}

function plan(method: string, shape: readonly [number, number], parameters = '{}') {
  const name = `${method}-${shape.join('x')}`;
  for (const model of ['base', 'a', 'b']) writeHollowModel(`${name}-${model}`, shape);
  const models = ['a', 'b'].map((model) => `{model: ${name}-${model}, parameters: {weight: 1}}`).join(', ');
  const recipe = [`merge_method: ${method}`, `base_model: ${name}-base`, `models: [${models}]`];
  writeFileSync(join(work, `${name}.yaml`), [...recipe, `parameters: ${parameters}`].join('\n'));
  return m2merge(['plan', `${name}.yaml`], work);
}

it('refuses a tensor that a spectral method would have to hold whole', () => {
  expect(plan('tsv', [4096, 4096]).status).toBe(0);
  const { status, stderr } = plan('tsv', [4096, 4128]);
  expect(status).toBe(4);
  expect(stderr).toContain('tsv takes whole tensors, but weight has 16908288 elements (at most 16777216');
});

it('refuses rows that are too long for a method of rows, and leaves them to one of elements', () => {
  // Sixteen of these rows end at a multiple of 64 elements.
  const rows = [20, 300_004] as const;
  const { status, stderr } = plan('della', rows, '{density: 0.5, epsilon: 0.1}');
  expect(status).toBe(4);
  expect(stderr).toContain('della takes whole rows, but 4800064 elements of weight would have to stay together');
  expect(plan('ties', rows, '{density: 0.5}').status).toBe(0);
});
