import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { writeLayered } from '../support/layered-models.js';
import { temporaryFolder } from '../support/temporary-folder.js';
import { mergeFolder } from './merge-folder.js';

it.each([{ threads: Number.NaN }, { threads: 0 }, { tileElements: Number.NaN }, { tileElements: 0.5 }])(
  '%o is refused, and nothing is left',
  async (options) => {
    const folder = temporaryFolder();
    writeLayered(folder, 'a', { offset: 1, layers: 1 });
    const merge = mergeFolder(folder, 'merge_method: passthrough\nmodels: [{model: a}]\n', options);
    await expect(merge).rejects.toMatchObject({
      kind: 'usage',
      message: expect.stringContaining('a whole number above 0'),
    });
    expect(existsSync(join(folder, 'merged'))).toBe(false);
  },
);
