/**
 * Every method by tokens: the same bytes as merging models whose rows were put in order before, and the same whatever
 * threads, tiles and kernels.
 */
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Method } from '../../kernels/method.js';
import { METHODS } from '../../kernels/methods/registry.js';
import type { MergeOptions } from '../../src/index.js';
import { library } from '../run/library.js';
import { writeAdapter } from '../support/adapters.js';
import { temporaryFolder } from '../support/cli.js';
import { randomTensor } from '../support/random-models.js';
import { readModel, type TensorToWrite, writeModel } from '../support/safetensors.js';
import { EMBED, HEAD, writeTokenizer } from '../support/tokenizers.js';

/** Of the merged model; the last three are the tokens of `a` alone. */
const ROWS = { small: 70, large: 1_100 } as const;
const COLUMNS = { small: 41, large: 1_000 } as const;
const OWN = 3;
type Size = keyof typeof ROWS;

const MODELS = ['base', 'a', 'b', 'c'];
const UP = 'model.layers.0.mlp.up_proj.weight';
const MERGE: Readonly<Record<string, string>> = { slerp: 't: 0.3', nearswap: 't: 0.0001', sce: 'select_topk: 0.5' };

const work = temporaryFolder();

/** Ids of the merged model's tokens in each model: turned round, in blocks that are swapped, and as they are. */
function orderOf(model: string, rows: number): number[] {
  const all = Array.from({ length: model === 'a' ? rows : rows - OWN }, (_, token) => token);
  if (model === 'a') return all.reverse();
  const half = Math.floor(all.length / 2);
  return model === 'b' ? [...all.slice(half), ...all.slice(0, half)] : all;
}

/** The matrix with the rows of these numbers. */
function rowsOf({ bytes, shape, ...tensor }: TensorToWrite, order: readonly number[]): TensorToWrite {
  const [rows = 0, columns = 0] = shape;
  const width = bytes!.length / rows;
  const picked = order.map((row) => bytes!.subarray(row * width, (row + 1) * width));
  return { ...tensor, shape: [order.length, columns], bytes: Buffer.concat(picked) };
}

for (const size of ['small', 'large'] as const) {
  const rows = ROWS[size];
  const shapes = [
    [EMBED, [rows, COLUMNS[size]]],
    [HEAD, [rows, COLUMNS[size]]],
    [UP, [37, 41]],
  ] as const;
  const base = shapes.map(([name, shape], i) => randomTensor(name, shape, 10 + i, 0.02));
  const inOrder = new Map(
    MODELS.map((model, m) => [
      model,
      shapes.map(([name, shape], i) =>
        model === 'base' ? base[i]! : randomTensor(name, shape, 100 * m + i, 3e-5, base[i]),
      ),
    ]),
  );
  const all = Array.from({ length: rows }, (_, token) => token);
  const shared = all.slice(0, rows - OWN);
  for (const [model, tensors] of inOrder) {
    const order = orderOf(model, rows);
    const byToken = tensors.map((tensor) => (tensor.name === UP ? tensor : rowsOf(tensor, order)));
    writeModel(join(work, size, 'loose', model), byToken, { shards: 2 });
    writeTokenizer(join(work, size, 'loose', model), { tokens: order.map((token) => `t${token}`) });
    // What only `a` has, all take from it.
    const complete = tensors.map((tensor, i) => {
      if (tensor.name === UP) return tensor;
      const own = rowsOf(tensor, shared).bytes!;
      const lent = rowsOf(inOrder.get('a')![i]!, all.slice(rows - OWN)).bytes!;
      return { ...tensor, bytes: Buffer.concat([own, lent]) };
    });
    writeModel(join(work, size, 'dense', model), complete);
  }
  const vocabulary = join(work, size, 'loose', 'vocabulary');
  mkdirSync(vocabulary);
  writeTokenizer(vocabulary, { tokens: all.map((token) => `t${token}`) });
}

function recipeText({ name, space, operandCount }: Method, more: string): string {
  const models = ['a', 'b', 'c'].slice(0, operandCount?.maximum ?? 3);
  return [
    `merge_method: ${name}`,
    ...(space === 'taskVectors' ? ['base_model: base'] : []),
    'models:',
    ...models.map((model, k) => `  - {model: ${model}, parameters: {weight: ${0.3 + k / 4}, density: 0.4}}`),
    `parameters: {${MERGE[name] ?? ''}}`,
    'dtype: bfloat16',
    'seed: 3',
    more,
  ].join('\n');
}

let merges = 0;
async function merged(folder: string, text: string, options: MergeOptions): Promise<Buffer> {
  const output = join(work, 'merged', String(++merges));
  await library.merge(library.parseRecipe(text, { folder }), { output, ...options });
  return readFileSync(join(output, 'model.safetensors'));
}

const BY_TOKENS = 'tokenizer_source: vocabulary';

describe('every method', () => {
  const check = async (method: Method, size: Size, options: MergeOptions): Promise<void> => {
    const dense = await merged(join(work, size, 'dense'), recipeText(method, ''), { threads: 2 });
    const loose = await merged(join(work, size, 'loose'), recipeText(method, BY_TOKENS), options);
    expect(loose.equals(dense)).toBe(true);
  };
  for (const method of METHODS) {
    it(`${method.name}: as if the rows had been in order`, async () => {
      await check(method, 'small', { threads: 1, tileElements: 1024, kernels: 'reference' });
    });
  }
  for (const method of METHODS.filter(({ name }) => ['ties', 'slerp'].includes(name))) {
    it(`${method.name}: the same over several units`, async () => {
      await check(method, 'large', { threads: 3, tileElements: 10_048 });
    });
  }
});

describe('means of rows', () => {
  // Without a base, tokens that two of three have are means, and so are rows of no token.
  const text = `merge_method: linear
models: [{model: a}, {model: b}, {model: c}]
parameters: {weight: 1}
dtype: bfloat16
tokenizer: {source: a, tokens: {t9: {force: true}, t70: {force: true}, new: {source: {kind: zero}}}, pad_to_multiple_of: 64}
`;
  it('are the same for any threads, tiles and kernels', async () => {
    const folder = join(work, 'large/loose');
    const expected = await merged(folder, text, { threads: 1, kernels: 'reference' });
    for (const [threads, tileElements] of [
      [1, 1024],
      [3, 10_048],
      [8, 1_048_576],
    ] as const) {
      expect((await merged(folder, text, { threads, tileElements })).equals(expected)).toBe(true);
    }
  });
});

describe('adapters', () => {
  it('of embeddings change the rows before they are put in order', async () => {
    const folder = join(work, 'small/loose');
    const rows = ROWS.small;
    const module = 'base_model.model.model.embed_tokens';
    writeAdapter(
      join(folder, 'lora'),
      [
        randomTensor(`${module}.lora_embedding_A`, [4, rows], 1, 0.02),
        randomTensor(`${module}.lora_embedding_B`, [COLUMNS.small, 4], 2, 0.02),
      ],
      { target_modules: ['embed_tokens'] },
    );
    const recipe = (model: string, more: string): string =>
      `merge_method: passthrough\nmodels: [{model: ${model}}]\ndtype: float32\n${more}\n`;
    const valuesIn = async (model: string, more: string, options: MergeOptions = {}) => {
      await merged(folder, recipe(model, more), { threads: 1, ...options });
      return readModel(join(work, 'merged', String(merges))).tensors.get(EMBED)!.values;
    };
    const stored = await valuesIn('a+lora', '');
    const order = orderOf('a', rows);
    const expected = Array.from({ length: rows }, (_, token) => {
      const row = order.indexOf(token);
      return stored.slice(row * COLUMNS.small, (row + 1) * COLUMNS.small);
    }).flat();
    expect(await valuesIn('a+lora', BY_TOKENS)).toEqual(expected);
    expect(await valuesIn('a+lora', BY_TOKENS, { tileElements: 64 })).toEqual(expected);
    expect(await valuesIn('a', BY_TOKENS)).not.toEqual(expected);
    // A tokenizer of fewer tokens takes the first rows of a matrix whose adapter has more.
    const few = orderOf('a', rows).slice(0, 20);
    mkdirSync(join(folder, 'few'));
    writeTokenizer(join(folder, 'few'), { tokens: few.map((token) => `t${token}`) });
    expect(await valuesIn('a+lora', 'tokenizer_source: few')).toEqual(stored.slice(0, 20 * COLUMNS.small));
  });
});
