/** What leaves the machine with a recipe's text and a model card. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { withoutPrivateText } from '../../src/report/private-text.js';
import { withoutMachinePaths } from '../../src/report/public-names.js';
import { mergeFolder } from '../run/merge-folder.js';
import { writeLayered } from '../support/layered-models.js';
import { temporaryFolder } from '../support/temporary-folder.js';

describe('a recipe for others', () => {
  const cases: readonly [string, string, string][] = [
    ['comments', '# - model: /home/me/Models/yi #+/home/me/lora', '# - model: yi #+lora'],
    ['home folders', 'a: 1 # ~/models/sft, then', 'a: 1 # sft, then'],
    ['Windows', '# see C:\\Users\\me\\x and D:/Uni/y', '# see x and y'],
    ['addresses of files', '# file:///data/me/notes.txt', '# notes.txt'],
    ['values that no key reads', 'cache: /home/me/cache', 'cache: cache'],
    ['values written with escapes', 'model: "/home/me/\\x41"', 'model: "A"'],
    ['quotes that the rest needs', "junk: ['/home/me/#1', /a/&b]", 'junk: ["#1", "&b"]'],
    ['tokens of the Hub', `# HF_TOKEN=hf_${'aB3'.repeat(11)}x`, '# HF_TOKEN=hf_…'],
  ];
  for (const [name, text, expected] of cases) it(name, () => expect(withoutPrivateText(text)).toBe(expected));

  const kept = [
    '# https://huggingface.co/org/name/tree/main, and/or this, 1/2/3, ../models/x, ./a/b\nmodel: org/name',
    'chat_template: |\n  {# /in/a/block #} {{ "</s>" }} [/INST]\ntokens: {"/": 1, "//": 2, "/s": 3}',
    "filter: \"regex:/a/b\"\r\nx: 'it''s' # ok\r\n",
    '\ufeffa: [1, {b: 2}]\n---\nc: >-\n  x\n...\n',
  ];
  for (const text of kept) it(`keeps ${JSON.stringify(text)}`, () => expect(withoutPrivateText(text)).toBe(text));
});

describe('the models of a recipe for others', () => {
  const cases: readonly [string, string, readonly string[], string][] = [
    [
      'a path inside of a longer one that stays',
      '[/base, ./experts/base]',
      ['/base', './experts/base'],
      '[base, ./experts/base]',
    ],
    ['a path that begins like another', '[/m/a, /m/a-2]', ['/m/a', '/m/a-2'], '[a, a-2]'],
    [
      'names that mean something to who replaces',
      '[/home/me/$&x, /data/a$$b]',
      ['/home/me/$&x', '/data/a$$b'],
      '[$&x, a$$b]',
    ],
    ['names that are patterns', '[/m/a.b, /m/a+b, /m/(c]', ['/m/a.b', '/m/(c'], '[a.b, /m/a+b, (c]'],
  ];
  for (const [name, text, references, expected] of cases) {
    it(name, () => expect(withoutMachinePaths(text, references)).toBe(expected));
  }
});

describe.skipIf(process.platform === 'win32')('a model card', () => {
  it('shows names and recipes that look like markup as they are', async () => {
    const folder = temporaryFolder();
    const name = 'B|<b>`x`';
    writeLayered(folder, name, { offset: 1, layers: 1 });
    const recipe = `merge_method: passthrough\n# \`\`\`\n# </td>\nmodels: [{model: ${JSON.stringify(name)}}]\n`;
    const { output } = await mergeFolder(folder, recipe);
    const card = readFileSync(join(output, 'README.md'), 'utf8');
    expect(card).toContain('\n| B\\|&lt;b\\>\\`x\\` | model | not on the Hub |\n');
    expect(card).toContain(`\n\`\`\`\`yaml\n${recipe}\`\`\`\`\n`);
  });
});
