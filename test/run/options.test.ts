import { existsSync, readdirSync } from 'node:fs';
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

it('a merge that is ended while its files are hashed ends with the reason, and leaves nothing', async () => {
  const folder = temporaryFolder();
  writeLayered(folder, 'a', { offset: 1, layers: 3 });
  const stop = new AbortController();
  let written = 0;
  const merge = mergeFolder(folder, 'merge_method: linear\nmodels: [{model: a, parameters: {weight: 1}}]\n', {
    sha256: true,
    signal: stop.signal,
    onPlan: ({ plan }) => {
      written = -plan.jobs.length;
    },
    // After the last tensor there is nothing to do but to write what stands beside the weights.
    onProgress: ({ tensorsDone }) => {
      written += tensorsDone;
      if (written === 0) stop.abort(new Error('enough'));
    },
  });
  await expect(merge).rejects.toThrow('enough');
  expect(readdirSync(folder).sort()).toEqual(['a', expect.stringMatching(/^merge-\d+\.yaml$/)]);
});
