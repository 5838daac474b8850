/** What `--overwrite` may replace, and what it leaves alone: nothing that is no model is deleted. */
import { copyFileSync, mkdirSync, readdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { m2merge } from '../support/command.js';
import { mountSmallDisk } from '../support/small-disk.js';
import { createWorkplace, RECIPE } from './workplace.js';

/** A folder `own` with these files beside the models of a workplace. */
function workplaceWith(files: Readonly<Record<string, string>>): string {
  const folder = createWorkplace();
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(join(folder, 'own', name, '..'), { recursive: true });
    writeFileSync(join(folder, 'own', name), text);
  }
  return folder;
}

/** Refused by the merge and by the plan, with the files as they were. */
async function expectKept(folder: string, recipe: string, says: RegExp, cwd = folder): Promise<void> {
  const before = readdirSync(folder, { recursive: true });
  const output = join(folder, 'own');
  const merged = await m2merge([recipe, output, '--overwrite'], cwd);
  expect(merged).toMatchObject({ status: 5, stdout: '' });
  expect(merged.stderr).toMatch(says);
  const planned = await m2merge([recipe, output, '--overwrite', '--plan'], cwd);
  expect(`${planned.stdout}${planned.stderr}`).toMatch(says);
  expect(readdirSync(folder, { recursive: true })).toEqual(before);
}

const MODEL = { 'model.safetensors': 'weights' };

it('a config alone makes no model of a folder', async () => {
  const folder = workplaceWith({ 'config.json': '{}', 'src/a.c': 'int main;' });
  await expectKept(folder, 'recipe.yaml', /own: the folder holds files but no model/);
});

it('a model in a repository of its own is left alone', async () => {
  const folder = workplaceWith({ ...MODEL, '.git/HEAD': 'ref: refs/heads/main' });
  await expectKept(folder, 'recipe.yaml', /own: the folder is a repository with a history/);
});

it.each([
  ['a thesis', { ...MODEL, 'config.json': '{}', 'thesis.tex': '' }, 'thesis.tex'],
  ['checkpoints of a run', { ...MODEL, 'checkpoint-200/optimizer.pt': '' }, 'checkpoint-200'],
  ['an adapter', { ...MODEL, 'lora.safetensors': '' }, 'lora.safetensors'],
  ['folders in what m2merge made', { ...MODEL, 'm2merge_manifest.json': '{}', 'mine/notes.txt': '' }, 'mine'],
])('a model beside %s is left alone', async (_, files, foreign) => {
  await expectKept(
    workplaceWith(files),
    'recipe.yaml',
    new RegExp(`own: the folder holds ${foreign}, which is no part`),
  );
});

it('weights by other names make no model of a folder', async () => {
  const folder = workplaceWith({ 'lora_v1.safetensors': '', 'lora_v2.safetensors': '' });
  await expectKept(folder, 'recipe.yaml', /own: the folder holds files but no model/);
});

it.each([
  'config.json generation_config.json model-00001-of-00002.safetensors model.safetensors.index.json tokenizer.json vocab.json',
  'README.md LICENSE .gitattributes config.json modeling_own.py model.safetensors additional_chat_templates/tool.jinja',
  'trainer_state.json training_args.bin all_results.json pytorch_model.bin .cache/huggingface/x',
  'm2merge_manifest.json geometry.html scores.csv',
])('a model of %s is replaced', async (names) => {
  const folder = workplaceWith(Object.fromEntries(names.split(' ').map((name) => [name, ''])));
  expect(await m2merge(['recipe.yaml', 'own', '--overwrite', '--quiet'], folder)).toMatchObject({
    status: 0,
    stderr: '',
  });
  expect(readdirSync(join(folder, 'own'))).not.toContain(names.split(' ').at(-1));
});

it.each(['model.safetensors', 'config.json'])(
  'a folder that %s of an input is a link into is left alone',
  async (name) => {
    const folder = workplaceWith({});
    renameSync(join(folder, 'a'), join(folder, 'own'));
    mkdirSync(join(folder, 'a'));
    for (const file of readdirSync(join(folder, 'own'))) {
      if (file === name) symlinkSync(`../own/${file}`, join(folder, 'a', file));
      else copyFileSync(join(folder, 'own', file), join(folder, 'a', file));
    }
    if (name === 'config.json') {
      writeFileSync(join(folder, 'own', name), '{}');
      symlinkSync(`../own/${name}`, join(folder, 'a', name));
    }
    await expectKept(folder, 'recipe.yaml', /own is, holds or lies inside the input model a/);
  },
);

it('a folder that holds the recipe is left alone', async () => {
  const folder = workplaceWith({ ...MODEL, 'my.yaml': RECIPE.replaceAll(/\b(base|a|b)(?=$|,)/gm, '../$1') });
  await expectKept(folder, 'own/my.yaml', /own holds the recipe, which would be deleted/);
});

it('a folder that holds the chat template is left alone', async () => {
  const folder = workplaceWith({ ...MODEL, 'chat.jinja': '{{ messages }}' });
  writeFileSync(join(folder, 'recipe.yaml'), `${RECIPE}chat_template: own/chat.jinja\n`);
  await expectKept(folder, 'recipe.yaml', /own holds the chat template, which would be deleted/);
});

it('a folder that holds the working folder is left alone', async () => {
  const folder = workplaceWith({ ...MODEL, 'here/notes.txt': 'mine' });
  await expectKept(
    folder,
    '../../recipe.yaml',
    /own holds the working folder, which would be deleted/,
    join(folder, 'own/here'),
  );
});

it('a folder where another disk begins is refused before anything is written', async (context) => {
  const folder = createWorkplace();
  mkdirSync(join(folder, 'own'));
  mountSmallDisk(context, 1, join(folder, 'own'));
  await expectKept(folder, 'recipe.yaml', /own: another disk begins there/);
  expect((await m2merge(['recipe.yaml', 'own'], folder)).stderr).toContain('hint: name a folder inside it');
});

it('a name that leaves no room for that of the model it replaces is refused before anything is written', async () => {
  const folder = createWorkplace();
  const name = 'x'.repeat(225);
  const { status, stderr } = await m2merge(['recipe.yaml', name], folder);
  expect({ status, stderr }).toMatchObject({
    status: 5,
    stderr: expect.stringMatching(/ENAMETOOLONG\nhint: choose a/),
  });
  expect(readdirSync(folder).sort()).toEqual(['a', 'b', 'base', 'recipe.yaml']);
});

it('a model that is replaced but cannot be removed is told, and the merge is done', async (context) => {
  const folder = workplaceWith({ ...MODEL, '.cache/x': '' });
  mountSmallDisk(context, 1, join(folder, 'own/.cache'));
  const { status, stdout, stderr } = await m2merge(['recipe.yaml', 'own', '--overwrite'], folder);
  expect({ status, stderr }).toEqual({
    status: 0,
    stderr: expect.stringMatching(
      /^warning: the model that was replaced could not be removed: .*\.own\.m2merge-.*-replaced\n$/,
    ),
  });
  expect(stdout).toContain('merged  2 models');
  expect(readdirSync(join(folder, 'own'))).toContain('m2merge_manifest.json');
  // Back to where it is unmounted.
  const replaced = readdirSync(folder).find((name) => name.endsWith('-replaced'));
  rmSync(join(folder, 'own'), { recursive: true });
  renameSync(join(folder, replaced!), join(folder, 'own'));
});
