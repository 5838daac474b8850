/** Tokens for which a model has no row, at the limit of what it has, and rows for models that do not have a token. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type Merged, mergeFolder, valuesOf } from '../run/merge-folder.js';
import { temporaryFolder } from '../support/temporary-folder.js';
import { EMBED, readTokens, type TokenModel, valueAt, writeTokenModel } from '../support/tokenizers.js';

const TOKENS = ['<unk>', 'a', 'b', 'c', 'd'];
const BASE: TokenModel = { tokens: TOKENS, offset: 1 };

function folderOf(models: Readonly<Record<string, TokenModel>>): string {
  const folder = temporaryFolder();
  for (const [name, model] of Object.entries(models)) writeTokenModel(folder, name, model);
  return folder;
}

const recipe = (models: readonly string[], source: string): string =>
  `merge_method: linear\nbase_model: base\nmodels: [${models.map((model) => `{model: ${model}}`)}]\nparameters: {weight: 1}\ntokenizer_source: ${source}\n`;

const factsOf = ({ warnings }: Merged, wanted: string): unknown[] =>
  warnings.filter(({ kind }) => kind === wanted).map(({ facts }) => facts);

describe('tokens of the base without rows', () => {
  const merge = (folder: string): Promise<Merged> => mergeFolder(folder, recipe(['base', 'other'], 'base'));

  it.each([
    [5, 0],
    [4, 1],
    [3, 2],
  ])('of 5, with %d rows: %d', async (rows, count) => {
    const merged = await merge(folderOf({ base: { ...BASE, rows }, other: { ...BASE, rows, offset: 2 } }));
    expect(factsOf(merged, 'tokens-without-rows')).toEqual(
      count === 0 ? [] : [{ model: 'base', token: TOKENS[rows], count, rows }],
    );
    expect(readTokens(merged.output)).toEqual(TOKENS.slice(0, rows));
  });

  it('are named by the one of the lowest id, wherever the file has it', async () => {
    const folder = folderOf({ base: { ...BASE, rows: 3 }, other: { ...BASE, rows: 3, offset: 2 } });
    const file = join(folder, 'base/tokenizer.json');
    const json = JSON.parse(readFileSync(file, 'utf8'));
    json.model.vocab = Object.fromEntries(TOKENS.map((token, id) => [token, id] as const).reverse());
    writeFileSync(file, JSON.stringify(json));
    const facts = { model: 'base', token: TOKENS[3], count: 2, rows: 3 };
    expect(factsOf(await merge(folder), 'tokens-without-rows')).toEqual([facts]);
  });
});

it('merges of the base stay as they are and once, but for those of tokens without rows', async () => {
  const tokens = ['<unk>', 'a', 'b', 'c', 'ab', 'abc'];
  const base = { tokens, merges: ['a b', 'ab c'], rows: 5, offset: 1 };
  const other = { tokens: [...tokens.slice(0, 5), 'bc'], merges: ['b c', 'a b'], offset: 2 };
  const { output } = await mergeFolder(folderOf({ base, other }), recipe(['base', 'other'], 'union'));
  const { model } = JSON.parse(readFileSync(join(output, 'tokenizer.json'), 'utf8'));
  expect(Object.keys(model.vocab)).toEqual(['<unk>', 'a', 'b', 'c', 'ab', 'bc']);
  expect(model.merges).toEqual(['a b', 'b c']);
});

it('a single row of no token is cut, which is told', async () => {
  const folder = folderOf({ base: { ...BASE, rows: 6 }, other: { ...BASE, offset: 2 } });
  const merged = await mergeFolder(folder, recipe(['base', 'other'], 'base'));
  expect(factsOf(merged, 'vocabulary-cut')).toEqual([{ model: 'base', tensor: EMBED, rows: 6, kept: 5 }]);
});

it('models of one tokenizer give a union all tokens that any of them has rows for', async () => {
  const more = [...TOKENS, 'x', 'y'];
  const short = { tokens: more, rows: 6, offset: 2 };
  const merged = await mergeFolder(
    folderOf({ base: BASE, short, long: { ...short, rows: 7, offset: 3 } }),
    recipe(['base', 'short', 'long'], 'union'),
  );
  expect(readTokens(merged.output)).toEqual(more);
});

it('a token that a model lacks has the row of the base, also where the base is none of the models', async () => {
  const models = {
    base: BASE,
    lacking: { tokens: TOKENS.slice(0, 4), offset: 2 },
    having: { tokens: TOKENS, offset: 3 },
  };
  // Slices have no part in a base that is none of their sources.
  const sources = ['lacking', 'having'].map((name) => `{model: ${name}, layer_range: [0, 1]}`);
  const merged = await mergeFolder(
    folderOf(models),
    `merge_method: linear\nbase_model: base\nslices: [{sources: [${sources}]}]\nparameters: {weight: 1}\ntokenizer_source: base\n`,
  );
  const rows = valuesOf(merged, EMBED);
  // Of the models' own rows, and for the last token of the base's instead of the one that is lacking.
  expect(rows[2 * 3]).toBe((valueAt(models.lacking, 3, 0) + valueAt(models.having, 3, 0)) / 2);
  expect(rows[2 * 4]).toBe((valueAt(models.base, 4, 0) + valueAt(models.having, 4, 0)) / 2);
});

it('merges of tokens that only another model has rows for are written once, in the order of the base', async () => {
  const tokens = ['<unk>', 'a', 'b', 'c', 'ab', 'bc'];
  const base = { tokens, merges: ['a b', 'b c'], rows: 4, offset: 1 };
  const other = { tokens, merges: ['b c', 'a b'], offset: 2 };
  const { output } = await mergeFolder(folderOf({ base, other }), recipe(['base', 'other'], 'union'));
  const { model } = JSON.parse(readFileSync(join(output, 'tokenizer.json'), 'utf8'));
  expect(Object.keys(model.vocab)).toEqual(tokens);
  expect(model.merges).toEqual(['a b', 'b c']);
});
