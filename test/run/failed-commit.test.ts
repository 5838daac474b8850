/** An output that cannot get its name at the end: the model that had it before is there as it was. */
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { OutputFolder } from '../../src/run/output-folder.js';
import { temporaryFolder } from '../support/temporary-folder.js';

it('gives the old model its name back', async () => {
  const place = temporaryFolder();
  const path = join(place, 'out');
  mkdirSync(path);
  writeFileSync(join(path, 'model.safetensors'), 'old');
  const output = await OutputFolder.create(path, [], true);
  await output.write('model.safetensors', 'new');
  // As a cleaner of temporary files would do, or a network disk that goes away.
  rmSync(output.workPath, { recursive: true });
  await expect(output.commit()).rejects.toMatchObject({ kind: 'output-unwritable' });
  await output.discard();
  expect(readdirSync(place)).toEqual(['out']);
  expect(readFileSync(join(path, 'model.safetensors'), 'utf8')).toBe('old');
});
