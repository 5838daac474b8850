/** What stands beside weights that are merged by tokens: tokenizer, chat template, and numbers of tokens in configs. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { commonTemplate } from '../../src/tokenizer/chat-templates.js';
import { type Merged, mergeFolder } from '../run/merge-folder.js';
import { readModel, type TensorToWrite, writeModel } from '../support/safetensors.js';
import { temporaryFolder } from '../support/temporary-folder.js';
import { readTokens, type TokenModel, writeTokenizer, writeTokenModel } from '../support/tokenizers.js';

const BASE: TokenModel = {
  tokens: ['<s>', '</s>', 'a', 'b', 'ab', 'c'],
  added: ['<s>', '</s>'],
  merges: ['a b'],
  offset: 1,
  config: { chat_template: 'of the base', bos_token: '<s>' },
  extra: { eos_token_id: 1, bos_token_id: 0, text_config: { pad_token_id: [1, 5] } },
};

const OTHER: TokenModel = {
  tokens: ['</s>', 'c', 'b', 'a', 'bc', 'abc', 'ab', 'd'],
  added: ['</s>', '<|im_end|>'],
  merges: ['b c', 'a bc', 'a b', 'x y'],
  offset: 2,
  config: {
    chat_template: [
      { name: 'tool_use', template: 'no' },
      { name: 'default', template: ' of the other\n' },
    ],
  },
};

const RECIPE =
  'merge_method: linear\nbase_model: base\nmodels: [{model: base}, {model: other}]\nparameters: {weight: 1}\n';

function folderOf(models: Readonly<Record<string, TokenModel>> = { base: BASE, other: OTHER }): string {
  const folder = temporaryFolder();
  for (const [name, model] of Object.entries(models)) writeTokenModel(folder, name, model);
  return folder;
}

const textOf = ({ output }: Merged, name: string): string => readFileSync(join(output, name), 'utf8');
const jsonOf = (merged: Merged, name: string) => JSON.parse(textOf(merged, name));

describe('a union of BPE vocabularies', () => {
  const union = (folder: string): Promise<Merged> => mergeFolder(folder, `${RECIPE}tokenizer_source: union\n`);

  it('makes other models’ tokens of text by their merges, after the base’s own', async () => {
    const { model, added_tokens: added } = jsonOf(await union(folderOf()), 'tokenizer.json');
    // Normal tokens first, in the order of their ids, then added ones.
    expect(Object.keys(model.vocab)).toEqual([...BASE.tokens, 'bc', 'abc', 'd', '<|im_end|>']);
    expect(model.merges).toEqual(['a b', 'b c', 'a bc']);
    expect(added.map(({ id, content }: { id: number; content: string }) => [id, content])).toEqual([
      [0, '<s>'],
      [1, '</s>'],
      [9, '<|im_end|>'],
    ]);
  });

  it('keeps the base’s form of merges, unless a token holds a space', async () => {
    const pairs = await union(folderOf({ base: { ...BASE, merges: [['a', 'b']] }, other: OTHER }));
    expect(jsonOf(pairs, 'tokenizer.json').model.merges).toEqual([
      ['a', 'b'],
      ['b', 'c'],
      ['a', 'bc'],
    ]);
    const spaced = { ...OTHER, tokens: [...OTHER.tokens, ' ', 'a '], merges: [['a', ' ']] };
    const mixed = await union(folderOf({ base: BASE, other: spaced }));
    expect(jsonOf(mixed, 'tokenizer.json').model.merges).toEqual([
      ['a', 'b'],
      ['a', ' '],
    ]);
  });

  it('adds tokens of another kind of tokenizer as words, as mergekit does, and says so', async () => {
    const merged = await union(folderOf({ base: BASE, other: { ...OTHER, kind: 'Unigram' } }));
    const { model, added_tokens: added } = jsonOf(merged, 'tokenizer.json');
    expect(Object.keys(model.vocab)).toEqual(BASE.tokens);
    expect(added.slice(2).map(({ content }: { content: string }) => content)).toEqual(['bc', 'abc', 'd', '<|im_end|>']);
    expect(merged.warnings.map(({ kind }) => kind)).toContain('tokenizer-unlike');
    // Nothing is said where nothing has to be added.
    const same = await union(folderOf({ base: BASE, other: { ...BASE, kind: 'Unigram', merges: [], offset: 2 } }));
    expect(same.warnings).toEqual([]);
  });

  it('takes the first definition of an added token and warns of another', async () => {
    const other = { ...OTHER, added: [{ content: '</s>', lstrip: true }, '<|im_end|>'] };
    const merged = await union(folderOf({ base: BASE, other }));
    expect(jsonOf(merged, 'tokenizer.json').added_tokens[1]).toMatchObject({ content: '</s>', lstrip: false });
    expect(merged.warnings).toEqual([{ kind: 'tokens-redefined', facts: { token: '</s>', model: 'other', count: 1 } }]);
  });

  it('lists its added tokens in tokenizer_config.json and leaves out files of the old vocabulary', async () => {
    const folder = folderOf();
    for (const name of ['vocab.json', 'merges.txt', 'tokenizer.model', 'special_tokens_map.json']) {
      writeFileSync(join(folder, 'base', name), 'x');
    }
    const merged = await union(folder);
    const flags = { single_word: false, lstrip: false, rstrip: false, normalized: false, special: true };
    expect(jsonOf(merged, 'tokenizer_config.json')).toEqual({
      ...BASE.config,
      added_tokens_decoder: {
        0: { content: '<s>', ...flags },
        1: { content: '</s>', ...flags },
        9: { content: '<|im_end|>', ...flags },
      },
    });
    expect(textOf(merged, 'special_tokens_map.json')).toBe('x');
    for (const name of ['vocab.json', 'merges.txt', 'tokenizer.model']) {
      expect(existsSync(join(merged.output, name))).toBe(false);
    }
  });

  it('drops tokens that the base has no row for, with their merges', async () => {
    const base = { ...BASE, rows: 4 };
    const merged = await mergeFolder(folderOf({ base, other: OTHER }), `${RECIPE}tokenizer_source: base\n`);
    expect(readTokens(merged.output)).toEqual(BASE.tokens.slice(0, 4));
    expect(jsonOf(merged, 'tokenizer.json').model.merges).toEqual([]);
    const facts = { model: 'base', token: BASE.tokens[4], count: BASE.tokens.length - 4, rows: 4 };
    expect(merged.warnings).toContainEqual({ kind: 'tokens-without-rows', facts });
  });
});

describe('the tokenizer of another model', () => {
  it('comes with its files, and configs number its tokens', async () => {
    const folder = folderOf();
    const ids = '"eos_token_id": [1, 4], "bad_words_ids": [[4], [1, 5]], "suppress_tokens": [5], "top_k": 5';
    writeFileSync(join(folder, 'base/generation_config.json'), `{${ids}}\n`);
    writeFileSync(join(folder, 'base/vocab.json'), 'x');
    writeFileSync(join(folder, 'base/LICENSE'), 'mine');
    const merged = await mergeFolder(folder, `${RECIPE}tokenizer_source: other\n`);
    for (const name of ['tokenizer.json', 'tokenizer_config.json']) {
      expect(textOf(merged, name)).toBe(readFileSync(join(folder, 'other', name), 'utf8'));
    }
    expect(existsSync(join(merged.output, 'vocab.json'))).toBe(false);
    expect(textOf(merged, 'LICENSE')).toBe('mine');
    // </s> is 0 there, ab is 6, c is 1; <s> it does not have.
    expect(merged.model.config).toMatchObject({
      eos_token_id: 0,
      bos_token_id: 0,
      text_config: { pad_token_id: [0, 1] },
    });
    const moved = '"eos_token_id": [0,6], "bad_words_ids": [[6],[0,1]], "suppress_tokens": [1], "top_k": 5';
    expect(textOf(merged, 'generation_config.json')).toBe(`{${moved}}\n`);
    expect(merged.warnings.filter(({ kind }) => kind === 'token-id-stale')).toEqual([
      { kind: 'token-id-stale', facts: { file: 'config.json', key: 'bos_token_id', id: 0, token: '<s>' } },
    ]);
  });

  /** Writes the models anew with one more tensor; `like` gives its shape and values. */
  const withMore = (folder: string, name: string, like: (rows: number) => TensorToWrite): void => {
    for (const [model, rows] of [
      ['base', 6],
      ['other', 9],
    ] as const) {
      const tensors = [...readModel(join(folder, model)).tensors].map(([own, tensor]) => ({ name: own, ...tensor }));
      writeModel(join(folder, model), [...tensors, { ...like(rows), name }], { config: { vocab_size: rows } });
    }
  };
  const filled = (rows: number): TensorToWrite => {
    return { name: '', dtype: 'F32', shape: [rows, 2], values: new Array<number>(2 * rows).fill(1) };
  };

  it('changes the size of a vocabulary that several embeddings share', async () => {
    const folder = folderOf();
    withMore(folder, 'encoder.embed_tokens.weight', filled);
    const merged = await mergeFolder(folder, `${RECIPE}tokenizer_source: union\n`);
    expect(merged.model.tensors.get('encoder.embed_tokens.weight')!.shape).toEqual([10, 2]);
    expect(merged.model.config).toMatchObject({ vocab_size: 10 });
  });

  it('is refused where an embedding is in none of the modules', async () => {
    const folder = folderOf();
    withMore(folder, 'visual.blocks.0.weight', () => filled(2));
    const recipe = `merge_method: linear
modules: {visual.blocks: {models: [{model: base, parameters: {weight: 1}}, {model: other, parameters: {weight: 1}}]}}
tokenizer_source: union
`;
    await expect(mergeFolder(folder, recipe)).rejects.toThrow(
      /yaml:3:19: tokenizer: rows of "model\.embed_tokens\.weight" would have to go by tokens, but it is in none/,
    );
  });

  it('may be of a folder without weights that is not merged', async () => {
    const folder = folderOf();
    mkdirSync(join(folder, 'words'));
    writeTokenizer(join(folder, 'words'), { tokens: ['b', 'zz', '<s>'] });
    const merged = await mergeFolder(folder, `${RECIPE}tokenizer: {source: words, tokens: {ab: {}}}\n`);
    expect(readTokens(merged.output)).toEqual(['b', 'zz', '<s>', 'ab']);
    expect(merged.model.config!.vocab_size).toBe(4);
    expect(merged.warnings.map(({ kind }) => kind).sort()).toEqual([
      ...['token-id-stale', 'token-id-stale', 'token-id-stale'],
      'tokens-zero',
      'vocabulary-cut',
      'vocabulary-cut',
    ]);
  });

  it('may be of a model that an earlier document makes', async () => {
    const folder = folderOf();
    const text = `merge_method: linear
models: [{model: base}, {model: other}]
parameters: {weight: 1}
tokenizer_source: tall
chat_template: auto
---
name: tall
${RECIPE}tokenizer_source: union
chat_template: chatml
`;
    writeFileSync(join(folder, 'steps.yaml'), text);
    const { m2mergeProcess } = await import('../support/cli.js');
    const planned = await m2mergeProcess(['plan', 'steps.yaml', 'out', '--json'], folder);
    expect(planned.stderr).toBe('');
    const run = await m2mergeProcess(['steps.yaml', 'out', '--quiet'], folder);
    expect(run).toMatchObject({ status: 0, stderr: '' });
    expect(readTokens(join(folder, 'out'))).toHaveLength(10);
  });
});

describe('chat templates', () => {
  const template = async (line: string, more: (folder: string) => void = () => {}) => {
    const folder = folderOf();
    more(folder);
    const merged = await mergeFolder(folder, `${RECIPE}chat_template: ${line}\n`);
    const text = existsSync(join(merged.output, 'chat_template.jinja'))
      ? textOf(merged, 'chat_template.jinja')
      : undefined;
    const { chat_template: inConfig, ...config } = jsonOf(merged, 'tokenizer_config.json');
    expect(config).toEqual({ bos_token: '<s>' });
    if (text !== undefined) expect(inConfig).toBe(text);
    return text ?? inConfig;
  };

  it('change nothing else of tokenizer_config.json, to the byte', async () => {
    const folder = folderOf();
    const config = '{"model_max_length": 1000000000000000019884624838656,  "chat_template" : "x"}';
    writeFileSync(join(folder, 'base/tokenizer_config.json'), config);
    const merged = await mergeFolder(folder, `${RECIPE}chat_template: "{{ bos_token }} {{ 1 }}"\n`);
    expect(textOf(merged, 'tokenizer_config.json')).toBe(config.replace('"x"', '"{{ bos_token }} {{ 1 }}"'));
  });

  it('are written as they are given', async () => {
    const text = "{% for message in messages %}{{ message['content'] }}\\n{% endfor %}";
    expect(await template(`"${text}"`)).toBe(text.replace('\\n', '\n'));
  });

  it('may be files, whose place does not get published', async () => {
    const path = join(temporaryFolder(), 'my.jinja');
    writeFileSync(path, 'of a file {{ 1 }}\n');
    expect(await template(path)).toBe('of a file {{ 1 }}\n');
    const beside = await template('here.jinja', (folder) => writeFileSync(join(folder, 'here.jinja'), 'beside'));
    expect(beside).toBe('beside');
    await expect(template('nowhere.jinja')).rejects.toThrow(/^chat template not found: .*nowhere\.jinja$/);
    const merged = await mergeFolder(folderOf(), `${RECIPE}chat_template: ${path}\n`);
    expect(textOf(merged, 'recipe.yaml')).toContain('chat_template: my.jinja\n');
    expect(textOf(merged, 'README.md')).not.toContain(path);
  });

  for (const [name, mark] of [
    ['chatml', '<|im_start|>'],
    ['llama3', '<|start_header_id|>'],
    ['alpaca', '### Instruction:'],
    ['mistral', '[INST]'],
    ['exaone', '[|assistant|]'],
  ] as const) {
    it(`are known by name: ${name}`, async () => {
      expect(await template(name)).toContain(mark);
    });
  }

  it('auto: that of most models, of several the one that comes first', async () => {
    expect(await template('auto')).toBe('of the base');
    const other = await template('auto', (folder) => {
      writeFileSync(join(folder, 'base/chat_template.jinja'), 'of the other\n');
      writeFileSync(join(folder, 'base/chat_template.json'), '{}');
    });
    expect(other).toBe('of the other');
    // The base's own stays as it is written, with those beside it.
    const folder = folderOf();
    const named = JSON.stringify({
      chat_template: [
        { name: 'default', template: 'd' },
        { name: 'tool_use', template: 't' },
      ],
    });
    for (const model of ['base', 'other']) writeFileSync(join(folder, model, 'tokenizer_config.json'), named);
    const merged = await mergeFolder(folder, `${RECIPE}chat_template: auto\n`);
    expect(textOf(merged, 'tokenizer_config.json')).toBe(named);
    expect(existsSync(join(merged.output, 'chat_template.jinja'))).toBe(false);
    expect(commonTemplate(['a', 'b', undefined, ' b\n', ''])).toBe('b');
    expect(commonTemplate([undefined, ' '])).toBeUndefined();
  });
});
