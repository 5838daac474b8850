import { mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { listSideFiles } from '../../src/checkpoint/side-files.js';
import { temporaryFolder } from '../support/temporary-folder.js';

function write(folder: string, names: readonly string[]): void {
  for (const name of names) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), '');
  }
}

const ALONG = [
  'LICENSE',
  'LICENSE-MODEL.md',
  'NOTICE.txt',
  'USE_POLICY.md',
  'additional_chat_templates/tool_use.jinja',
  'chat_template.jinja',
  'generation_config.json',
  'merges.txt',
  'preprocessor_config.json',
  'tokenizer.json',
  'tokenizer.model',
  'tokenizer_config.json',
];

test('tokenizer, templates, processors and licence, sorted; nothing else', async () => {
  const folder = temporaryFolder();
  write(folder, ALONG);
  write(folder, [
    'README.md',
    'config.json',
    'model.safetensors',
    'model.safetensors.index.json',
    'consolidated.safetensors',
    'pytorch_model.bin',
    'LICENSE.bin',
    'NOTICE.gguf',
    'license.safetensors',
    'modeling_custom.py',
    'train_log.json',
    'additional_chat_templates/notes.txt',
    'additional_chat_templates/.hidden.jinja',
    'original/tokenizer.model',
  ]);
  expect(await listSideFiles(folder)).toEqual(ALONG);
});

test('regular files only, through links', async () => {
  const folder = temporaryFolder();
  write(folder, ['blobs/1']);
  mkdirSync(join(folder, 'tokenizer.json'));
  symlinkSync('blobs/1', join(folder, 'vocab.json'));
  expect(await listSideFiles(folder)).toEqual(['vocab.json']);
  for (const name of ['merges.txt', 'additional_chat_templates']) {
    symlinkSync('nothing', join(folder, name));
    const facts = { path: join(folder, name), reason: 'it is a link to nothing' };
    await expect(listSideFiles(folder)).rejects.toMatchObject({ kind: 'file-unreadable', facts });
    rmSync(join(folder, name));
  }
});

test('a folder that is not there', async () => {
  await expect(listSideFiles(join(temporaryFolder(), 'nothing'))).rejects.toThrow('cannot read');
});

test('a real model', async () => {
  expect(await listSideFiles('recipes/tiny-rlvr/math')).toEqual([
    'generation_config.json',
    'tokenizer.json',
    'tokenizer_config.json',
  ]);
});
