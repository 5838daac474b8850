/** Files beside weights that would contradict a new chat template or new numbers of tokens. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { mergeFolder } from '../run/merge-folder.js';
import { temporaryFolder } from '../support/temporary-folder.js';
import { writeTokenModel } from '../support/tokenizers.js';

const RECIPE =
  'merge_method: linear\nbase_model: base\nmodels: [{model: base}, {model: other}]\nparameters: {weight: 1}\n';

function models(): string {
  const folder = temporaryFolder();
  writeTokenModel(folder, 'base', { tokens: ['<s>', 'a', 'b', 'c'], offset: 1, config: { chat_template: 'old' } });
  writeTokenModel(folder, 'other', { tokens: ['c', 'b', 'a', '<s>'], offset: 2 });
  return folder;
}

it('an old template in chat_template.json does not stay beside a new one', async () => {
  const folder = models();
  writeFileSync(join(folder, 'base/chat_template.json'), '{"chat_template": "old"}');
  const { output } = await mergeFolder(folder, `${RECIPE}chat_template: chatml\n`);
  expect(readFileSync(join(output, 'chat_template.jinja'), 'utf8')).toContain('<|im_start|>');
  expect(existsSync(join(output, 'chat_template.json'))).toBe(false);
  // Without a new one it goes along.
  const kept = await mergeFolder(folder, RECIPE);
  expect(readFileSync(join(kept.output, 'chat_template.json'), 'utf8')).toBe('{"chat_template": "old"}');
});

it('one stays beside a vocabulary that is new, which it does not hold', async () => {
  const folder = models();
  writeTokenModel(folder, 'other', { tokens: ['c', 'b', 'a', '<s>', 'd'], offset: 2 });
  for (const name of ['chat_template.json', 'vocab.json']) writeFileSync(join(folder, 'base', name), '{}');
  const { output } = await mergeFolder(folder, `${RECIPE}tokenizer_source: union\n`);
  expect(existsSync(join(output, 'chat_template.json'))).toBe(true);
  expect(existsSync(join(output, 'vocab.json'))).toBe(false);
});

it('tokens that are not to be written are numbered anew, also those that no text begins with', async () => {
  const folder = models();
  const ids = { suppress_tokens: [0, 1], begin_suppress_tokens: [1, 3], begin_suppress_tokens_count: 1 };
  writeFileSync(join(folder, 'base/generation_config.json'), JSON.stringify(ids));
  const { output } = await mergeFolder(folder, `${RECIPE}tokenizer_source: other\n`);
  // <s> is 3 there, a is 2, c is 0; what only is called like a list of tokens is none.
  expect(JSON.parse(readFileSync(join(output, 'generation_config.json'), 'utf8'))).toEqual({
    suppress_tokens: [3, 2],
    begin_suppress_tokens: [2, 0],
    begin_suppress_tokens_count: 1,
  });
});
