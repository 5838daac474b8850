/** `chat_template: auto` counts the default template of each model, and no blank ones. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { mergeFolder } from '../run/merge-folder.js';
import { temporaryFolder } from '../support/temporary-folder.js';
import { writeTokenModel } from '../support/tokenizers.js';

/** The template that is written; undefined where the base's files stay as they are. */
async function chosenOf(...templates: readonly unknown[]): Promise<string | undefined> {
  const folder = temporaryFolder();
  const names = templates.map((_, i) => (i === 0 ? 'base' : `model-${i}`));
  templates.forEach((template, i) => {
    writeTokenModel(folder, names[i]!, { tokens: ['a', 'b'], offset: i, config: { chat_template: template } });
  });
  const models = names.map((name) => `{model: ${name}, parameters: {weight: 1}}`);
  const recipe = `merge_method: linear\nbase_model: base\nmodels: [${models}]\nchat_template: auto\n`;
  const { output } = await mergeFolder(folder, recipe);
  const file = join(output, 'chat_template.jinja');
  return existsSync(file) ? readFileSync(file, 'utf8') : undefined;
}

it('of templates by name it is the default one, whichever comes first', async () => {
  const named = (other: string) => [
    { name: 'tool_use', template: other },
    { name: 'default', template: 'common' },
  ];
  expect(await chosenOf('of the base', named('one'), named('two'))).toBe('common');
});

it('templates by name without a default are none', async () => {
  const named = [{ name: 'tool_use', template: 'tools' }];
  expect(await chosenOf(named, named, 'of one')).toBe('of one');
});

it('blank ones are none, however many models have them', async () => {
  expect(await chosenOf(' \n', '', ' \n', 'of one')).toBe('of one');
  expect(await chosenOf(' \n', ' \n')).toBeUndefined();
});
