import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { loadRecipe } from '../../src/recipe/load.js';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'm2merge-recipe-'));
});
afterAll(() => rm(folder, { recursive: true }));

const TEXT = 'merge_method: linear\nmodels: [{model: mäth, parameters: {weight: 1}}]\n';

async function write(name: string, content: string | Uint8Array): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, content);
  return path;
}

test('a recipe has its file and its folder', async () => {
  const path = await write('plain.yaml', TEXT);
  const recipe = await loadRecipe(path);
  expect(recipe).toMatchObject({ file: path, folder, text: TEXT, method: 'linear' });
  expect(recipe.models[0]!.reference.text).toBe('mäth');
});

test('a byte order mark is not part of the text', async () => {
  expect((await loadRecipe(await write('bom.yaml', `\uFEFF${TEXT}`))).text).toBe(TEXT);
});

test('the folder is absolute for a relative path', async () => {
  const recipe = 'test/fixtures/conformance/cases/linear/recipe.yaml';
  expect((await loadRecipe(recipe)).folder).toBe(join(process.cwd(), 'test/fixtures/conformance/cases/linear'));
});

test('a file that is not there', async () => {
  await expect(loadRecipe(join(folder, 'absent.yaml'))).rejects.toMatchObject({
    kind: 'recipe-missing',
    facts: { path: join(folder, 'absent.yaml') },
  });
  const beneathFile = join(await write('file.yaml', TEXT), 'recipe.yaml');
  await expect(loadRecipe(beneathFile)).rejects.toMatchObject({ kind: 'recipe-missing' });
});

test('a folder', async () => {
  await expect(loadRecipe(folder)).rejects.toMatchObject({
    kind: 'recipe-unreadable',
    facts: { path: folder, reason: 'it is a folder, and a recipe is a YAML file' },
  });
});

test('bytes that are not UTF-8', async () => {
  const bytes = Uint8Array.from([...new TextEncoder().encode('name: x\nname: ab'), 0xe4, 0x0a]);
  await expect(loadRecipe(await write('latin1.yaml', bytes))).rejects.toMatchObject({
    kind: 'recipe-invalid',
    facts: {
      problems: [{ line: 2, column: 9, message: 'the recipe is not UTF-8 text', hint: 'save the file as UTF-8' }],
    },
  });
});

test('a file that is too long', async () => {
  const path = await write('long.yaml', `${TEXT}#${'x'.repeat(262_144)}`);
  await expect(loadRecipe(path)).rejects.toMatchObject({
    kind: 'recipe-invalid',
    facts: { problems: [{ line: 1, column: 1, message: 'the recipe is longer than 262144 bytes' }] },
  });
});

test('mistakes name the file as the user did', async () => {
  const path = await write('wrong.yaml', 'merge_method: linear\nmodels: []\n');
  await expect(loadRecipe(path)).rejects.toThrow(`${path}:2:9: models: expected a list of models, found an empty list`);
});
