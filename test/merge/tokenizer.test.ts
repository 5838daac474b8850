/** Embeddings by tokens: union, base and model vocabularies, rules for tokens, padding; against a naive account. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isM2MergeError } from '../../src/errors.js';
import { type Merged, mergeFolder, valuesOf } from '../run/merge-folder.js';
import { readModel } from '../support/safetensors.js';
import { temporaryFolder } from '../support/temporary-folder.js';
import { EMBED, HEAD, readTokens, type TokenModel, valueAt, writeTokenModel } from '../support/tokenizers.js';
import { type Group, mergedTokens, type Rule, reordered } from './token-oracle.js';

const NORMAL = ['<unk>', '<s>', '</s>', 'a', 'b', 'c', 'd', 'e'];

const LINEAR = (models: readonly string[], more = ''): string =>
  `merge_method: linear\nmodels: [${models.map((name) => `{model: ${name}, parameters: {weight: 1}}`).join(', ')}]\n${more}\n`;

function folderOf(models: Readonly<Record<string, TokenModel>>): string {
  const folder = temporaryFolder();
  for (const [name, model] of Object.entries(models)) writeTokenModel(folder, name, model);
  return folder;
}

const shapeOf = (merged: Merged, tensor = EMBED): readonly number[] => merged.model.tensors.get(tensor)!.shape;
const rowOf = (merged: Merged, row: number, tensor = EMBED): readonly number[] =>
  valuesOf(merged, tensor).slice(2 * row, 2 * row + 2);
const kindsOf = (merged: Merged): string[] => merged.warnings.map(({ kind }) => kind);

async function refusal(folder: string, recipe: string) {
  const error = await mergeFolder(folder, recipe).catch((thrown: unknown) => thrown);
  if (!isM2MergeError(error)) throw new Error(`expected a refusal, found ${error}`);
  return error;
}

describe('the merged vocabulary', () => {
  const base: TokenModel = { tokens: NORMAL, added: ['<s>', '</s>'], offset: 1 };
  const chat: TokenModel = { tokens: NORMAL, added: ['<s>', '</s>', '<|im_start|>', '<|im_end|>'], offset: 2 };
  // As many rows as normal tokens: its added ones are in the tokenizer alone.
  const padded: TokenModel = { tokens: NORMAL, added: ['<UNUSED_0>', '<UNUSED_1>'], rows: NORMAL.length, offset: 3 };
  const group = (): string => folderOf({ base, chat, padded });
  const recipe = (source: string) =>
    LINEAR(['base', 'padded', 'chat'], `base_model: base\ntokenizer_source: ${source}`);

  it('base: that of the base', async () => {
    const folder = group();
    const merged = await mergeFolder(folder, recipe('base'));
    expect(shapeOf(merged)).toEqual([8, 2]);
    expect(readTokens(merged.output)).toEqual(NORMAL);
    expect(readFileSync(join(merged.output, 'tokenizer.json'))).toEqual(
      readFileSync(join(folder, 'base/tokenizer.json')),
    );
  });

  it('union: every token that a model has a row for', async () => {
    const merged = await mergeFolder(group(), recipe('union'));
    expect(readTokens(merged.output)).toEqual([...NORMAL, '<|im_start|>', '<|im_end|>']);
    expect(shapeOf(merged)).toEqual([10, 2]);
    expect(merged.model.config!.vocab_size).toBe(10);
    // Only `chat` has these: the others take its row.
    expect(rowOf(merged, 8)).toEqual([valueAt(chat, 8, 0), valueAt(chat, 8, 1)]);
    expect(rowOf(merged, 3)[0]).toBe((valueAt(base, 3, 0) + valueAt(chat, 3, 0) + valueAt(padded, 3, 0)) / 3);
  });

  for (const source of ['chat', 'model:chat']) {
    it(`${source}: that of the model`, async () => {
      const folder = group();
      const merged = await mergeFolder(folder, recipe(source));
      expect(readTokens(merged.output)).toEqual(readTokens(join(folder, 'chat')));
      expect(shapeOf(merged)).toEqual([10, 2]);
    });
  }

  it('cuts rows of no token, which is warned of, unless they are asked for', async () => {
    const tall = folderOf({ base: { ...base, rows: 12 }, chat });
    const cut = await mergeFolder(tall, LINEAR(['base', 'chat'], 'base_model: base\ntokenizer_source: base'));
    expect(shapeOf(cut)).toEqual([8, 2]);
    expect(kindsOf(cut)).toContain('vocabulary-cut');
    const kept = await mergeFolder(
      tall,
      LINEAR(['base', 'chat'], 'base_model: base\ntokenizer: {source: base, pad_to_multiple_of: 12}'),
    );
    expect(shapeOf(kept)).toEqual([12, 2]);
    expect(kept.model.config!.vocab_size).toBe(12);
  });
});

describe('rules for tokens', () => {
  const a: TokenModel = { tokens: NORMAL, offset: 1 };
  const b: TokenModel = { tokens: [...NORMAL].reverse(), added: ['<|im_end|>'], offset: 2 };
  const group = (): string => folderOf({ a, b });
  const recipe = (tokens: string): string =>
    LINEAR(['a', 'b'], `base_model: a\ntokenizer: {source: union, tokens: {${tokens}}}`);

  it('give a new token the row of another, told by text or by number', async () => {
    for (const asked of ['token: c', 'token_id: 5']) {
      const merged = await mergeFolder(
        group(),
        recipe(`<new>: {source: {kind: model_token, model: a, ${asked}}, force: true}`),
      );
      expect(readTokens(merged.output).at(-1)).toBe('<new>');
      expect(rowOf(merged, 9)).toEqual([valueAt(a, 5, 0), valueAt(a, 5, 1)]);
    }
  });

  it('without a source, in no model: zeros, which is warned of', async () => {
    const merged = await mergeFolder(group(), recipe('<new>: {}, <other>: {source: {kind: zero}}'));
    expect([rowOf(merged, 9), rowOf(merged, 10)]).toEqual([
      [0, 0],
      [0, 0],
    ]);
    const zero = merged.warnings.filter(({ kind }) => kind === 'tokens-zero');
    expect(zero).toEqual([{ kind: 'tokens-zero', facts: { token: '<new>', tensor: EMBED, count: 1 } }]);
  });

  const wrong = [
    ['<new>: {source: a}', '"a" has no row for token "<new>"'],
    ['d: {source: {kind: model_token, model: b, token: zz}, force: true}', '"b" has no token "zz"'],
    ['<new>: {source: {kind: model_token, model: b, token_id: 9}}', '"b" has rows for 9 tokens, not for number 9'],
  ] as const;
  for (const [tokens, message] of wrong) {
    it(`refuse ${tokens}`, async () => {
      const error = await refusal(group(), recipe(tokens));
      expect(error.kind).toBe('recipe-invalid');
      expect(error.message).toMatch(/^.*\.yaml:4:\d+: tokenizer\.tokens\.(?:<new>|d)\.source: /);
      expect(error.message).toContain(message);
    });
  }
});

describe('models without tokenizer.json', () => {
  const a: TokenModel = { tokens: NORMAL, offset: 1 };
  it('are taken to have the tokens of the base, which is warned of', async () => {
    const b = { ...a, offset: 2, bare: true, rows: 6 };
    const merged = await mergeFolder(folderOf({ a, b }), LINEAR(['a', 'b'], 'base_model: a\ntokenizer_source: base'));
    expect(merged.warnings).toEqual([{ kind: 'tokenizer-assumed', facts: { model: 'b', like: 'a' } }]);
    expect(rowOf(merged, 5)[0]).toBe((valueAt(a, 5, 0) + valueAt(b, 5, 0)) / 2);
    expect(rowOf(merged, 7)[0]).toBe(valueAt(a, 7, 0));
  });

  it('are refused when they have one in another format, or are the base', async () => {
    const folder = folderOf({ a, b: { ...a, offset: 2, bare: true } });
    const asBase = await refusal(folder, LINEAR(['a', 'b'], 'base_model: b\ntokenizer_source: union'));
    expect(asBase.message).toBe('b has no tokenizer.json, by which its tokens could be told');
    writeFileSync(join(folder, 'b/tokenizer.model'), 'x');
    const other = await refusal(folder, LINEAR(['a', 'b'], 'base_model: a\ntokenizer_source: union'));
    expect([other.kind, other.hint]).toEqual(['tokenizer-missing', expect.stringContaining('found tokenizer.model;')]);
  });

  for (const [text, detail] of [
    ['{', 'invalid JSON'],
    ['[]', 'invalid JSON: expected an object'],
    ['{"model": {"vocab": 1}}', 'its "model" has no vocabulary'],
    ['{"model": {"vocab": {"a": -1}}}', 'the id of token "a" is no number from 0'],
    ['{"model": {"vocab": {"a": 99999999999}}}', 'the id of token "a" is no number from 0'],
    ['{"model": {"vocab": {"a": 1, "b": 1}}}', 'token "b" has the id 1 of another token'],
    ['{"model": {"vocab": [["a", 0], 3]}}', 'entry 1 of the vocabulary is no token with its score'],
    ['{"model": {"vocab": {}}, "added_tokens": [{"id": 1}]}', 'an added token has no content'],
  ] as const) {
    it(`refuses ${text}`, async () => {
      const folder = folderOf({ a, b: { ...a, offset: 2 } });
      writeFileSync(join(folder, 'b/tokenizer.json'), text);
      const error = await refusal(folder, LINEAR(['a', 'b'], 'base_model: a\ntokenizer_source: union'));
      expect(error.kind).toBe('tokenizer-invalid');
      expect(error.message).toContain(`b/tokenizer.json: ${detail}`);
    });
  }

  it('names tokenizer_config.json for what is wrong there', async () => {
    const folder = folderOf({ a, b: { ...a, offset: 2 } });
    writeFileSync(join(folder, 'b/tokenizer_config.json'), '{"added_tokens_decoder": {"7": {"special": true}}}');
    const error = await refusal(folder, LINEAR(['a', 'b'], 'base_model: a\ntokenizer_source: union'));
    expect(error.message).toContain('b/tokenizer_config.json: an added token has no content');
  });
});

const ALPHABET = ['<unk>', '__proto__', '7', 'a', 'b', 'ab', 'Ġc', ' d'];
const SPECIAL = ['<x>', '<y>', '<z>'];

const modelArbitrary = (offset: number): fc.Arbitrary<TokenModel> =>
  fc
    .record({
      tokens: fc.shuffledSubarray(ALPHABET, { minLength: 1 }),
      added: fc.shuffledSubarray([...SPECIAL, 'a', '7']),
      more: fc.integer({ min: -2, max: 3 }),
      head: fc.boolean(),
      dtype: fc.constantFrom('F32', 'BF16', 'F16'),
      kind: fc.constantFrom('BPE' as const, 'WordPiece' as const, 'Unigram' as const),
    })
    .map(({ more, ...model }) => {
      const size = new Set([...model.tokens, ...model.added]).size;
      return { ...model, offset, columns: 3, rows: Math.max(1, size + more) };
    });

const groupArbitrary: fc.Arbitrary<Group> = fc
  .record({
    models: fc.tuple(modelArbitrary(1), modelArbitrary(2), modelArbitrary(3)),
    base: fc.constantFrom(undefined, 'a'),
    source: fc.constantFrom('union', 'base', 'a', 'b', 'c'),
    multiple: fc.constantFrom(1, 1, 3, 8),
    ruled: fc.shuffledSubarray(['<new>', 'a', '7', '<x>', '__proto__'], { maxLength: 3 }),
    wishes: fc.array(fc.record({ way: fc.nat(3), model: fc.nat(2), id: fc.nat(50), force: fc.boolean() }), {
      minLength: 5,
      maxLength: 5,
    }),
  })
  .map(({ models, base, source, multiple, ruled, wishes }) => {
    const named = new Map(models.map((model, i) => ['abc'[i]!, model]));
    const rules = new Map(
      ruled.map((token, i): [string, Rule] => {
        const { way, model, id, force } = wishes[i]!;
        const name = 'abc'[model]!;
        const { tokens, added = [], rows } = named.get(name)!;
        const known = [...tokens, ...added.filter((other) => !tokens.includes(other as string))].slice(0, rows);
        if (way === 0) return [token, { source: { zero: true }, force }];
        if (way === 1 && known.includes(token)) return [token, { source: { model: name }, force }];
        if (way === 2) return [token, { source: { model: name, id: id % rows! }, force }];
        return [token, { force }];
      }),
    );
    return { models: named, base, source, rules, multiple };
  });

function recipeOf({ models, base, source, rules, multiple }: Group): string {
  const tokens = [...rules].map(([token, { source: from, force }]) => {
    const text =
      from === undefined
        ? ''
        : 'zero' in from
          ? 'source: {kind: zero}, '
          : from.id === undefined
            ? `source: ${from.model}, `
            : `source: {kind: model_token, model: ${from.model}, token_id: ${from.id}}, `;
    return `    ${JSON.stringify(token)}: {${text}force: ${force}}`;
  });
  const lines = [`tokenizer:`, `  source: ${source}`, `  pad_to_multiple_of: ${multiple}`];
  const rule = tokens.length === 0 ? [] : ['  tokens:', ...tokens];
  const head = base === undefined ? [] : [`base_model: ${base}`];
  return LINEAR([...models.keys()], [...head, ...lines, ...rule, 'dtype: float32'].join('\n'));
}

/** Rows of a tensor of a model on disk; a tied head is the embedding. */
function matrixOf(folder: string, tensor: string): number[][] {
  const { tensors } = readModel(folder);
  const { shape, values } = tensors.get(tensor) ?? tensors.get(EMBED)!;
  const [rows = 0, columns = 0] = shape;
  return Array.from({ length: rows }, (_, row) => values.slice(row * columns, (row + 1) * columns));
}

it('gives every model the rows that a naive account gives it', async () => {
  await fc.assert(
    fc.asyncProperty(groupArbitrary, fc.constantFrom(64, 131_072), async (group, tileElements) => {
      const folder = mkdtempSync(join(tmpdir(), 'm2merge-tokens-'));
      try {
        for (const [name, model] of group.models) writeTokenModel(folder, name, model);
        const merged = await mergeFolder(folder, recipeOf(group), { tileElements });
        expect(readTokens(merged.output)).toEqual(mergedTokens(group));
        for (const tensor of [EMBED, HEAD]) {
          if (!merged.model.tensors.has(tensor)) continue;
          const names = [...group.models.keys()];
          const matrices = new Map(names.map((name) => [name, matrixOf(join(folder, name), tensor)]));
          const rows = [...reordered(group, matrices).values()];
          const found = matrixOf(merged.output, tensor);
          expect(found).toHaveLength(rows[0]!.length);
          found.forEach((row, i) => {
            row.forEach((value, column) => {
              const expected = rows.reduce((sum, matrix) => sum + matrix[i]![column]!, 0) / rows.length;
              expect(Math.abs(value - expected)).toBeLessThanOrEqual(1e-6 * Math.abs(expected));
            });
          });
        }
      } finally {
        rmSync(folder, { recursive: true });
      }
    }),
    { numRuns: 20 },
  );
});
