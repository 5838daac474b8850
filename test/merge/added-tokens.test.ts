/** What files say of added tokens, and which of them counts: shown by the tokenizer of a union. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type Merged, mergeFolder } from '../run/merge-folder.js';
import { temporaryFolder } from '../support/temporary-folder.js';
import { readTokens, type TokenModel, writeTokenModel } from '../support/tokenizers.js';

const BASE: TokenModel = { tokens: ['<s>', '</s>', 'a', 'b'], offset: 1 };
const OTHER: TokenModel = { ...BASE, added: ['<|new|>'], offset: 2 };

function union(base: Partial<TokenModel>, other: Partial<TokenModel> = {}): Promise<Merged> {
  const folder = temporaryFolder();
  writeTokenModel(folder, 'base', { ...BASE, ...base });
  writeTokenModel(folder, 'other', { ...OTHER, ...other });
  return mergeFolder(
    folder,
    'merge_method: linear\nbase_model: base\nmodels: [{model: base}, {model: other}]\nparameters: {weight: 1}\ntokenizer_source: union\n',
  );
}

const addedOf = ({ output }: Merged): Record<string, unknown>[] =>
  JSON.parse(readFileSync(join(output, 'tokenizer.json'), 'utf8')).added_tokens;

describe('flags that a file leaves out', () => {
  const bare = (content: string, more: object = {}) => {
    const left = { single_word: undefined, lstrip: undefined, rstrip: undefined, normalized: undefined };
    return { content, ...left, special: undefined, ...more };
  };

  it('are false, but text is normalized before it is searched for a token that is not special', async () => {
    const merged = await union({ added: [bare('<s>', { special: true }), bare('</s>')] });
    const flags = { single_word: false, lstrip: false, rstrip: false };
    expect(addedOf(merged).slice(0, 2)).toEqual([
      { id: 0, content: '<s>', ...flags, normalized: false, special: true },
      { id: 1, content: '</s>', ...flags, normalized: true, special: false },
    ]);
  });

  it('make no other definition than the same flags written out', async () => {
    const written = [
      { content: '<s>', normalized: false, special: true },
      { content: '</s>', normalized: true, special: false },
    ];
    const merged = await union(
      { added: [bare('<s>', { special: true }), bare('</s>')] },
      { added: [...written, '<|new|>'] },
    );
    expect(merged.warnings).toEqual([]);
  });
});

describe('a token that is described twice', () => {
  it('is as tokenizer.json has it, whatever tokenizer_config.json says', async () => {
    const decoder = {
      0: { content: '<s>', lstrip: true, special: false },
      1: { content: '</s>', rstrip: true, special: true },
    };
    const merged = await union({ added: ['<s>'], config: { added_tokens_decoder: decoder } });
    const [first, second] = addedOf(merged);
    expect(first).toMatchObject({ content: '<s>', lstrip: false, special: true });
    // The other is described there alone.
    expect(second).toMatchObject({ content: '</s>', rstrip: true, special: true });
  });
});

describe('an added token of the vocabulary', () => {
  it('has the id of the vocabulary, whatever stands beside it', async () => {
    const merged = await union({ added: [{ content: '<s>', id: 7 }] });
    expect(addedOf(merged).map(({ id, content }) => [id, content])).toEqual([
      [0, '<s>'],
      [4, '<|new|>'],
    ]);
    expect(readTokens(merged.output)).toEqual([...BASE.tokens, '<|new|>']);
  });
});
