/** Which tokenizers are of a like kind, so that a union makes the tokens of one normal tokens of the other. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type Merged, mergeFolder } from '../run/merge-folder.js';
import { temporaryFolder } from '../support/temporary-folder.js';
import { readTokens, type TokenModel, writeTokenModel } from '../support/tokenizers.js';

const TOKENS = ['<unk>', 'a', 'b'];

type Json = Record<string, unknown> & { model: Record<string, unknown> };

/** Writes models of these tokenizers, the first of which is the base, and joins them. */
async function union(models: readonly (Omit<TokenModel, 'offset'> & { change?: (json: Json) => void })[]) {
  const folder = temporaryFolder();
  const names = models.map((_, i) => (i === 0 ? 'base' : `model-${i}`));
  models.forEach(({ change, ...model }, i) => {
    writeTokenModel(folder, names[i]!, { ...model, offset: i });
    const file = join(folder, names[i]!, 'tokenizer.json');
    const json = JSON.parse(readFileSync(file, 'utf8'));
    change?.(json);
    writeFileSync(file, JSON.stringify(json));
  });
  const listed = names.map((name) => `{model: ${name}, parameters: {weight: 1}}`);
  return mergeFolder(folder, `merge_method: linear\nbase_model: base\nmodels: [${listed}]\ntokenizer_source: union\n`);
}

const jsonOf = ({ output }: Merged): Json => JSON.parse(readFileSync(join(output, 'tokenizer.json'), 'utf8'));
const unlike = ({ warnings }: Merged): unknown[] =>
  warnings.filter(({ kind }) => kind === 'tokenizer-unlike').map(({ facts }) => facts);

describe('WordPiece', () => {
  const kind = 'WordPiece';
  const decoder = { type: 'WordPiece', prefix: '##', cleanup: true };
  const withDecoder = (json: Json): void => void Object.assign(json, { decoder });

  it('is alike where text is put together in the same way', async () => {
    const base = { tokens: TOKENS, kind, change: withDecoder } as const;
    const merged = await union([base, { ...base, tokens: [...TOKENS, '##c'] }]);
    expect(unlike(merged)).toEqual([]);
    expect(jsonOf(merged).model.vocab).toEqual({ '<unk>': 0, a: 1, b: 2, '##c': 3 });
  });

  it('is not where only one decodes its prefixes', async () => {
    const merged = await union([
      { tokens: TOKENS, kind, change: withDecoder },
      { tokens: [...TOKENS, '##c'], kind },
    ]);
    expect(unlike(merged)).toEqual([{ model: 'model-1', kind, base: 'base', baseKind: kind }]);
    expect(readTokens(merged.output)).toEqual([...TOKENS, '##c']);
    expect(jsonOf(merged).model.vocab).toEqual({ '<unk>': 0, a: 1, b: 2 });
  });
});

describe('files that do not name their kind', () => {
  const withoutType = (json: Json): void => void delete json.model.type;

  it.each(['BPE', 'WordPiece', 'Unigram'] as const)('are told to be %s by what they hold', async (kind) => {
    const merged = await union([
      { tokens: TOKENS, kind },
      { tokens: [...TOKENS, 'c'], kind, change: withoutType },
    ]);
    expect(unlike(merged)).toEqual([]);
    expect(JSON.stringify(jsonOf(merged).model.vocab)).toContain('"c"');
  });

  it('are named as what they are told to be', async () => {
    const merged = await union([
      { tokens: TOKENS, kind: 'BPE' },
      { tokens: [...TOKENS, 'c'], kind: 'WordPiece', change: withoutType },
    ]);
    expect(unlike(merged)).toEqual([{ model: 'model-1', kind: 'WordPiece', base: 'base', baseKind: 'BPE' }]);
  });
});

describe('Unigram', () => {
  const kind = 'Unigram';

  it('takes the score of the first model that has a token', async () => {
    // The scores are −id/2.
    const merged = await union([
      { tokens: TOKENS, kind },
      { tokens: [...TOKENS, 'c'], kind },
      { tokens: ['<unk>', 'a', 'd', 'b', 'x', 'c'], kind },
    ]);
    expect(jsonOf(merged).model.vocab).toEqual(
      [
        ['<unk>', -0],
        ['a', -0.5],
        ['b', -1],
        ['c', -1.5],
        ['d', -1],
        ['x', -2],
      ].map(([token, score]) => [token, (score as number) + 0]),
    );
  });

  it('joins nothing to a list with gaps, in which places would not be ids', async () => {
    const merged = await union([
      { tokens: TOKENS, kind, added: [{ content: '<far>', id: 5 }], rows: 6 },
      { tokens: [...TOKENS, 'c'], kind },
    ]);
    expect(unlike(merged)).toEqual([{ model: 'model-1', kind, base: 'base', baseKind: kind }]);
    expect(jsonOf(merged).model.vocab).toHaveLength(TOKENS.length);
  });
});
