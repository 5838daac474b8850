/** `m2merge diff`: what it says of two models that differ in more than values, or in less than it may seem. */
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { m2merge } from '../support/command.js';
import { type ModelOptions, type TensorToWrite, writeModel } from '../support/safetensors.js';
import { temporaryFolder } from '../support/temporary-folder.js';
import { f32 } from './workplace.js';

const NORM = f32('norm.weight', [2], 1, 2);
const EMBEDDING = f32('model.embed_tokens.weight', [2, 2], 1, 2, 3, 4);
const POSITIONS: TensorToWrite = { name: 'position_ids', dtype: 'I64', shape: [1], bytes: new Uint8Array(8) };

/** What `diff a b` and `diff b a` print. */
async function differencesOf(
  a: readonly TensorToWrite[],
  b: readonly TensorToWrite[],
  options?: ModelOptions,
): Promise<string[]> {
  const folder = temporaryFolder();
  writeModel(join(folder, 'a'), a, options);
  writeModel(join(folder, 'b'), b, options);
  const texts: string[] = [];
  for (const names of ['a b', 'b a']) {
    const { status, stdout, stderr } = await m2merge(['diff', ...names.split(' ')], folder);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    texts.push(stdout);
  }
  return texts;
}

it('calls two models the same where dtype, shape and bits are', async () => {
  const [text] = await differencesOf([NORM, EMBEDDING], [EMBEDDING, NORM]);
  expect(text).toBe('a and b hold the same 2 tensors, bit for bit\n');
});

it('does not call values of another dtype the same bits', async () => {
  const [text] = await differencesOf([NORM], [{ name: NORM.name, dtype: 'BF16', shape: [2], values: [1, 2] }]);
  expect(text).toBe('a and b hold the same values in 1 tensor\n1 tensor of another dtype: norm.weight (F32 → BF16)\n');
});

it('names tensors that only one has, whichever is the first', async () => {
  const texts = await differencesOf([NORM, EMBEDDING], [EMBEDDING]);
  for (const text of texts)
    expect(text).toContain('the same 1 tensor, bit for bit\nb lacks 1 tensor of a: norm.weight\n');
  const many = [1, 2, 3, 4, 5].map((number) => f32(`norm${number}.weight`, [1], 1));
  const [text] = await differencesOf([EMBEDDING], [EMBEDDING, ...many]);
  expect(text).toContain('a lacks 5 tensors of b: norm1.weight, norm2.weight, norm3.weight and 2 more\n');
});

it('says the same in JSON, with what the other model has besides as a warning', async () => {
  const folder = temporaryFolder();
  writeModel(join(folder, 'a'), [NORM, EMBEDDING]);
  writeModel(join(folder, 'b'), [EMBEDDING, f32('other.weight', [1], 1)]);
  const { stdout, stderr } = await m2merge(['diff', 'a', 'b', '--json'], folder);
  const { tensors, left_out } = JSON.parse(stdout);
  expect(Object.keys(tensors)).toEqual([EMBEDDING.name]);
  expect(left_out).toEqual({ [NORM.name]: ['b'] });
  expect(stderr).toBe('warning: b has tensor "other.weight" that the base has not; left out\n');
});

it('says which rows it compared, and compares integers as what they are', async () => {
  const longer = f32(EMBEDDING.name, [3, 2], 1, 2, 3, 4, 5, 6);
  const mask: TensorToWrite = { name: 'mask', dtype: 'BOOL', shape: [2], bytes: new Uint8Array(2) };
  const others = { ...POSITIONS, bytes: new Uint8Array(8).fill(1) };
  const [text] = await differencesOf([EMBEDDING, POSITIONS, mask], [mask, longer, others]);
  expect(text).toBe(
    [
      'a and b hold the same values in 1 tensor',
      '1 tensor of another shape, compared where both have rows: model.embed_tokens.weight ([2, 2] → [3, 2])',
      '1 tensor of no floating-point numbers, not the same: position_ids (I64)',
      '1 tensor of no floating-point numbers, the same: mask (BOOL)',
      '',
    ].join('\n'),
  );
});

it('compares integers longer than what is read at once', async () => {
  const of = (last: number): TensorToWrite => {
    const bytes = new Uint8Array(3_000_000);
    bytes[bytes.length - 1] = last;
    return { name: 'table', dtype: 'U8', shape: [bytes.length], bytes };
  };
  expect((await differencesOf([NORM, of(1)], [NORM, of(1)]))[0]).toContain('numbers, the same: table (U8)');
  expect((await differencesOf([NORM, of(1)], [NORM, of(2)]))[0]).toContain('numbers, not the same: table (U8)');
});

it('tells in JSON what sets the models apart beside numbers', async () => {
  const folder = temporaryFolder();
  writeModel(join(folder, 'a'), [NORM, EMBEDDING, POSITIONS]);
  writeModel(join(folder, 'b'), [
    { name: NORM.name, dtype: 'BF16', shape: [2], values: [1, 2] },
    f32(EMBEDDING.name, [3, 2], 1, 2, 3, 4, 5, 6),
    POSITIONS,
    f32('other.weight', [1], 1),
  ]);
  const { structure } = JSON.parse((await m2merge(['diff', 'a', 'b', '--json'], folder)).stdout);
  expect(structure).toEqual({
    only_in_first: [],
    only_in_second: ['other.weight'],
    dtypes: { [NORM.name]: ['F32', 'BF16'] },
    shapes: {
      [EMBEDDING.name]: [
        [2, 2],
        [3, 2],
      ],
    },
    carried: { [POSITIONS.name]: true },
  });
});

it('lists first what has no size', async () => {
  const [text] = await differencesOf(
    [NORM, EMBEDDING],
    [f32('norm.weight', [2], 1, Number.NaN), f32(EMBEDDING.name, [2, 2], 9, 9, 9, 9)],
  );
  expect(text).toContain('1 tensor with NaN, infinity or an overflow in the difference, listed first\n');
  expect(text!.indexOf('norm.weight')).toBeLessThan(text!.indexOf(EMBEDDING.name));
});

it('knows a head that is the embedding from one that the other model has not', async () => {
  const head = f32('lm_head.weight', [2, 2], 1, 2, 3, 4);
  const [text] = await differencesOf([EMBEDDING, head], [EMBEDDING]);
  expect(text).toBe('a and b hold the same 2 tensors, bit for bit\n');
  const untied = await differencesOf([EMBEDDING, head], [EMBEDDING], { config: { tie_word_embeddings: false } });
  for (const one of untied)
    expect(one).toContain('the same 1 tensor, bit for bit\nb lacks 1 tensor of a: lm_head.weight\n');
  const folder = temporaryFolder();
  writeModel(join(folder, 'tied'), [EMBEDDING]);
  writeModel(join(folder, 'untied'), [EMBEDDING, head]);
  const { stdout, stderr } = await m2merge(['diff', 'tied', 'untied', '--json'], folder);
  expect(Object.keys(JSON.parse(stdout).tensors)).toContain('lm_head.weight');
  expect(stderr).toBe('');
});

it('says what is too different to be compared, whichever is the first', async () => {
  const short: TensorToWrite = { name: 'position_ids', dtype: 'I32', shape: [2], bytes: new Uint8Array(8) };
  const texts = await differencesOf(
    [EMBEDDING, POSITIONS, NORM, f32('ids', [1], 1)],
    [EMBEDDING, short, f32('norm.weight', [3], 1, 2, 3), { ...POSITIONS, name: 'ids' }],
  );
  for (const text of texts)
    expect(text).toMatch(/^. and . hold the same values in 1 tensor\n3 tensors too different to be compared: ids /);
  expect(texts[0]).toContain('norm.weight (F32 [2] → F32 [3]), position_ids (I64 [1] → I32 [2])');
});

it('refuses packed numbers, though what tells them is in one model only', async () => {
  const folder = temporaryFolder();
  const weight: TensorToWrite = { name: 'q_proj.weight', dtype: 'F8_E4M3', shape: [2], bytes: new Uint8Array(2) };
  writeModel(join(folder, 'packed'), [weight, f32('q_proj.weight_scale_inv', [1], 1)]);
  writeModel(join(folder, 'plain'), [{ name: 'q_proj.weight', dtype: 'BF16', shape: [2], values: [1, 2] }]);
  for (const pair of [
    ['packed', 'plain'],
    ['plain', 'packed'],
  ]) {
    const { status, stderr } = await m2merge(['diff', ...pair], folder);
    expect({ status, stderr }).toEqual({ status: 4, stderr: expect.stringContaining('packed is quantized') });
  }
});
